//! Recorded messages, one a line, for the dry run: read by the same decoders, without verification, age or replay store.

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{Source, Timestamp};
use smol_str::SmolStr;

use crate::decode::{Context, Decoded, Trust, decode};
use crate::envelope::Envelope;

/// Decodes one line: an SNS envelope (genuine form, signature not looked at) or a bare payload. `name` and `line` stand for the id where it has none.
pub fn decode_recorded(text: &str, name: &str, line: usize, catalog: &Catalog, now: Timestamp) -> Decoded {
    let bare =
        |id: SmolStr| Context { source: Source::Replay, id, region: None, origin: name.into(), trust: Trust::File };
    match Envelope::parse(text) {
        Ok(envelope) => {
            let context = Context {
                region: Some(envelope.topic().region().clone()),
                origin: envelope.topic().arn().into(),
                ..bare(envelope.message_id().into())
            };
            decode(envelope.message(), &context, catalog, now)
        }
        Err(_) => decode(text, &bare(format!("{name}:{line}").into()), catalog, now),
    }
}
