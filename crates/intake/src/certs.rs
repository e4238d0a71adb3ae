//! Where signing certificates come from: the seam, and the fetcher behind it.
//!
//! AWS serves the leaf only, from the SNS host of the topic's region. We compose that address ourselves ([`CertificateAddress`]), fetch it over verified
//! TLS, and check name, key, validity and, with [`ChainCheck::Required`], the chain. What that last step buys: with it a forged certificate needs both a
//! break-in at the AWS host and a public CA that signs for the name; without it the first is enough. What it costs: the issuer's certificate has to be
//! fetched over plain HTTP from `*.amazontrust.com` (its content proves itself), or configured, and it changes without notice.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_event_cache_model::Timestamp;
use aws_event_cache_model::telemetry::{Metric, count};
use parking_lot::Mutex;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use tokio::sync::Semaphore;

use crate::certificate::{
    BadCertificate, Chain, check_chain, check_leaf, issuer_address, read_certificates, read_issuer,
};
use crate::certificate_cache::{CertificateCache, Key, Lookup};
use crate::fetch::{FetchError, Fetcher};
use crate::refusal::Refusal;
use crate::signature::SigningCertificate;
use crate::topic::Topic;

/// How many fetches may run at a time. A flood of forged addresses (each needs an allowed topic) then costs us this many connections and no more.
const FETCHES: usize = 4;

/// How many issuers' certificates are kept; Amazon uses a handful at a time.
const ISSUERS: usize = 8;

/// The part of the path before the 32 hexadecimal digits. AWS does not promise it, but every certificate from 2010 to 2026 had it.
const FILE_PREFIX: &str = "/SimpleNotificationService-";

/// Where the signing certificate of a topic may be: composed from the topic, so that no reader of URLs takes part in the decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CertificateAddress {
    url: String,
    file: String,
    name: String,
}

impl CertificateAddress {
    /// Takes `SigningCertURL` if it is exactly `https://<SNS host of the topic's region>/SimpleNotificationService-<32 hex digits>.pem`.
    ///
    /// `base` replaces `https://<host>` where the topics are not AWS's: a test, or an emulator.
    ///
    /// # Errors
    /// [`Refusal::CertificateAddress`] for everything else.
    pub fn of(topic: &Topic, raw: &str, base: Option<&str>) -> Result<Self, Refusal> {
        let prefix = match base {
            Some(base) => format!("{base}{FILE_PREFIX}"),
            None => format!("https://{}{FILE_PREFIX}", topic.host()),
        };
        let file = raw.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".pem"));
        let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match file {
            Some(file) if is_hex(file) => {
                Ok(Self { url: format!("{prefix}{file}.pem"), file: file.to_owned(), name: topic.certificate_name() })
            }
            _ => Err(Refusal::CertificateAddress),
        }
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name that the certificate has to have.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Where signing certificates come from: AWS, or a test.
#[async_trait]
pub trait SigningCerts: Send + Sync + 'static {
    /// The checked certificate at an address, valid at `now`.
    ///
    /// # Errors
    /// [`CertificateError`]: either it cannot be had now, or it is not one of SNS.
    async fn certificate(
        &self,
        address: &CertificateAddress,
        now: Timestamp,
    ) -> Result<Arc<SigningCertificate>, CertificateError>;
}

/// Why there is no certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It could not be fetched: try again.
    #[error("the certificate could not be fetched")]
    Unavailable(#[source] FetchError),
    /// What was fetched is not sound: trying again cannot help this message.
    #[error("the certificate was refused")]
    Rejected(#[source] BadCertificate),
}

impl CertificateError {
    pub(crate) fn refusal(&self) -> Refusal {
        match self {
            Self::Unavailable(_) => Refusal::CertificateUnavailable,
            Self::Rejected(_) => Refusal::CertificateRejected,
        }
    }
}

/// Whether the chain is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChainCheck {
    /// The certificate must lead to a trusted root.
    #[default]
    Required,
    /// Name, key and validity only. The file came over verified TLS from the SNS host of the topic's region, which is what most validators rest on. For
    /// places from which `*.amazontrust.com` cannot be reached.
    NameOnly,
}

/// Which roots the chain may end in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// These only, as PEM.
    Given(Vec<String>),
}

/// How certificates are fetched and checked.
#[derive(Debug, Clone)]
pub struct CertsSettings {
    /// Whether the chain is checked.
    pub chain: ChainCheck,
    /// The roots for it.
    pub roots: Roots,
    /// More roots beside those, as PEM.
    pub extra_roots: Vec<String>,
    /// Issuers' certificates, as PEM, for places that cannot fetch them. Tried before any fetch.
    pub intermediates: Vec<String>,
    /// Certificates that are not fetched: the 32 hexadecimal digits of the file's name, and the file. The operator vouches for them, so their chain is
    /// not checked; name and validity are.
    pub pinned: BTreeMap<String, String>,
    /// Names accepted beside the one that AWS is known to use in the topic's region.
    pub extra_names: Vec<String>,
    /// The base for topics that are not AWS's, see [`crate::Settings::endpoint_base`].
    pub endpoint_base: Option<String>,
    /// An HTTP proxy to go through. The environment's proxy variables are not read.
    pub proxy: Option<String>,
    /// Time for a connection. With `total` well below the 15 s that SNS waits for an answer.
    pub connect: Duration,
    /// Time for a fetch as a whole.
    pub total: Duration,
}

impl Default for CertsSettings {
    fn default() -> Self {
        Self {
            chain: ChainCheck::default(),
            roots: Roots::default(),
            extra_roots: Vec::new(),
            intermediates: Vec::new(),
            pinned: BTreeMap::new(),
            extra_names: Vec::new(),
            endpoint_base: None,
            proxy: None,
            connect: Duration::from_secs(3),
            total: Duration::from_secs(5),
        }
    }
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A configured PEM text is not one.
    #[error("{what} is not a PEM certificate")]
    Pem {
        /// Which setting.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: BadCertificate,
    },
    /// No root at all: no chain could ever be checked.
    #[error("no trusted roots were found; install the system's CA certificates or give roots")]
    NoRoots,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] FetchError),
}

/// Fetches certificates from AWS and keeps them.
pub struct FetchedCerts {
    settings: CertsSettings,
    roots: Vec<TrustAnchor<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    fetcher: Fetcher,
    cache: Mutex<CertificateCache>,
    issuers: Mutex<BTreeMap<String, CertificateDer<'static>>>,
    flights: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    slots: Semaphore,
}

impl std::fmt::Debug for FetchedCerts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FetchedCerts").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

impl FetchedCerts {
    /// Reads roots and intermediates. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`CertsError`] when a PEM text is none, or when chains are to be checked and there are no roots.
    pub fn new(settings: CertsSettings) -> Result<Self, CertsError> {
        let roots = if settings.chain == ChainCheck::Required { anchors(&settings)? } else { Vec::new() };
        if settings.chain == ChainCheck::Required && roots.is_empty() {
            return Err(CertsError::NoRoots);
        }
        let intermediates = read_all(&settings.intermediates, "an intermediate certificate")?;
        if settings.endpoint_base.is_some() {
            tracing::warn!("signing certificates are taken from the configured base and not from AWS: for tests only");
        }
        Ok(Self {
            roots,
            intermediates,
            fetcher: Fetcher::new(&settings).map_err(CertsError::Client)?,
            cache: Mutex::new(CertificateCache::default()),
            issuers: Mutex::default(),
            flights: Mutex::default(),
            slots: Semaphore::new(FETCHES),
            settings,
        })
    }

    /// Fetches for the one caller that holds the flight.
    async fn obtain(
        &self,
        address: &CertificateAddress,
        now: Timestamp,
    ) -> Result<Arc<SigningCertificate>, CertificateError> {
        if let Some(pinned) = self.settings.pinned.get(&address.file) {
            return SigningCertificate::from_pem(pinned, &self.names(address), now).map_err(CertificateError::Rejected);
        }
        let _slot = self.slots.acquire().await.map_err(|_| CertificateError::Unavailable(FetchError::Closed))?;
        let file = self.fetcher.certificate(&address.url).await.map_err(CertificateError::Unavailable)?;
        let chain = Chain::read(&file).map_err(CertificateError::Rejected)?;
        let certificate = check_leaf(&chain.leaf, &self.names(address), now).map_err(CertificateError::Rejected)?;
        if self.settings.chain == ChainCheck::Required {
            self.check_chain(&chain, now).await?;
        }
        Ok(certificate)
    }

    /// Tries with what came in the file and what is configured; only if that does not lead to a root, the issuer is fetched.
    async fn check_chain(&self, chain: &Chain, now: Timestamp) -> Result<(), CertificateError> {
        let mut known = [chain.others.as_slice(), &self.intermediates].concat();
        let Err(failure) = check_chain(&chain.leaf, &known, &self.roots, now) else { return Ok(()) };
        let Some(url) = issuer_address(&chain.leaf) else { return Err(CertificateError::Rejected(failure)) };
        known.push(self.issuer(&url).await?);
        check_chain(&chain.leaf, &known, &self.roots, now).map_err(CertificateError::Rejected)
    }

    async fn issuer(&self, url: &str) -> Result<CertificateDer<'static>, CertificateError> {
        if let Some(issuer) = self.issuers.lock().get(url) {
            return Ok(issuer.clone());
        }
        let body = self.fetcher.issuer(url).await.map_err(CertificateError::Unavailable)?;
        let issuer = read_issuer(&body).map_err(CertificateError::Rejected)?;
        let mut issuers = self.issuers.lock();
        if issuers.len() >= ISSUERS {
            issuers.clear();
        }
        issuers.insert(url.to_owned(), issuer.clone());
        Ok(issuer)
    }

    fn names(&self, address: &CertificateAddress) -> Vec<String> {
        std::iter::once(address.name.clone()).chain(self.settings.extra_names.iter().cloned()).collect()
    }

    fn flight(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(self.flights.lock().entry(key.clone()).or_default())
    }

    /// Forgets the flight unless others wait on it.
    fn land(&self, key: &Key, flight: Arc<tokio::sync::Mutex<()>>) {
        let mut flights = self.flights.lock();
        drop(flight);
        if flights.get(key).is_some_and(|flight| Arc::strong_count(flight) == 1) {
            flights.remove(key);
        }
    }
}

#[async_trait]
impl SigningCerts for FetchedCerts {
    async fn certificate(
        &self,
        address: &CertificateAddress,
        now: Timestamp,
    ) -> Result<Arc<SigningCertificate>, CertificateError> {
        let key = Key { url: address.url.clone(), name: address.name.clone() };
        if let Lookup::Known(answer) = self.cache.lock().get(&key, now) {
            return answer;
        }
        let flight = self.flight(&key);
        let answer = {
            let _one_at_a_time = flight.lock().await;
            let known = self.cache.lock().get(&key, now);
            match known {
                Lookup::Known(answer) => answer,
                Lookup::Unknown => {
                    let answer = self.obtain(address, now).await;
                    tell(address, &answer);
                    self.cache.lock().put(key.clone(), answer.clone(), now);
                    answer
                }
            }
        };
        self.land(&key, flight);
        answer
    }
}

/// The address was composed by us, so it may be logged; the hexadecimal digits are all that the message chose.
fn tell(address: &CertificateAddress, answer: &Result<Arc<SigningCertificate>, CertificateError>) {
    let result = match answer {
        Ok(_) => "ok",
        Err(CertificateError::Unavailable(_)) => "unavailable",
        Err(CertificateError::Rejected(_)) => "rejected",
    };
    count(Metric::CertificateFetches, &[("result", result)]);
    match answer {
        Ok(_) => tracing::info!(url = address.url, "fetched a signing certificate"),
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(url = address.url, cause, "{error}");
        }
    }
}

fn anchors(settings: &CertsSettings) -> Result<Vec<TrustAnchor<'static>>, CertsError> {
    let mut certificates = match &settings.roots {
        Roots::System => rustls_native_certs::load_native_certs().certs,
        Roots::Given(pems) => read_all(pems, "a root certificate")?,
    };
    certificates.extend(read_all(&settings.extra_roots, "an extra root certificate")?);
    // A root that webpki cannot use is left out: a system's store may hold a few.
    let anchor = |der: &CertificateDer<'static>| webpki::anchor_from_trusted_cert(der).ok().map(|a| a.to_owned());
    Ok(certificates.iter().filter_map(anchor).collect())
}

fn read_all(pems: &[String], what: &'static str) -> Result<Vec<CertificateDer<'static>>, CertsError> {
    let read = |pem: &String| read_certificates(pem.as_bytes()).map_err(|source| CertsError::Pem { what, source });
    Ok(pems.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
