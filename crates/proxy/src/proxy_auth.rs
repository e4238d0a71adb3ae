//! The proxy's own password: `Proxy-Authorization: Basic`.
//!
//! What it promises: the comparison takes the same time whatever was sent, and the password is not kept, only its hash.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::ProxyError;
use crate::settings::ProxyCredentials;

/// Longest value taken: nobody's password has a kilobyte.
const LONGEST: usize = 1_400;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Who may use the proxy.
#[derive(Debug, Clone)]
pub(crate) struct ProxyAuth(Option<[u8; 32]>);

/// What a client has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It gave the password.
    Given,
    /// No password is asked for.
    NotAsked,
    /// It gave none, or a wrong one.
    Missing,
}

impl ProxyAuth {
    /// `None` lets everybody in.
    ///
    /// # Errors
    /// [`ProxyError::Credentials`] when no client could send them.
    pub(crate) fn new(credentials: Option<&ProxyCredentials>) -> Result<Self, ProxyError> {
        let Some(ProxyCredentials { username, password }) = credentials else { return Ok(Self(None)) };
        if username.is_empty() || username.contains(':') || password.is_empty() {
            return Err(ProxyError::Credentials);
        }
        Ok(Self(Some(Sha256::digest(format!("{username}:{password}")).into())))
    }

    /// Judges the value of a `Proxy-Authorization` line.
    pub(crate) fn judge(&self, value: Option<&[u8]>) -> Proof {
        let Some(expected) = &self.0 else { return Proof::NotAsked };
        let given: [u8; 32] = Sha256::digest(value.and_then(decoded).unwrap_or_default()).into();
        if bool::from(given.ct_eq(expected)) { Proof::Given } else { Proof::Missing }
    }
}

fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = value.split_at_checked(6).filter(|_| value.len() <= LONGEST)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    BASE64.decode(rest.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> ProxyAuth {
        ProxyAuth::new(Some(&ProxyCredentials { username: "spinnaker".into(), password: "p:w ü".into() })).unwrap()
    }

    #[test]
    fn the_right_password_lets_in_however_it_is_written() {
        let encoded = BASE64.encode("spinnaker:p:w ü");
        for value in [
            format!("Basic {encoded}"),
            format!("basic {encoded}"),
            format!("BASIC  {}", encoded.trim_end_matches('=')),
        ] {
            assert_eq!(auth().judge(Some(value.as_bytes())), Proof::Given, "{value}");
        }
    }

    #[test]
    fn anything_else_does_not() {
        let wrong = format!("Basic {}", BASE64.encode("spinnaker:pw"));
        let long = format!("Basic {}", "A".repeat(LONGEST));
        for value in [
            None,
            Some(""),
            Some("Basic"),
            Some("Basic "),
            Some("Basic !!!"),
            Some("NTLM TlRMTVNTUAAB"),
            Some(&wrong),
            Some(&long),
        ] {
            assert_eq!(auth().judge(value.map(str::as_bytes)), Proof::Missing, "{value:?}");
        }
        assert_eq!(ProxyAuth::new(None).unwrap().judge(None), Proof::NotAsked);
    }

    #[test]
    fn credentials_that_cannot_be_sent_are_refused() {
        for (username, password) in [("", "x"), ("a:b", "x"), ("a", "")] {
            let credentials = ProxyCredentials { username: username.into(), password: password.into() };
            assert!(matches!(ProxyAuth::new(Some(&credentials)), Err(ProxyError::Credentials)));
        }
    }
}
