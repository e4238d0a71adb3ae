//! What is asked, and what is to be done with it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::{BucketId, Class, ErrorShape, Evidence, Place, Scope, ServiceName, Timestamp};
use aws_event_cache_wire::Protocol;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::credential::ConnectionMemory;
use crate::meter::Meter;
use crate::reading::Reading;
use crate::write::Write;

/// A request, as it came.
#[derive(Debug)]
pub struct Asked<'r> {
    /// Its head.
    pub head: &'r http::request::Parts,
    /// Its whole body.
    pub body: &'r Bytes,
    /// The AWS host that it goes to, without a port.
    pub host: &'r str,
    /// The peer has given the proxy's password, or sits on this machine: keys without a session token may be answered.
    pub trusted: bool,
    /// What its connection remembers.
    pub memory: &'r mut ConnectionMemory,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Ruling {
    /// Forward it and hand back what comes. Never stored.
    Forward(Forward),
    /// A write: [`mark`](crate::Answers::mark), forward, mark again unless it certainly did not happen.
    Write(Write),
    /// Answer it from memory.
    Hit(Hit),
    /// Ask AWS, hand back what comes and let [`learn`](crate::Answers::learn) see it.
    Read(Reading),
}

/// A request that only passes.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Why it is not answered from memory.
    pub why: Bypass,
    /// What it draws on at AWS; `None` when its service or account is not known.
    pub toll: Option<Toll>,
    /// Its line in the books; `None` for what is not AWS's request of somebody we know.
    pub meter: Option<Arc<Meter>>,
}

/// What a call draws on at AWS, and how to refuse it in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toll {
    /// Account and region that are throttled together.
    pub place: Place,
    /// The throttle bucket.
    pub bucket: BucketId,
    /// `Operator` for reads that name something and for operations: a person waits for those. `Sweep` for polling.
    pub class: Class,
    /// How its service words errors.
    pub shape: ErrorShape,
    /// In which protocol it was asked.
    pub protocol: Protocol,
}

/// An answer from memory.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The answer.
    pub page: Arc<Page>,
    /// Time since the read that it comes from *started*; of a listing, since its first page's read started.
    pub age: Duration,
    /// How long it would still be given; zero for pages given only to who began before it was overtaken.
    pub ttl: Duration,
    /// Its line in the books.
    pub meter: Arc<Meter>,
}

/// An answer of AWS, as it is kept.
pub struct Page {
    /// Its status: `200`, or the error that is an answer of its operation.
    pub status: StatusCode,
    /// Its end-to-end headers, without `Date` and lengths.
    pub headers: HeaderMap,
    /// Its body, in no encoding.
    pub body: Bytes,
    /// When the read that it comes from started.
    pub started: Timestamp,
}

impl fmt::Debug for Page {
    /// Bodies hold what operators may not want in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, body, started, .. } = self;
        write!(f, "Page({status}, {} bytes, {started})", body.len())
    }
}

/// An answer of AWS, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'r> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'r HeaderMap,
    /// Its body, in no encoding.
    pub body: &'r Bytes,
    /// Whether the body came to its proper end.
    pub complete: bool,
}

/// What an answer of AWS taught.
#[derive(Debug)]
pub struct Lesson {
    /// Whether it was stored, or kept towards a whole listing.
    pub stored: Result<(), NotStored>,
    /// What it says about changes that nothing announced.
    pub evidence: Option<(Scope, Evidence)>,
    /// AWS refused for the rate of calls.
    pub throttled: Option<(Place, ServiceName)>,
    /// The answer as it was kept.
    pub page: Option<Arc<Page>>,
}

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }
        impl $name {
            /// As in `Cache-Status` and labels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

reasons! {
    /// Why a request only passes.
    Bypass {
        /// The answer arm is told to keep out.
        Mode => "mode",
        /// Not signed: nobody we could know.
        Unsigned => "unsigned",
        /// Signed in a way whose signer we cannot tell (presigned, SigV4a, version 2), or malformed.
        Signature => "signature",
        /// Not on the list of reads that may be answered.
        Operation => "operation",
        /// It names its resource, or narrows the listing in another way that polling does not.
        NamesResource => "names-resource",
        /// It carries a user or an execution: an operation may act on the answer.
        ActsForOperation => "acts-for-operation",
        /// Its answer depends on the time, or nothing would be done.
        TimeBound => "time-bound",
        /// A service that we know nothing of.
        UnknownService => "no-rule",
        /// Its key does not tell the account.
        NoAccount => "no-account",
        /// A key without session token from a peer that is not trusted.
        StaticKey => "static-key",
        /// Not signed within five minutes of now.
        DateWindow => "date-window",
        /// A body longer than what is looked at.
        TooLarge => "too-large",
        /// The answer arm has failed and is kept out of the way.
        Fuse => "fuse",
    }
}

reasons! {
    /// Why a read goes to AWS.
    Miss {
        /// Nothing is stored.
        Absent => "absent",
        /// What is stored is too old.
        Stale => "stale",
        /// What is stored was read before a change.
        Dirty => "dirty",
        /// What is stored was read so soon after a change that AWS may have told the state before it.
        Settling => "settling",
        /// AWS has not answered this to this credential lately.
        NotAdmitted => "not-admitted",
        /// Everything is forwarded and only compared.
        Observed => "observed",
        /// A listing of which we have only a part, or a page of one that we do not know.
        Chain => "chain-incomplete",
        /// A page of a listing that was overtaken too long ago.
        Retired => "retired",
    }
}

reasons! {
    /// Why an answer was not stored.
    NotStored {
        /// Its status or its body says that it is an error.
        Error => "error",
        /// It broke off.
        Incomplete => "incomplete",
        /// Its content is not of its protocol.
        ContentType => "content-type",
        /// Its page token cannot be read.
        Malformed => "malformed",
        /// Longer than what is stored.
        TooLarge => "too-large",
        /// Something changed while it was read.
        Overtaken => "overtaken",
        /// It names its resource, and nothing was found.
        Empty => "empty",
        /// It belongs to another account than the key says.
        OtherOwner => "other-owner",
        /// A page of a listing whose beginning we did not see, or that is too long.
        Chain => "chain",
        /// A newer answer is stored, or the stored one is being watched.
        Kept => "kept",
        /// The first of its account and region: from now on answers of this place are kept.
        NewPlace => "new-place",
        /// The answer arm was switched or emptied meanwhile.
        Purged => "purged",
    }
}
