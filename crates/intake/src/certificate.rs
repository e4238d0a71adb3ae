//! Whether a file is a signing certificate of SNS for a topic. Pure: the file has been fetched, `now` is passed in.

use std::sync::Arc;

use aws_event_cache_model::Timestamp;
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_AUTHORITY_INFO_ACCESS};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use crate::signature::SigningCertificate;

/// Most certificates in one file: a leaf and every intermediate that a chain of Amazon has had, with room.
const FILE_LIMIT: usize = 4;

/// Where issuers' certificates are fetched from: Amazon Trust Services publishes all of its own under this domain (`http://crt.*.amazontrust.com`). The
/// address stands in a certificate, so it is not followed elsewhere.
const ISSUER_DOMAIN: &str = ".amazontrust.com";

/// What is wrong with a signing certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Not PEM, or PEM of something else.
    #[error("the file is not one to {FILE_LIMIT} PEM certificates")]
    NotPem,
    /// Not an X.509 certificate.
    #[error("the file does not hold an X.509 certificate")]
    NotX509,
    /// The key is not RSA of 2048 to 4096 bits.
    #[error("the key is not RSA of 2048 to 4096 bits")]
    Key,
    /// Not valid now.
    #[error("the certificate is not valid now")]
    Validity,
    /// It is for another name.
    #[error("the certificate is not for {expected}")]
    Name {
        /// The name it should have been for.
        expected: String,
    },
    /// No chain to a trusted root.
    #[error("no chain leads to a trusted root: {reason}")]
    Chain {
        /// In the verifier's words.
        reason: String,
    },
}

/// A file taken apart: the leaf, and whatever came with it.
pub(crate) struct Chain {
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) others: Vec<CertificateDer<'static>>,
}

impl Chain {
    pub(crate) fn read(pem: &[u8]) -> Result<Self, BadCertificate> {
        let mut certificates = read_certificates(pem)?.into_iter();
        let leaf = certificates.next().ok_or(BadCertificate::NotPem)?;
        Ok(Self { leaf, others: certificates.collect() })
    }
}

/// The certificates of a PEM text, of which nothing else may be in it.
pub(crate) fn read_certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadCertificate> {
    let mut certificates = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
        match section {
            Ok((SectionKind::Certificate, der)) if certificates.len() < FILE_LIMIT => certificates.push(der.into()),
            _ => return Err(BadCertificate::NotPem),
        }
    }
    if certificates.is_empty() { Err(BadCertificate::NotPem) } else { Ok(certificates) }
}

/// Checks the leaf by itself: key, validity and name. `names` are those that will do; one of them has to be in the certificate.
pub(crate) fn check_leaf(
    leaf: &CertificateDer<'_>,
    names: &[String],
    now: Timestamp,
) -> Result<Arc<SigningCertificate>, BadCertificate> {
    let parsed = parse(leaf)?;
    let key = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) if (2048..=4096).contains(&rsa.key_size()) => parsed.public_key(),
        _ => return Err(BadCertificate::Key),
    };
    let at = |seconds| Timestamp::from_second(seconds).map_err(|_| BadCertificate::Validity);
    let not_before = at(parsed.validity().not_before.timestamp())?;
    let not_after = at(parsed.validity().not_after.timestamp())?;
    let certificate = SigningCertificate::new(&key.subject_public_key.data, not_before, not_after);
    let certificate = certificate.ok_or(BadCertificate::Key)?;
    if !certificate.is_valid_at(now) {
        return Err(BadCertificate::Validity);
    }
    check_name(leaf, names)?;
    Ok(Arc::new(certificate))
}

impl SigningCertificate {
    /// Takes a file that somebody vouches for, such as a pinned one: its first certificate, without regard to any chain.
    ///
    /// # Errors
    /// [`BadCertificate`] when the file, the key, the validity at `now` or the name (none of `names`) is not sound.
    pub fn from_pem(pem: &str, names: &[String], now: Timestamp) -> Result<Arc<Self>, BadCertificate> {
        check_leaf(&Chain::read(pem.as_bytes())?.leaf, names, now)
    }
}

fn check_name(leaf: &CertificateDer<'_>, names: &[String]) -> Result<(), BadCertificate> {
    let end_entity = EndEntityCert::try_from(leaf).map_err(|_| BadCertificate::NotX509)?;
    let is_for = |name: &String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| end_entity.verify_is_valid_for_subject_name(&name).is_ok())
    };
    if names.iter().any(is_for) {
        Ok(())
    } else {
        Err(BadCertificate::Name { expected: names.first().cloned().unwrap_or_default() })
    }
}

/// Checks that the leaf leads to one of the roots, by way of `intermediates`.
pub(crate) fn check_chain(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &[TrustAnchor<'_>],
    now: Timestamp,
) -> Result<(), BadCertificate> {
    let reason = |error: webpki::Error| BadCertificate::Chain { reason: error.to_string() };
    let parsed = parse(leaf)?;
    let validity = parsed.validity();
    // The leeway of the leaf check holds here too, or a certificate of the last minute would be refused by this check alone.
    let at = now.as_second().clamp(validity.not_before.timestamp(), validity.not_after.timestamp());
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let end_entity = EndEntityCert::try_from(leaf).map_err(reason)?;
    end_entity
        .verify_for_usage(ALL_VERIFICATION_ALGS, roots, intermediates, time, KeyUsage::server_auth(), None, None)
        .map(|_| ())
        .map_err(reason)
}

/// Where the certificate says that its issuer's certificate can be had, if that is Amazon's own store of them.
pub(crate) fn issuer_address(leaf: &CertificateDer<'_>) -> Option<String> {
    let parsed = parse(leaf).ok()?;
    let extension = parsed.get_extension_unique(&OID_PKIX_AUTHORITY_INFO_ACCESS).ok()??;
    let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else { return None };
    access.accessdescs.iter().find_map(|description| match &description.access_location {
        GeneralName::URI(uri) if description.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS => {
            is_amazon_issuer(uri).then(|| (*uri).to_owned())
        }
        _ => None,
    })
}

/// `http://<labels>.amazontrust.com/<file>`, nothing that a URL parser could read in another way.
fn is_amazon_issuer(uri: &str) -> bool {
    let is_label_byte = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    uri.strip_prefix("http://").and_then(|rest| rest.split_once('/')).is_some_and(|(host, path)| {
        host.len() <= 100
            && host.ends_with(ISSUER_DOMAIN)
            && host.bytes().all(is_label_byte)
            && (1..=100).contains(&path.len())
            && path.bytes().all(is_path_byte)
    })
}

/// An issuer's certificate as it is served: DER, or PEM.
pub(crate) fn read_issuer(body: &[u8]) -> Result<CertificateDer<'static>, BadCertificate> {
    if body.starts_with(b"-----BEGIN") {
        return Chain::read(body).map(|chain| chain.leaf);
    }
    let der = CertificateDer::from(body.to_vec());
    parse(&der)?;
    Ok(der)
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, BadCertificate> {
    match parse_x509_certificate(der.as_ref()) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(BadCertificate::NotX509),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_fetched_from_amazons_own_store_only() {
        assert!(is_amazon_issuer("http://crt.r2m01.amazontrust.com/r2m01.cer"));
        let others = [
            "https://crt.r2m01.amazontrust.com/r2m01.cer",
            "http://amazontrust.com.evil.example/a",
            "http://evil.example/.amazontrust.com/a",
            "http://user@crt.amazontrust.com/a",
            "http://crt.amazontrust.com:8080/a",
            "http://169.254.169.254/latest",
            "http://crt.amazontrust.com/",
            "http://crt.amazontrust.com/a?b=c",
            "http://evilamazontrust.com/a",
            "http://crt.amazontrust.com\\@evil.example/a",
        ];
        for uri in others {
            assert!(!is_amazon_issuer(uri), "{uri}");
        }
    }
}
