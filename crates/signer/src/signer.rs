//! What SNS does when it delivers.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;

use crate::message::signed_bytes;
use crate::{Envelope, LeafOptions, Message, SignerError, TestRoot, Version};

/// Signs messages with one RSA-2048 key and its certificate.
#[derive(Debug)]
pub struct Signer {
    key: RsaKeyPair,
    certificate: String,
    base: Option<String>,
}

/// The hexadecimal part of the certificate's file name. AWS changes it with each certificate.
const FILE: &str = "SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

impl Signer {
    /// A signer with the certificate that most commercial regions use.
    ///
    /// # Errors
    /// [`SignerError`] when no key or certificate can be made.
    pub fn new(root: &TestRoot) -> Result<Self, SignerError> {
        Self::with_leaf(root, &LeafOptions::default())
    }

    /// A signer with a certificate of another look.
    ///
    /// # Errors
    /// [`SignerError`] when no key or certificate can be made.
    pub fn with_leaf(root: &TestRoot, options: &LeafOptions) -> Result<Self, SignerError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignerError::Key)?;
        let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| SignerError::Key)?;
        let for_certificate = KeyPair::try_from(pkcs8.as_ref())?;
        let certificate = root.issue(&for_certificate, options)?.pem();
        Ok(Self { key, certificate, base: None })
    }

    /// Puts this base, such as `http://127.0.0.1:9000`, in place of the AWS host of the topic's region in every URL.
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        self.base = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// The file behind `SigningCertURL`: the leaf only, as at AWS.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// The path under which the certificate has to be served.
    pub fn certificate_path(&self) -> String {
        format!("/{FILE}")
    }

    /// Signs a message and adds the fields that are not signed.
    ///
    /// # Errors
    /// [`SignerError::Key`] when the key cannot sign.
    pub fn sign(&self, message: &Message, version: Version) -> Result<Envelope, SignerError> {
        let base = self.base.clone().unwrap_or_else(|| aws_base(&message.topic));
        let mut fields = message.fields(&base);
        let signature = self.signature(&signed_bytes(&fields), version)?;
        fields.insert("SignatureVersion".into(), version.as_str().into());
        fields.insert("Signature".into(), STANDARD.encode(signature).into());
        fields.insert("SigningCertURL".into(), format!("{base}/{FILE}").into());
        Ok(Envelope { fields })
    }

    /// Signs an envelope again after its fields were changed: what SNS would have sent, had it sent these.
    ///
    /// # Errors
    /// [`SignerError::Key`] when the key cannot sign.
    pub fn sign_again(&self, envelope: &mut Envelope, version: Version) -> Result<(), SignerError> {
        let signature = self.signature(&signed_bytes(&envelope.fields), version)?;
        envelope.fields.insert("SignatureVersion".into(), version.as_str().into());
        envelope.fields.insert("Signature".into(), STANDARD.encode(signature).into());
        Ok(())
    }

    /// Signs bytes as they are: for forgeries that re-cut a genuine message.
    ///
    /// # Errors
    /// [`SignerError::Key`] when the key cannot sign.
    pub fn signature(&self, bytes: &[u8], version: Version) -> Result<Vec<u8>, SignerError> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        match version {
            Version::V2 => self
                .key
                .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
                .map_err(|_| SignerError::Key)?,
            Version::V1 => crate::sha1::sign(&self.key, bytes, &mut signature)?,
        }
        Ok(signature)
    }
}

/// `https://sns.<region>.<suffix>`, for the two partitions that tests use.
fn aws_base(topic: &str) -> String {
    let mut parts = topic.split(':').skip(1);
    let suffix = if parts.next() == Some("aws-cn") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sns.{}.{suffix}", parts.nth(1).unwrap_or_default())
}
