//! A record, encoded by the caller's thread: what is left to the writer is moving bytes, and a record that cannot be encoded fails alone.

use aws_event_cache_model::{AgentName, AuditEntry, Cause, Class, EventRecord, Names, Record, Resources, What};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Longest event record kept whole, in bytes of JSON. One that names thousands of resources keeps everything but the names, so that recent events never take more than
/// [`EVENTS_KEPT`](crate::EVENTS_KEPT) times this much (32 MB).
pub const EVENT_BYTES: usize = 16 * 1024;

/// Longest text of an audit entry, in characters; the rest is cut. An operator's reason fits, a hostile body does not.
pub const TEXT_CHARACTERS: usize = 2_000;

/// An owed run as it is stored, under its agent's name.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwedValue {
    pub(crate) class: Class,
    pub(crate) resources: Resources,
    pub(crate) cause: Cause,
}

/// One change of the tables.
#[derive(Debug)]
pub(crate) enum Op {
    Owe { agent: AgentName, value: Vec<u8> },
    Settle { agent: AgentName },
    RefreshOpen { id: SmolStr, value: Vec<u8> },
    RefreshEnded { id: SmolStr, micros: i64, value: Vec<u8> },
    Override { id: SmolStr, value: Vec<u8> },
    OverrideRemoved { id: SmolStr },
    Audit { value: Vec<u8> },
    Event { value: Vec<u8> },
    Count { name: SmolStr, add: u64 },
}

impl Op {
    /// Encodes a record.
    ///
    /// # Errors
    /// When JSON cannot express it (a number that is not finite).
    pub(crate) fn encode(record: Record) -> Result<Self, serde_json::Error> {
        Ok(match record {
            Record::Owed { agent, class, resources, cause } => {
                Self::Owe { agent, value: serde_json::to_vec(&OwedValue { class, resources, cause })? }
            }
            Record::Settled { agent } => Self::Settle { agent },
            Record::Refresh(refresh) => {
                let value = serde_json::to_vec(&refresh)?;
                let id = refresh.id.0;
                if refresh.state.is_final() {
                    let micros = refresh.ended.unwrap_or(refresh.requested).as_microsecond();
                    Self::RefreshEnded { id, micros, value }
                } else {
                    Self::RefreshOpen { id, value }
                }
            }
            Record::Override(setting) => Self::Override { value: serde_json::to_vec(&setting)?, id: setting.id.0 },
            Record::OverrideRemoved(id) => Self::OverrideRemoved { id: id.0 },
            Record::Audit(entry) => Self::Audit { value: serde_json::to_vec(&cut(entry))? },
            Record::Event(event) => Self::Event { value: encode_event(event)? },
            Record::Count { name, add } => Self::Count { name, add },
        })
    }

    /// Whether nobody acts on it after a restart, so that it need not force an fsync.
    pub(crate) fn is_soft(&self) -> bool {
        match self {
            Self::Audit { .. } | Self::Event { .. } | Self::Count { .. } => true,
            Self::Owe { .. }
            | Self::Settle { .. }
            | Self::RefreshOpen { .. }
            | Self::RefreshEnded { .. }
            | Self::Override { .. }
            | Self::OverrideRemoved { .. } => false,
        }
    }

    /// About how much memory it takes while it waits.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Owe { value, .. }
                | Self::RefreshOpen { value, .. }
                | Self::RefreshEnded { value, .. }
                | Self::Override { value, .. }
                | Self::Audit { value }
                | Self::Event { value } => value.len(),
                Self::Settle { .. } | Self::OverrideRemoved { .. } | Self::Count { .. } => 0,
            }
    }
}

fn encode_event(mut event: EventRecord) -> Result<Vec<u8>, serde_json::Error> {
    let value = serde_json::to_vec(&event)?;
    if value.len() <= EVENT_BYTES {
        return Ok(value);
    }
    if let What::Changed { names, .. } = &mut event.hint.what {
        *names = Names::Any;
    }
    serde_json::to_vec(&event)
}

fn cut(entry: AuditEntry) -> AuditEntry {
    let short = |text: String| match text.char_indices().nth(TEXT_CHARACTERS) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    };
    AuditEntry { who: short(entry.who), from: short(entry.from), detail: short(entry.detail), ..entry }
}
