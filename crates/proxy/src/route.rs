//! Where a request goes, by its target and `Host`.

use http::uri::Scheme;
use http::{HeaderMap, Uri, header};

use crate::hosts::{Hosts, host_and_port};
use crate::refusal::Refusal;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// To this AWS host.
    Aws(String),
    /// To the own API.
    Own,
}

/// Routes a request on a connection to the proxy itself: absolute-form is for AWS, origin-form for us.
///
/// # Errors
/// [`Refusal`] says why it goes nowhere.
pub(crate) fn to_proxy(uri: &Uri, headers: &HeaderMap, hosts: &Hosts) -> Result<Route, Refusal> {
    let host = host_line(headers)?;
    let Some(authority) = uri.authority() else {
        let is_aws = host_and_port(host).is_some_and(|(name, _)| hosts.is_aws(&name));
        let is_origin_form = uri.path().starts_with('/');
        return if is_aws || !is_origin_form { Err(Refusal::Misdirected) } else { Ok(Route::Own) };
    };
    let default = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let (name, port) = host_and_port(authority.as_str()).ok_or(Refusal::Host)?;
    let port = port.unwrap_or(default);
    if uri.scheme_str().is_none_or(|scheme| scheme != "http" && scheme != "https") || !matches!(port, 80 | 443) {
        return Err(Refusal::Target);
    }
    if !hosts.is_aws(&name) {
        return Err(Refusal::Host);
    }
    says(host, &name, port)?;
    Ok(Route::Aws(name))
}

/// Whether a request to the proxy is for a host that [`to_proxy`] has let through before, written as plainly as can be: target and `Host` name it in lower case and
/// without a port. `false` says nothing.
pub(crate) fn is_plainly_to(uri: &Uri, headers: &HeaderMap, host: &str) -> bool {
    uri.authority().is_some_and(|authority| authority.as_str() == host)
        && uri.scheme().is_some_and(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS)
        && headers.get(header::HOST).is_some_and(|said| said.as_bytes() == host.as_bytes())
}

/// Routes a request inside a TLS connection to an AWS host: only requests for that host belong there.
///
/// # Errors
/// The target is not in origin-form, or `Host` names another host.
pub(crate) fn to_host(uri: &Uri, headers: &HeaderMap, name: &str) -> Result<(), Refusal> {
    if uri.authority().is_some() || !uri.path().starts_with('/') {
        return Err(Refusal::Target);
    }
    says(host_line(headers)?, name, 443)
}

/// The inspection sees to it that HTTP/1.1 has exactly one.
fn host_line(headers: &HeaderMap) -> Result<&str, Refusal> {
    headers.get(header::HOST).map_or(Ok(""), |value| value.to_str().map_err(|_| Refusal::Mismatch))
}

fn says(host: &str, name: &str, port: u16) -> Result<(), Refusal> {
    // The common case without taking it apart.
    if host == name {
        return Ok(());
    }
    match host_and_port(host) {
        Some((said, said_port)) if said == name && said_port.is_none_or(|said| said == port) => Ok(()),
        _ => Err(Refusal::Mismatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::HostRules;

    fn proxied(uri: &str, host: &str) -> Result<Route, Refusal> {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        to_proxy(&uri.parse().unwrap(), &headers, &Hosts::new(&HostRules::default()).unwrap())
    }

    #[test]
    fn absolute_form_goes_to_aws_and_origin_form_to_us() {
        let ec2 = "ec2.eu-west-1.amazonaws.com";
        for uri in [
            "http://ec2.eu-west-1.amazonaws.com/",
            "http://ec2.eu-west-1.amazonaws.com:80/",
            "https://ec2.eu-west-1.amazonaws.com/",
            "http://EC2.eu-west-1.amazonaws.com:443/?a",
        ] {
            assert_eq!(proxied(uri, ec2), Ok(Route::Aws(ec2.into())), "{uri}");
        }
        assert_eq!(proxied("/v1/status", "event-cache:8090"), Ok(Route::Own));
    }

    #[test]
    fn absolute_form_to_elsewhere_goes_nowhere() {
        for (uri, refusal) in [
            ("http://example.com/", Refusal::Host),
            ("http://169.254.169.254/latest/meta-data/", Refusal::Host),
            ("http://[::1]/", Refusal::Host),
            ("http://ec2.eu-west-1.amazonaws.com@example.com/", Refusal::Host),
            ("http://user@ec2.eu-west-1.amazonaws.com/", Refusal::Host),
            ("http://ec2.eu-west-1.amazonaws.com./", Refusal::Host),
            ("http://ec2.eu-west-1.amazonaws.com:8080/", Refusal::Target),
            ("ftp://ec2.eu-west-1.amazonaws.com/", Refusal::Target),
            ("http://ec2-1-2-3-4.compute-1.amazonaws.com/", Refusal::Host),
        ] {
            assert_eq!(proxied(uri, "ec2.eu-west-1.amazonaws.com"), Err(refusal), "{uri}");
        }
    }

    #[test]
    fn host_and_target_must_agree() {
        for host in
            ["sts.amazonaws.com", "example.com", "ec2.eu-west-1.amazonaws.com:8080", "ec2.eu-west-1.amazonaws.com.", ""]
        {
            assert_eq!(proxied("http://ec2.eu-west-1.amazonaws.com/", host), Err(Refusal::Mismatch), "{host}");
        }
        assert_eq!(proxied("/", "ec2.eu-west-1.amazonaws.com"), Err(Refusal::Misdirected));
        assert_eq!(proxied("*", "event-cache"), Err(Refusal::Misdirected));
    }

    #[test]
    fn what_is_plainly_to_a_known_host_would_be_let_through_again() {
        let ec2 = "ec2.eu-west-1.amazonaws.com";
        let cases = [
            ("http://ec2.eu-west-1.amazonaws.com/?a", ec2, true),
            ("https://ec2.eu-west-1.amazonaws.com/", ec2, true),
            ("ftp://ec2.eu-west-1.amazonaws.com/", ec2, false),
            ("http://ec2.eu-west-1.amazonaws.com:8080/", ec2, false),
            ("http://user@ec2.eu-west-1.amazonaws.com/", ec2, false),
            ("http://sts.amazonaws.com/", "sts.amazonaws.com", false),
            ("http://ec2.eu-west-1.amazonaws.com/", "sts.amazonaws.com", false),
            ("/", ec2, false),
        ];
        for (uri, host, plainly) in cases {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            assert_eq!(is_plainly_to(&uri.parse().unwrap(), &headers, ec2), plainly, "{uri} {host}");
            assert!(!plainly || proxied(uri, host) == Ok(Route::Aws(ec2.into())), "{uri}");
        }
    }

    #[test]
    fn inside_tls_only_that_hosts_requests_pass() {
        let name = "ec2.eu-west-1.amazonaws.com";
        let judge = |uri: &str, host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            to_host(&uri.parse().unwrap(), &headers, name)
        };
        assert_eq!(judge("/", name), Ok(()));
        assert_eq!(judge("/?a", "EC2.eu-west-1.amazonaws.com:443"), Ok(()));
        assert_eq!(judge("/", "sts.amazonaws.com"), Err(Refusal::Mismatch));
        assert_eq!(judge("http://ec2.eu-west-1.amazonaws.com/", name), Err(Refusal::Target));
    }
}
