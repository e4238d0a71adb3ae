//! The few outbound requests: certificates, issuers' certificates and confirmations. All bounded in time and size, none follows a redirect.

use reqwest::{Client, StatusCode};

use crate::certs::CertsSettings;

/// Longest answer taken. A certificate is 2 KB, the answer to a confirmation 600 bytes.
const ANSWER_LIMIT: usize = 16 * 1024;

/// Why a request of ours gave nothing. Only plain words: the cause's own text would repeat the address, which for a confirmation holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("no connection: {0}")]
    Connection(&'static str),
    /// Another status than 200; redirects count as such.
    #[error("status {0}")]
    Status(u16),
    /// Longer than anything genuine.
    #[error("the answer is too long")]
    TooLong,
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made: {0}")]
    Client(String),
    /// We are going down.
    #[error("shutting down")]
    Closed,
}

/// Two clients: TLS only, and the plain one for issuers' certificates, which CAs serve over HTTP.
#[derive(Debug)]
pub(crate) struct Fetcher {
    strict: Client,
    plain: Client,
}

impl Fetcher {
    pub(crate) fn new(settings: &CertsSettings) -> Result<Self, FetchError> {
        let https_only = settings.endpoint_base.is_none();
        Ok(Self { strict: client(settings, https_only)?, plain: client(settings, false)? })
    }

    pub(crate) async fn certificate(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        get(&self.strict, url).await
    }

    pub(crate) async fn issuer(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        get(&self.plain, url).await
    }
}

pub(crate) fn client(settings: &CertsSettings, https_only: bool) -> Result<Client, FetchError> {
    let failed = |error: reqwest::Error| FetchError::Client(error.to_string());
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .https_only(https_only)
        .connect_timeout(settings.connect)
        .timeout(settings.total)
        .user_agent(concat!("aws-event-cache/", env!("CARGO_PKG_VERSION")));
    if let Some(proxy) = &settings.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(failed)?);
    }
    builder.build().map_err(failed)
}

/// Fetches at most [`ANSWER_LIMIT`] bytes with status 200.
pub(crate) async fn get(client: &Client, url: &str) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url).send().await.map_err(|error| FetchError::Connection(word(&error)))?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::Connection(word(&error)))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(FetchError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn word(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else if error.is_builder() {
        "the address is not allowed"
    } else {
        "the connection broke"
    }
}
