//! Who may call: tokens with roles, and the one exception for loopback.
//!
//! Invariants, tested below: a token is compared with every configured hash, whatever matched before; without configured tokens only a peer on loopback
//! is let in, and only when it speaks for itself (no proxy in between, no page of another origin, a loopback `Host`); a listener on any other address is
//! refused at start.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Uri, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::error::ApiError;
use crate::origin::{self, Peer};
use crate::state::ApiState;

/// Longest token taken. Tokens are random texts of some 64 characters; more is somebody's attempt to keep us hashing.
const TOKEN_LIMIT: usize = 512;

/// What a token allows. Ordered: a later role includes the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything, change nothing.
    Read,
    /// Refresh, and cancel refreshes: what a pipeline's stage needs. Orca before 2026.1 keeps the stage's token in each execution, so it must be good for nothing else.
    Refresh,
    /// Release, set and remove overrides.
    Operate,
    /// Change how the service itself works: the log level.
    Admin,
}

impl Role {
    /// As in the configuration and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Refresh => "refresh",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A token that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The name is empty, too long or has characters that do not belong into a log line.
    #[error("a token's name must be 1 to 64 letters, digits, -, _ or .")]
    Name,
    /// The hash is not one.
    #[error("the token {name} needs the SHA-256 of its text as 64 hexadecimal digits")]
    Hash {
        /// Which token.
        name: String,
    },
    /// Two tokens with one name, or one text under two names: the audit list could not tell them apart.
    #[error("the tokens {0} and {1} have the same name or the same hash")]
    Twice(String, String),
}

/// One configured token. Its text is not known here, only the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    name: String,
    role: Role,
    hash: [u8; 32],
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {})", self.name, self.role)
    }
}

impl Token {
    /// A token called `name` in the audit list, given the hexadecimal SHA-256 of its text.
    ///
    /// A plain hash is enough because the text is a long random one (`openssl rand -hex 32`) and not a password.
    ///
    /// # Errors
    /// [`BadToken`] when name or hash does not have the form.
    pub fn new(name: &str, role: Role, sha256_hex: &str) -> Result<Self, BadToken> {
        let named = !name.is_empty() && name.len() <= 64;
        if !named || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
            return Err(BadToken::Name);
        }
        let hash = parse_hash(sha256_hex).ok_or_else(|| BadToken::Hash { name: name.to_owned() })?;
        Ok(Self { name: name.to_owned(), role, hash })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn parse_hash(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Every configured token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Takes the tokens.
    ///
    /// # Errors
    /// [`BadToken::Twice`] when two of them could not be told apart.
    pub fn new(tokens: Vec<Token>) -> Result<Self, BadToken> {
        for (n, token) in tokens.iter().enumerate() {
            if let Some(other) = tokens[..n].iter().find(|other| other.name == token.name || other.hash == token.hash) {
                return Err(BadToken::Twice(other.name.clone(), token.name.clone()));
            }
        }
        Ok(Self(tokens))
    }

    /// Whether none is configured, so that only loopback is served.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The token with this text. Takes as long whichever matches, or none.
    fn find(&self, text: &str) -> Option<&Token> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let none = u64::MAX;
        let mut found = none;
        for (n, token) in (0..none).zip(&self.0) {
            found.conditional_assign(&n, token.hash.ct_eq(&hash));
        }
        usize::try_from(found).ok().and_then(|n| self.0.get(n))
    }
}

/// Why a listener must not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{address} can be reached from other machines, so the API needs tokens there: set server.tokens, or listen on 127.0.0.1"
)]
pub struct ListenerRefused {
    /// The address.
    pub address: SocketAddr,
}

/// Whether the API may listen on `address` with these tokens. To be asked before the listener is opened.
///
/// # Errors
/// [`ListenerRefused`] when others could reach it and no token is configured.
pub fn check_listener(address: SocketAddr, tokens: &Tokens) -> Result<(), ListenerRefused> {
    if tokens.is_empty() && !is_loopback(address.ip()) { Err(ListenerRefused { address }) } else { Ok(()) }
}

/// Loopback, also when an IPv4 peer shows up as a mapped IPv6 address.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The token's name, or `loopback`.
    pub(crate) who: String,
    /// The address, as in the audit list.
    pub(crate) from: String,
    /// What it may do.
    pub(crate) role: Role,
}

/// What lets a request in, as a value: who it is, decided from peer, headers and tokens alone.
pub(crate) fn identify(peer: Option<&Peer>, head: &Parts, tokens: &Tokens) -> Result<Caller, ApiError> {
    let from = peer.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    if let Some(text) = bearer(&head.headers)? {
        let token = tokens.find(text).ok_or(ApiError::Unauthorized("this token is not known"))?;
        return Ok(Caller { who: token.name.clone(), from, role: token.role });
    }
    if !tokens.is_empty() {
        return Err(ApiError::Unauthorized("a token is needed: send the header Authorization: Bearer <token>"));
    }
    if !peer.is_some_and(|peer| is_loopback(peer.address)) {
        return Err(ApiError::Unauthorized("no token is configured, so only calls from this machine are taken"));
    }
    speaks_for_itself(&head.uri, &head.headers)?;
    Ok(Caller { who: "loopback".to_owned(), from, role: Role::Admin })
}

/// Without tokens, being on loopback is all the proof there is. So a reverse proxy's client, a page in a local browser, and a name that was made to
/// point at 127.0.0.1 (DNS rebinding) must not borrow it.
fn speaks_for_itself(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key("x-forwarded-for") || headers.contains_key(header::FORWARDED) {
        return Err(ApiError::Unauthorized("a proxy passed this on, so loopback proves nothing: configure tokens"));
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::CrossOrigin);
    }
    let host = origin::authority(uri, headers).map_err(|_| ApiError::CrossOrigin)?;
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let local = name.eq_ignore_ascii_case("localhost") || IpAddr::from_str(name).is_ok_and(is_loopback);
    if local { Ok(()) } else { Err(ApiError::Unauthorized("without tokens, call localhost or 127.0.0.1 by that name")) }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let unreadable = ApiError::Unauthorized("the header Authorization must be one Bearer <token>");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let (Ok(text), None) = (value.to_str(), values.next()) else { return Err(unreadable) };
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token.len() <= TOKEN_LIMIT => {
            Ok(Some(token.trim()))
        }
        _ => Err(unreadable),
    }
}

/// Lets only callers with at least this role through, and hands the [`Caller`] to the handler.
pub(crate) async fn require(State((state, needs)): State<(ApiState, Role)>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let caller = match identify(Peer::of(&head, state.settings()).as_ref(), &head, &state.tokens()) {
        Ok(caller) if caller.role >= needs => caller,
        Ok(caller) => return ApiError::Forbidden { who: caller.who, has: caller.role, needs }.into_response(),
        Err(error) => return error.into_response(),
    };
    head.extensions.insert(caller);
    next.run(Request::from_parts(head, body)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> String {
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn tokens() -> Tokens {
        let token = |name: &str, role| Token::new(name, role, &hash(name)).unwrap();
        Tokens::new(vec![token("viewer", Role::Read), token("pipeline", Role::Operate), token("root", Role::Admin)])
            .unwrap()
    }

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/v1/status").header("host", "localhost:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn peer(address: &str) -> Peer {
        Peer { address: address.parse().unwrap(), forwarded_for: None }
    }

    #[test]
    fn each_token_is_found_by_its_text_and_no_other_text_is() {
        for name in ["viewer", "pipeline", "root"] {
            assert_eq!(tokens().find(name).map(Token::name), Some(name));
        }
        assert_eq!(tokens().find("rooT"), None);
        assert_eq!(tokens().find(""), None);
        assert_eq!(Tokens::default().find("root"), None);
    }

    #[test]
    fn a_known_token_names_the_caller_from_anywhere() {
        let caller =
            identify(Some(&peer("203.0.113.9")), &head(&[("authorization", "bearer pipeline")]), &tokens()).unwrap();
        assert_eq!(
            (caller.who.as_str(), caller.role, caller.from.as_str()),
            ("pipeline", Role::Operate, "203.0.113.9")
        );
    }

    #[test]
    fn with_tokens_configured_loopback_needs_one_as_well() {
        assert!(matches!(identify(Some(&peer("127.0.0.1")), &head(&[]), &tokens()), Err(ApiError::Unauthorized(_))));
    }

    #[test]
    fn without_tokens_only_loopback_is_let_in() {
        for local in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(identify(Some(&peer(local)), &head(&[]), &Tokens::default()).is_ok(), "{local}");
        }
        for other in ["10.0.0.1", "0.0.0.0", "::ffff:10.0.0.1", "fe80::1"] {
            assert!(identify(Some(&peer(other)), &head(&[]), &Tokens::default()).is_err(), "{other}");
        }
        assert!(identify(None, &head(&[]), &Tokens::default()).is_err());
    }

    #[test]
    fn without_tokens_nobody_borrows_the_trust_in_loopback() {
        let local = peer("127.0.0.1");
        for (name, value) in [
            ("x-forwarded-for", "203.0.113.9"),
            ("forwarded", "for=203.0.113.9"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            assert!(identify(Some(&local), &head(&[(name, value)]), &Tokens::default()).is_err(), "{name}");
        }
        let mut rebound = head(&[]);
        rebound.headers.insert("host", "evil.example".parse().unwrap());
        assert!(identify(Some(&local), &rebound, &Tokens::default()).is_err());
        for good in ["127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
            rebound.headers.insert("host", good.parse().unwrap());
            assert!(identify(Some(&local), &rebound, &Tokens::default()).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_unknown_or_unreadable_token_is_refused_even_on_loopback() {
        for value in ["Bearer nobody", "Basic cm9vdA==", "Bearer", ""] {
            let head = head(&[("authorization", value)]);
            assert!(identify(Some(&peer("127.0.0.1")), &head, &Tokens::default()).is_err(), "{value:?}");
        }
        let twice = head(&[("authorization", "Bearer root"), ("authorization", "Bearer viewer")]);
        assert!(identify(Some(&peer("127.0.0.1")), &twice, &tokens()).is_err());
    }

    #[test]
    fn a_listener_that_others_can_reach_needs_tokens() {
        let open: SocketAddr = "0.0.0.0:8080".parse().unwrap();
        assert_eq!(check_listener(open, &Tokens::default()), Err(ListenerRefused { address: open }));
        assert!(check_listener("[::]:8080".parse().unwrap(), &Tokens::default()).is_err());
        assert!(check_listener(open, &tokens()).is_ok());
        assert!(check_listener("127.0.0.1:8080".parse().unwrap(), &Tokens::default()).is_ok());
    }

    #[test]
    fn bad_and_indistinguishable_tokens_are_refused() {
        assert_eq!(Token::new("", Role::Read, &hash("x")), Err(BadToken::Name));
        assert_eq!(Token::new("a\nb", Role::Read, &hash("x")), Err(BadToken::Name));
        assert_eq!(Token::new("a", Role::Read, "abc"), Err(BadToken::Hash { name: "a".to_owned() }));
        assert!(Token::new("a", Role::Read, &"+f".repeat(32)).is_err());
        let one = Token::new("a", Role::Read, &hash("x")).unwrap();
        let same_text = Token::new("b", Role::Admin, &hash("x").to_uppercase()).unwrap();
        assert!(Tokens::new(vec![one, same_text]).is_err());
    }

    #[test]
    fn a_token_never_shows_its_hash() {
        assert_eq!(format!("{:?}", tokens().0[0]), "Token(viewer, read)");
    }
}
