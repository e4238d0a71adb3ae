//! Whom we trust upstream: the machine's roots and those that the operator adds.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::ProxyError;
use crate::settings::UpstreamSettings;

/// The roots.
///
/// # Errors
/// A file of the operator's cannot be read or holds no certificate, or nothing is trusted at all although TLS is needed.
pub(super) fn roots(settings: &UpstreamSettings) -> Result<RootCertStore, ProxyError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the machine's trusted roots could not be read");
    }
    // Stores hold odd old certificates; those that do not parse are left out.
    roots.add_parsable_certificates(native.certs);
    for path in &settings.extra_roots {
        let unreadable = |reason: String| ProxyError::Root { path: path.clone(), reason };
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
        let mut any = false;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            any = true;
        }
        if !any {
            return Err(unreadable("holds no certificate".to_owned()));
        }
    }
    let plain = settings.endpoint.as_ref().is_some_and(|url| url.scheme() == "http");
    if roots.is_empty() && !plain {
        return Err(ProxyError::NoRoots);
    }
    Ok(roots)
}
