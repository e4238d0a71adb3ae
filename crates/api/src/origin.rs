//! Where a request came from and how it called us: peer address, `Host`, and what a trusted proxy says of both.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Uri, header};

use crate::auth::is_loopback;
use crate::error::ApiError;
use crate::state::{Scheme, Settings};

/// The other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
    /// For whom it says that it calls; only of a trusted proxy.
    pub(crate) forwarded_for: Option<IpAddr>,
}

impl Peer {
    /// Reads it off the request; `None` when the server does not tell the peer's address.
    pub(crate) fn of(head: &Parts, settings: &Settings) -> Option<Self> {
        let ConnectInfo(address) = head.extensions.get::<ConnectInfo<SocketAddr>>()?;
        let address = address.ip().to_canonical();
        let forwarded_for = if is_trusted(address, settings) { forwarded_for(&head.headers) } else { None };
        Some(Self { address, forwarded_for })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.forwarded_for {
            Some(client) => write!(f, "{client} through {}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// The last entry is the one that the trusted proxy itself added; those before it are the client's own words.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

fn is_trusted(address: IpAddr, settings: &Settings) -> bool {
    is_loopback(address) || settings.trusted_proxies.iter().any(|net| net.contains(&address))
}

/// The host, and port if any, by which the caller called us.
///
/// # Errors
/// [`ApiError::Malformed`] when there is none, more than one, or one that is not a plain host and port.
pub(crate) fn authority(uri: &Uri, headers: &HeaderMap) -> Result<Authority, ApiError> {
    let bad = || ApiError::Malformed("the header Host must be one host name or address, with a port if any".to_owned());
    if let Some(authority) = uri.authority() {
        return plain_authority(authority.as_str()).ok_or_else(bad);
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().and_then(plain_authority).ok_or_else(bad),
        _ => Err(bad()),
    }
}

/// Without user info and odd characters. 253 is the longest host name in DNS, plus a colon and five digits.
fn plain_authority(text: &str) -> Option<Authority> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if text.len() > 259 || !text.chars().all(plain) {
        return None;
    }
    let authority: Authority = text.parse().ok()?;
    let port = &text[authority.host().len()..];
    let port_is_well_formed = port.is_empty() || authority.port_u16().is_some();
    (!authority.host().is_empty() && port_is_well_formed).then_some(authority)
}

/// `scheme://host:port` by which the caller reached us, so that a status URL works for it: Orca takes only absolute ones, on the same host.
///
/// The scheme is the listener's own, unless a proxy that we trust says what the client used.
///
/// # Errors
/// As [`authority`].
pub(crate) fn base_url(head: &Parts, settings: &Settings) -> Result<String, ApiError> {
    let authority = authority(&head.uri, &head.headers)?;
    let trusted = head
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .is_some_and(|ConnectInfo(peer)| is_trusted(peer.ip().to_canonical(), settings));
    let forwarded = head.headers.get("x-forwarded-proto").filter(|_| trusted).and_then(|value| value.to_str().ok());
    let scheme = match forwarded.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => settings.scheme,
    };
    Ok(format!("{}://{authority}", scheme.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/v1/refresh");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut head = request.body(()).unwrap().into_parts().0;
        head.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 40_000)));
        head
    }

    fn settings() -> Settings {
        Settings { trusted_proxies: vec!["10.1.0.0/16".parse().unwrap()], ..Settings::default() }
    }

    #[test]
    fn the_base_is_the_host_as_the_caller_wrote_it() {
        let url = |host| base_url(&head("10.9.9.9", &[("host", host)]), &settings());
        assert_eq!(url("aws-event-cache.spinnaker.svc:8080").unwrap(), "http://aws-event-cache.spinnaker.svc:8080");
        assert_eq!(url("[::1]:8080").unwrap(), "http://[::1]:8080");
    }

    #[test]
    fn a_host_that_could_lead_elsewhere_is_refused() {
        for bad in
            ["", "a b", "user@host", "host/path", "host:port", "host:", "host?x", "host#x", "evil\u{e9}", "a,b", ":80"]
        {
            assert!(base_url(&head("10.9.9.9", &[("host", bad)]), &settings()).is_err(), "{bad:?}");
        }
        assert!(base_url(&head("10.9.9.9", &[]), &settings()).is_err());
        assert!(base_url(&head("10.9.9.9", &[("host", "a"), ("host", "b")]), &settings()).is_err());
        assert!(base_url(&head("10.9.9.9", &[("host", &"a".repeat(300))]), &settings()).is_err());
    }

    #[test]
    fn the_scheme_of_a_forwarded_call_is_believed_of_trusted_proxies_only() {
        let url = |peer| base_url(&head(peer, &[("host", "h"), ("x-forwarded-proto", "https")]), &settings()).unwrap();
        assert_eq!(url("127.0.0.1"), "https://h");
        assert_eq!(url("10.1.2.3"), "https://h");
        assert_eq!(url("10.2.2.3"), "http://h");
        let odd = head("127.0.0.1", &[("host", "h"), ("x-forwarded-proto", "javascript")]);
        assert_eq!(base_url(&odd, &settings()).unwrap(), "http://h");
    }

    #[test]
    fn the_client_of_a_trusted_proxy_is_shown_beside_the_proxy() {
        let seen = |peer| {
            Peer::of(&head(peer, &[("x-forwarded-for", "1.1.1.1, 203.0.113.9")]), &settings()).unwrap().to_string()
        };
        assert_eq!(seen("10.1.2.3"), "203.0.113.9 through 10.1.2.3");
        assert_eq!(seen("10.2.2.3"), "10.2.2.3");
    }
}
