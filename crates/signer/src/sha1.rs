//! RSASSA-PKCS1-v1_5 with SHA-1 (RFC 8017, 8.2.1), for signature version 1.
//!
//! aws-lc-rs verifies such signatures but, rightly, makes none; every SNS topic that nobody has changed sends them, so a test signer must. It is slow
//! and not constant in time, which does not matter for a key that lives as long as a test.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::RsaKeyPair;
use x509_parser::der_parser::der::{DerObject, parse_der};
use x509_parser::der_parser::num_bigint::BigUint;

use crate::SignerError;

/// DER of `DigestInfo` up to the digest, for SHA-1 (RFC 8017, 9.2, note 1).
const DIGEST_INFO: [u8; 15] =
    [0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];

pub(crate) fn sign(key: &RsaKeyPair, bytes: &[u8], signature: &mut [u8]) -> Result<(), SignerError> {
    let (modulus, exponent) = private_parts(key)?;
    let encoded = encoded_message(bytes, signature.len());
    let number = BigUint::from_bytes_be(&encoded).modpow(&exponent, &modulus).to_bytes_be();
    let start = signature.len().checked_sub(number.len()).ok_or(SignerError::Key)?;
    signature.fill(0);
    signature[start..].copy_from_slice(&number);
    Ok(())
}

/// `00 01 FF … FF 00 DigestInfo`, as long as the modulus.
fn encoded_message(bytes: &[u8], length: usize) -> Vec<u8> {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let tail = [&[0][..], &DIGEST_INFO, digest.as_ref()].concat();
    let padding = vec![0xff; length.saturating_sub(2 + tail.len())];
    [&[0, 1][..], &padding, &tail].concat()
}

/// Modulus and private exponent, out of PKCS #8 around PKCS #1.
fn private_parts(key: &RsaKeyPair) -> Result<(BigUint, BigUint), SignerError> {
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(|_| SignerError::Key)?;
    let outer = parsed(pkcs8.as_ref())?;
    let inner = parsed(element(&outer, 2)?)?;
    let number = |index| element(&inner, index).map(BigUint::from_bytes_be);
    Ok((number(1)?, number(3)?))
}

fn parsed(der: &[u8]) -> Result<DerObject<'_>, SignerError> {
    parse_der(der).map(|(_, object)| object).map_err(|_| SignerError::Key)
}

fn element<'a>(sequence: &'a DerObject<'a>, index: usize) -> Result<&'a [u8], SignerError> {
    let elements = sequence.as_sequence().map_err(|_| SignerError::Key)?;
    elements.get(index).and_then(|object| object.as_slice().ok()).ok_or(SignerError::Key)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_with_sha_1_verifies_and_that_of_other_bytes_does_not() {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let mut signature = [0; 256];
        sign(&key, b"bytes", &mut signature).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key.public_key().as_ref());
        public.verify(b"bytes", &signature).unwrap();
        public.verify(b"others", &signature).unwrap_err();
    }
}
