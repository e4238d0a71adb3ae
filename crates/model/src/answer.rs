//! The answer arm's words: what it may do with requests that pass through it, what a second look at AWS showed, and the shapes in which AWS refuses.

use serde::{Deserialize, Serialize};

/// What the answer arm may do. Ordered from the most cautious to the least, so that of several that apply the least one is the one to follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerMode {
    /// Forward everything; the cache is neither asked nor filled.
    Pass,
    /// Forward everything, and compare what comes back with what would have been answered: how one tries it in production.
    Observe,
    /// Answer from the cache what is fresh.
    Serve,
}

impl AnswerMode {
    /// As in the configuration, labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Observe => "observe",
            Self::Serve => "serve",
        }
    }
}

/// What reading again showed about a scope in which no event and no write had announced a change meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The same answer: nothing was missed.
    Same,
    /// Another answer: a change that nothing announced.
    Differs,
}

/// How a service words an error. AWS's SDKs look for the code in exactly one of these places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorShape {
    /// EC2's XML: `Response`, `Errors`, `Error`, `Code`.
    Ec2,
    /// The query protocol's XML: `ErrorResponse`, `Error`, `Code`.
    Query,
    /// A JSON body with `__type`.
    Json,
    /// REST with JSON: the header `x-amzn-ErrorType`.
    RestJson,
}
