//! CONNECT, in every dialect: HTTP/1.0 without any header (Python), with half a `Host` (Apache's client), with all of it (Go, Rust, Node).

use crate::head::Head;
use crate::hosts::{Hosts, Whose, host_and_port};
use crate::refusal::Refusal;

/// Where a CONNECT may lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lead {
    /// To an endpoint of AWS: TLS ends here.
    Aws(String),
    /// To a listed host, blindly.
    Tunnel(String, u16),
}

/// Judges the head of a CONNECT. Who sends it was judged before.
///
/// # Errors
/// The target is not `host:port`, `Host` names another one, or we do not forward there.
pub(crate) fn judge(head: &Head<'_>, hosts: &Hosts) -> Result<Lead, Refusal> {
    let Some((name, Some(port))) = host_and_port(head.target) else { return Err(Refusal::Host) };
    // Apache's client leaves the port out of `Host`. An empty line says nothing.
    if let Some(host) = head.host.filter(|host| !host.is_empty()) {
        match host_and_port(host) {
            Some((said, said_port)) if said == name && said_port.is_none_or(|said| said == port) => {}
            _ => return Err(Refusal::Mismatch),
        }
    }
    match hosts.whose(&name, port) {
        Whose::Aws => Ok(Lead::Aws(name)),
        Whose::Tunnelled => Ok(Lead::Tunnel(name, port)),
        Whose::Foreign => Err(Refusal::Host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{HeadLimits, inspect};
    use crate::settings::HostRules;

    fn judged(text: &str) -> Result<Lead, Refusal> {
        let rules = HostRules { tunnel: vec!["fiat.example:8443".into()], ..HostRules::default() };
        let head = inspect(text.as_bytes(), HeadLimits { bytes: 1024, lines: 20 }).unwrap();
        judge(&head, &Hosts::new(&rules).unwrap())
    }

    #[test]
    fn every_sdks_connect_is_understood() {
        let aws = Ok(Lead::Aws("ec2.eu-west-1.amazonaws.com".into()));
        for text in [
            "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.0\r\n\r\n",
            "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nUser-Agent: Apache-HttpClient/4.5.13 (Java/17.0.9)\r\n\r\n",
            "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nUser-Agent: \r\n\r\n",
            "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com:443\r\nUser-Agent: Go-http-client/1.1\r\n\r\n",
            "CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com:443\r\nProxy-Connection: close\r\n\r\n",
            "CONNECT EC2.eu-west-1.AmazonAWS.com:443 HTTP/1.1\r\nHost: EC2.eu-west-1.AmazonAWS.com:443\r\n\r\n",
        ] {
            assert_eq!(judged(text), aws, "{text}");
        }
        assert_eq!(
            judged("CONNECT fiat.example:8443 HTTP/1.1\r\nHost: fiat.example:8443\r\n\r\n"),
            Ok(Lead::Tunnel("fiat.example".into(), 8443))
        );
    }

    #[test]
    fn nothing_else_is_connected_to() {
        for target in [
            "169.254.169.254:80",
            "169.254.169.254:443",
            "127.0.0.1:443",
            "[::1]:443",
            "[fd00:ec2::254]:80",
            "10.0.0.1:443",
            "2852039166:443",
            "localhost:443",
            "example.com:443",
            "ec2.eu-west-1.amazonaws.com:22",
            "ec2.eu-west-1.amazonaws.com:80",
            "ec2.eu-west-1.amazonaws.com",
            "ec2.eu-west-1.amazonaws.com.:443",
            "user@ec2.eu-west-1.amazonaws.com:443",
            "http://ec2.eu-west-1.amazonaws.com:443/",
            "ec2.eu-west-1.amazonaws.com:443/",
            "ec2-1-2-3-4.compute-1.amazonaws.com:443",
            "fiat.example:443",
            "/",
            "*",
        ] {
            assert_eq!(judged(&format!("CONNECT {target} HTTP/1.0\r\n\r\n")), Err(Refusal::Host), "{target}");
        }
    }

    #[test]
    fn a_host_line_that_says_otherwise_is_refused() {
        for host in ["sts.amazonaws.com", "ec2.eu-west-1.amazonaws.com:8443", "169.254.169.254", "x y"] {
            let text = format!("CONNECT ec2.eu-west-1.amazonaws.com:443 HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(judged(&text), Err(Refusal::Mismatch), "{host}");
        }
    }
}
