//! How a request is signed, and with which credential.

use http::request::Parts;

/// The credential scope of a Signature Version 4: `key/date/region/service/aws4_request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'r> {
    /// The access key id.
    pub key_id: &'r str,
    /// `yyyyMMdd`.
    pub date: &'r str,
    /// The region it is signed for.
    pub region: &'r str,
    /// The service it is signed for, as signing calls it.
    pub service: &'r str,
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature<'r> {
    /// Signature Version 4 in the `Authorization` header.
    V4 {
        /// Who signed, for what.
        credential: Credential<'r>,
    },
    /// In the query string.
    Presigned,
    /// Signature Version 4 for several regions.
    V4a,
    /// The old way.
    V2,
    /// Not signed by any of AWS's ways.
    Unsigned,
    /// It claims to be signed by one of AWS's ways but is not as AWS describes it.
    Malformed,
}

/// How a request is signed.
pub fn signature(_head: &Parts) -> Signature<'_> {
    Signature::Unsigned
}
