//! Development only: a simulated AWS account, Clouddriver and SNS signer.
