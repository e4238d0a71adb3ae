//! The event stream of each account and region, as the running service knows it.

use aws_event_cache_model::{AccountId, Place, Region};
use serde_json::Value;

use super::local::ago;
use crate::codes;
use crate::facts::Facts;
use crate::finding::{Finding, Hop};

/// What to do about a stream that does not come.
const LOOK_UP: &str = "look at the rules, the topic and its subscription (or queue) of this account and region, as docs/aws-setup.md sets them up; until then Clouddriver polls here as stock";

pub(super) fn heartbeats(facts: &Facts) -> Vec<Finding> {
    let Ok(status) = &facts.service.status else {
        return vec![Finding::skipped(Hop::Heartbeat, codes::NOT_LOOKED_AT, "the service cannot be asked")];
    };
    let places: Vec<&Value> = status.get("places").and_then(Value::as_array).into_iter().flatten().collect();
    if places.is_empty() {
        return vec![Finding::skipped(Hop::Heartbeat, codes::NOT_LOOKED_AT, "the service knows no account yet")];
    }
    places.into_iter().filter_map(|place| of_place(place, facts)).collect()
}

fn of_place(stream: &Value, facts: &Facts) -> Option<Finding> {
    let text = |pointer: &str| stream.pointer(pointer).and_then(Value::as_str);
    let account = AccountId::new(text("/place/account")?).ok()?;
    let place = Place::new(account, Region::new(text("/place/region")?).ok()?);
    let since = |key: &str| text(key).map(|then| ago(then, facts.now));
    let (beat, sign) = (since("/last_heartbeat"), since("/last_sign"));
    let late = stream.get("lateness_ms").and_then(Value::as_u64).unwrap_or_default();
    let last = sign.clone().unwrap_or_else(|| "never".to_owned());
    let hop = Hop::Heartbeat;
    let finding = match (text("/health").unwrap_or_default(), &beat) {
        ("healthy", Some(beat)) => {
            Finding::good(hop, codes::HEARTBEAT_HEARD, format!("last heartbeat {beat}, {late} ms late"))
        }
        ("healthy", None) => Finding::warning(
            hop,
            codes::HEARTBEAT_NONE,
            format!(
                "alive by other messages (last {last}), but no heartbeat has come: in a quiet hour it counts as silent"
            ),
            "add the heartbeat rule of docs/aws-setup.md",
        ),
        ("late", _) => Finding::warning(
            hop,
            codes::HEARTBEAT_LATE,
            format!("the last heartbeat came {late} ms late: Clouddriver polls here as stock"),
            "look at the clocks, at the queue's backlog, and at retries of the subscription",
        ),
        ("stopped", _) => Finding::broken(
            hop,
            codes::STREAM_STOPPED,
            format!("the subscription was ended (last sign of life {last})"),
            "subscribe again as docs/aws-setup.md shows, if nobody meant it",
        ),
        ("unknown", _) => {
            Finding::broken(hop, codes::HEARTBEAT_SILENT, "nothing has come since the service started", LOOK_UP)
        }
        _ => Finding::broken(hop, codes::HEARTBEAT_SILENT, format!("silent; last sign of life {last}"), LOOK_UP),
    };
    Some(finding.of(facts.title(&place)))
}
