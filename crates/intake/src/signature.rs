//! The signature check.

use aws_event_cache_model::Timestamp;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::envelope::{Envelope, SignatureVersion};
use crate::refusal::Refusal;

/// How far our clock and that of the certificate's issuer may differ.
pub(crate) const CLOCK_LEEWAY_SECONDS: i64 = 300;

/// Longest signature taken, in bytes: that of a 4096-bit key, the largest accepted.
const SIGNATURE_LIMIT: usize = 512;

/// A certificate that has been checked, as far as a message needs it: its key, parsed once, and its validity.
pub struct SigningCertificate {
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl std::fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningCertificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl SigningCertificate {
    /// Takes an RSA key, as PKCS #1 `RSAPublicKey`.
    pub(crate) fn new(key: &[u8], not_before: Timestamp, not_after: Timestamp) -> Option<Self> {
        let sha1 = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key).ok()?;
        let sha256 = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).ok()?;
        Some(Self { sha1, sha256, not_before, not_after })
    }

    /// Whether the certificate is within its validity, give or take the leeway. Asked at each use, since a key outlives its certificate in a cache.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        let now = now.as_second();
        now >= self.not_before.as_second().saturating_sub(CLOCK_LEEWAY_SECONDS)
            && now <= self.not_after.as_second().saturating_add(CLOCK_LEEWAY_SECONDS)
    }

    /// Checks an envelope's signature: RSASSA-PKCS1-v1_5 with SHA-1 (version 1) or SHA-256 (version 2).
    ///
    /// # Errors
    /// [`Refusal::BadSignature`].
    pub fn verify(&self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let key = match envelope.version {
            SignatureVersion::V1 => &self.sha1,
            SignatureVersion::V2 => &self.sha256,
        };
        let mut signature = [0; SIGNATURE_LIMIT];
        let length =
            STANDARD.decode_slice(envelope.signature.as_bytes(), &mut signature).map_err(|_| Refusal::BadSignature)?;
        key.verify_sig(&envelope.signed_bytes(), &signature[..length]).map_err(|_| Refusal::BadSignature)
    }
}
