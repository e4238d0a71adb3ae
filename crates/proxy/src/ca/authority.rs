//! The authority at work: what it may sign for, and leafs.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::extensions::{GeneralName, ParsedExtension};

use super::folder::Folder;
use super::make::{BACKDATED_SECONDS, moment};
use super::{CaError, Subject, subject};

/// How long a leaf lasts, at most: clients keep a revoked or stolen one no longer.
const LEAF: Duration = Duration::from_secs(7 * 86_400);

/// The intermediate and what it needs to sign.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    intermediate: CertificateDer<'static>,
    permitted: Permitted,
    ends: Timestamp,
    /// One key for all leafs: they live in this process only, and making keys would cost as much as signing.
    leaf_key: Arc<KeyPair>,
}

/// A leaf, with what goes with it.
pub(crate) struct Leaf {
    /// The leaf and the intermediate.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub(crate) key: PrivateKeyDer<'static>,
    /// When it ends.
    pub(crate) ends: Timestamp,
}

/// What the constraint lets the intermediate sign for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Permitted {
    pub(super) suffixes: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
}

/// What of a certificate matters here.
pub(super) struct Read {
    pub(super) der: CertificateDer<'static>,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) permitted: Permitted,
    public_key: Vec<u8>,
}

impl Authority {
    /// Reads the authority in use.
    ///
    /// # Errors
    /// There is none, it is damaged, its time is over, or one of these names is outside its constraint.
    pub(crate) fn load(path: &Path, names: &[String], now: Timestamp) -> Result<Self, CaError> {
        let folder = Folder::open(path);
        let number = folder.need_current()?;
        let key_path = folder.file(number, "intermediate.key");
        let text = folder.read(number, "intermediate.key")?;
        let key = KeyPair::from_pem(&text)
            .map_err(|error| CaError::Damaged { path: key_path.clone(), reason: error.to_string() })?;
        let certificate = read(&folder, number, "intermediate.pem")?;
        if key.public_key_raw() != certificate.public_key {
            return Err(CaError::Damaged {
                path: key_path,
                reason: "it is not the key of the certificate beside it".into(),
            });
        }
        if certificate.ends <= now {
            return Err(CaError::Ended(certificate.ends));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate.der, key)?;
        let leaf_key = Arc::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?);
        let authority = Self {
            issuer,
            intermediate: certificate.der,
            permitted: certificate.permitted,
            ends: certificate.ends,
            leaf_key,
        };
        for name in names {
            authority.check(name)?;
        }
        Ok(authority)
    }

    /// When it ends.
    pub(crate) fn ends(&self) -> Timestamp {
        self.ends
    }

    /// A leaf for these names, the first of which is its common name.
    ///
    /// # Errors
    /// A name is none, or outside the constraint.
    pub(crate) fn leaf(&self, names: &[String], now: Timestamp) -> Result<Leaf, CaError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        if let Some(first) = names.first() {
            params.distinguished_name.push(DnType::CommonName, first.chars().take(64).collect::<String>());
        }
        for name in names {
            params.subject_alt_names.push(match self.check(name)? {
                Subject::Dns(name) => SanType::DnsName(name.try_into()?),
                Subject::Ip(address) => SanType::IpAddress(address),
            });
        }
        let lasts = i64::try_from(LEAF.as_secs()).unwrap_or(i64::MAX) - BACKDATED_SECONDS;
        let ends =
            now.saturating_add(Duration::from_secs(lasts.unsigned_abs())).unwrap_or(Timestamp::MAX).min(self.ends);
        params.not_before = moment(now, -BACKDATED_SECONDS)?;
        params.not_after = moment(ends, 0)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&*self.leaf_key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der());
        Ok(Leaf { chain: vec![leaf.der().clone(), self.intermediate.clone()], key: key.into(), ends })
    }

    fn check(&self, name: &str) -> Result<Subject, CaError> {
        let subject = subject(name)?;
        let permitted = match &subject {
            Subject::Dns(name) => self.permitted.suffixes.iter().any(|suffix| {
                name == suffix || name.strip_suffix(suffix.as_str()).is_some_and(|left| left.ends_with('.'))
            }),
            Subject::Ip(address) => self.permitted.addresses.contains(address),
        };
        if permitted { Ok(subject) } else { Err(CaError::NotPermitted(name.to_owned())) }
    }
}

/// Reads a certificate.
pub(super) fn read(folder: &Folder, number: u32, what: &str) -> Result<Read, CaError> {
    let path = folder.file(number, what);
    let damaged = |reason: String| CaError::Damaged { path: path.clone(), reason };
    let der = CertificateDer::from_pem_slice(folder.read(number, what)?.as_bytes())
        .map_err(|error| damaged(error.to_string()))?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|error| damaged(error.to_string()))?;
    let time = |seconds: i64| Timestamp::from_second(seconds).map_err(|error| damaged(error.to_string()));
    let begins = time(certificate.validity().not_before.timestamp())?;
    let ends = time(certificate.validity().not_after.timestamp())?;
    let permitted = permitted(&certificate);
    let public_key = certificate.public_key().subject_public_key.data.to_vec();
    Ok(Read { der: der.clone(), begins, ends, permitted, public_key })
}

fn permitted(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Permitted {
    let mut permitted = Permitted::default();
    for extension in certificate.extensions() {
        let ParsedExtension::NameConstraints(constraints) = extension.parsed_extension() else { continue };
        for subtree in constraints.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => permitted.suffixes.push((*name).to_owned()),
                // Address and mask; we only ever write whole addresses.
                GeneralName::IPAddress(bytes) => match bytes.len() {
                    8 => permitted.addresses.extend(<[u8; 4]>::try_from(&bytes[..4]).map(IpAddr::from)),
                    32 => permitted.addresses.extend(<[u8; 16]>::try_from(&bytes[..16]).map(IpAddr::from)),
                    _ => {}
                },
                _ => {}
            }
        }
    }
    permitted
}

#[cfg(test)]
impl Authority {
    /// Leaves the check to the clients.
    pub(super) fn allow_anything_for_test(&mut self) {
        self.permitted.suffixes.push("example".to_owned());
        self.permitted.addresses.push(IpAddr::from([10, 0, 0, 7]));
    }
}
