//! A client that asks as SDKs do: signed for an account by its key id, through the proxy in plain HTTP or by CONNECT and TLS.

use std::time::Duration;

use aws_event_cache_model::Timestamp;
use reqwest::{Certificate, Proxy, StatusCode};

use crate::support::now;
use crate::world::{ACCOUNT, HOST};

/// An answer as the client sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: StatusCode,
    pub(crate) cache: String,
    pub(crate) age: Option<u64>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn is_hit(&self) -> bool {
        self.cache.split(';').any(|part| part.trim() == "hit")
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    scheme: &'static str,
    key: String,
    token: String,
}

impl Client {
    /// Asks the proxy in absolute-form.
    pub(crate) fn plain(proxy: &str) -> Self {
        Self::with(reqwest::Client::builder().proxy(Proxy::all(proxy).unwrap()), "http")
    }

    /// Opens a tunnel and TLS in it, and trusts this certificate.
    pub(crate) fn tls(proxy: &str, root: &[u8]) -> Self {
        let builder = reqwest::Client::builder().proxy(Proxy::all(proxy).unwrap()).http1_only();
        Self::with(builder.tls_certs_only([Certificate::from_pem(root).unwrap()]), "https")
    }

    fn with(builder: reqwest::ClientBuilder, scheme: &'static str) -> Self {
        let http = builder.timeout(Duration::from_secs(15)).build().unwrap();
        Self { http, scheme, key: key_of(ACCOUNT, 0), token: "session-token-0".to_owned() }
    }

    /// Another session of the same account.
    pub(crate) fn session(&self, number: u8) -> Self {
        Self { key: key_of(ACCOUNT, number), token: format!("session-token-{number}"), ..self.clone() }
    }

    pub(crate) async fn call(&self, operation: &str, more: &[(&str, &str)]) -> Seen {
        self.call_as(operation, more, "aws-sdk-java/1.12.261").await
    }

    /// The same with another User-Agent.
    pub(crate) async fn call_as(&self, operation: &str, more: &[(&str, &str)], agent: &str) -> Seen {
        let mut body = format!("Action={operation}&Version=2026-01-01");
        more.iter().for_each(|(name, value)| body.push_str(&format!("&{name}={value}")));
        let (day, time) = dates(now());
        let scope = format!("{}/{day}/eu-west-1/test/aws4_request", self.key);
        let signed = "host;user-agent;x-amz-date;x-amz-security-token";
        let signature = "0123456789abcdef".repeat(4);
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={signature}");
        let request = self
            .http
            .post(format!("{}://{HOST}/", self.scheme))
            .header("Authorization", authorization)
            .header("X-Amz-Date", time)
            .header("X-Amz-Security-Token", &self.token)
            .header("User-Agent", agent)
            .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(body);
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (cache, age) = (header("cache-status").unwrap_or_default(), header("age"));
        let status = answer.status();
        Seen { status, cache, age: age.and_then(|age| age.parse().ok()), body: answer.text().await.unwrap() }
    }

    /// Reads until it is answered from memory; at most a few times, since the first answer admits and fills.
    pub(crate) async fn warm(&self, operation: &str) -> Seen {
        let mut seen = self.call(operation, &[]).await;
        for _ in 0..3 {
            assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
            if seen.is_hit() {
                return seen;
            }
            seen = self.call(operation, &[]).await;
        }
        panic!("it is never answered from memory: {seen:?}");
    }
}

/// `20261128` and `20261128T101112Z`.
fn dates(at: Timestamp) -> (String, String) {
    let text = format!("{at:.0}").replace(['-', ':'], "");
    (text[..8].to_owned(), text)
}

/// A key id of an account, the way AWS writes the account into it: 40 bits from the second on, base32 after the prefix.
fn key_of(account: &str, number: u8) -> String {
    let bits = (1u64 << 47) | (account.parse::<u64>().unwrap() << 7);
    let mut bytes = bits.to_be_bytes()[2..].to_vec();
    bytes.extend([7, 7, 7, number]);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut key = String::from("ASIA");
    for chunk in bytes.chunks(5) {
        let word = chunk.iter().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
        (0..8).rev().for_each(|n| key.push(letters[usize::try_from(word >> (5 * n) & 31).unwrap()] as char));
    }
    key
}
