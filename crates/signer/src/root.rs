//! The test root, the intermediate below it, and the signing certificates they issue.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use crate::SignerError;

/// OID of the authority information access extension (RFC 5280, 4.2.2.1), whose `caIssuers` entry says where the issuer's certificate can be had.
const AUTHORITY_INFORMATION_ACCESS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];

/// DER of the OID `caIssuers`, 1.3.6.1.5.5.7.48.2.
const CA_ISSUERS: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a signing certificate shall look like. The default is what AWS uses in most commercial regions.
#[derive(Debug, Clone)]
pub struct LeafOptions {
    /// Its DNS names; the first is the subject as well.
    pub names: Vec<String>,
    /// How long before the root's `now` it became valid.
    pub valid_since: Duration,
    /// How long after the root's `now` it ends.
    pub valid_for: Duration,
    /// Where the issuer's certificate can be had; at most 100 characters.
    pub issuer_url: Option<String>,
}

impl Default for LeafOptions {
    fn default() -> Self {
        Self { names: vec!["sns.amazonaws.com".into()], valid_since: DAY * 30, valid_for: DAY * 305, issuer_url: None }
    }
}

/// A certificate authority of our own. Trust it in tests only.
pub struct TestRoot {
    now: Timestamp,
    root: Certificate,
    intermediate: Option<Certificate>,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for TestRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestRoot").field("now", &self.now).finish_non_exhaustive()
    }
}

impl TestRoot {
    /// A root that issues signing certificates itself.
    ///
    /// # Errors
    /// [`SignerError`] when no key or certificate can be made.
    pub fn new(now: Timestamp) -> Result<Self, SignerError> {
        let (params, key, root) = Self::authority(now)?;
        Ok(Self { now, root, intermediate: None, issuer: Issuer::new(params, key) })
    }

    /// A root whose intermediate issues the signing certificates, as it is at AWS.
    ///
    /// # Errors
    /// [`SignerError`] when no key or certificate can be made.
    pub fn with_intermediate(now: Timestamp) -> Result<Self, SignerError> {
        let (root_params, root_key, root) = Self::authority(now)?;
        let root_issuer = Issuer::new(root_params, root_key);
        let params = authority_params("AWS Event Cache test intermediate", now)?;
        let key = KeyPair::generate()?;
        let intermediate = params.signed_by(&key, &root_issuer)?;
        Ok(Self { now, root, intermediate: Some(intermediate), issuer: Issuer::new(params, key) })
    }

    /// The root's certificate: what a test has to trust.
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// The intermediate's certificate, if there is one.
    pub fn intermediate_pem(&self) -> Option<String> {
        self.intermediate.as_ref().map(Certificate::pem)
    }

    /// The intermediate's certificate as AWS's `caIssuers` address serves it.
    pub fn intermediate_der(&self) -> Option<Vec<u8>> {
        self.intermediate.as_ref().map(|certificate| certificate.der().to_vec())
    }

    pub(crate) fn issue(&self, key: &KeyPair, options: &LeafOptions) -> Result<Certificate, SignerError> {
        let mut params = CertificateParams::new(options.names.clone())?;
        if let Some(first) = options.names.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        let (epoch, now) = (rcgen::date_time_ymd(1970, 1, 1), unix(self.now));
        params.not_before = epoch + Duration::from_secs(now.saturating_sub(options.valid_since.as_secs()));
        params.not_after = epoch + Duration::from_secs(now.saturating_add(options.valid_for.as_secs()));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if let Some(url) = &options.issuer_url {
            params.custom_extensions.push(ca_issuers(url));
        }
        Ok(params.signed_by(key, &self.issuer)?)
    }

    fn authority(now: Timestamp) -> Result<(CertificateParams, KeyPair, Certificate), SignerError> {
        let params = authority_params("AWS Event Cache test root", now)?;
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok((params, key, certificate))
    }
}

fn authority_params(name: &str, now: Timestamp) -> Result<CertificateParams, SignerError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // Ten years each way, so that tests may move their clock.
    params.not_before = epoch + Duration::from_secs(unix(now).saturating_sub(3650 * DAY.as_secs()));
    params.not_after = epoch + Duration::from_secs(unix(now).saturating_add(3650 * DAY.as_secs()));
    Ok(params)
}

/// Seconds since 1970; certificates of tests do not reach further back.
fn unix(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0)
}

/// `SEQUENCE { SEQUENCE { caIssuers, [6] url } }`, with lengths of one byte.
fn ca_issuers(url: &str) -> CustomExtension {
    let url = &url.as_bytes()[..url.len().min(100)];
    let name = tagged(0x86, url);
    let description = tagged(0x30, &[CA_ISSUERS, &name].concat());
    CustomExtension::from_oid_content(AUTHORITY_INFORMATION_ACCESS, tagged(0x30, &description))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("invariant: at most 100 characters and two headers");
    [&[tag, length], content].concat()
}
