//! The last few messages that were not understood, without anything that could identify or harm: a closed look at their shape.

use std::collections::VecDeque;

use aws_event_cache_model::{Source, Timestamp};
use serde_json::{Map, Value};
use smol_str::SmolStr;

/// How many are kept: enough for a person to see what comes, at 2 KiB each.
const KEPT: usize = 16;

/// Longest sample in bytes.
const SAMPLE_LIMIT: usize = 2048;

/// How much of a nested payload is shown.
const DEPTH: usize = 4;

/// Fields and list elements shown per level.
const WIDTH: usize = 30;

/// Names whose values say what a message is and nothing about whose it is.
const SHOWN: [&str; 12] = [
    "detail-type",
    "source",
    "messageType",
    "recordVersion",
    "version",
    "eventSource",
    "eventName",
    "eventType",
    "Type",
    "Event",
    "resourceType",
    "MessageVersion",
];

/// A message that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When it came.
    pub at: Timestamp,
    /// By which way.
    pub source: Source,
    /// From which topic, queue or file.
    pub origin: SmolStr,
    /// Its shape: names, and in place of most values what they were.
    pub text: String,
}

/// A ring of samples; the oldest go first.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    kept: VecDeque<Sample>,
}

impl Samples {
    pub(crate) fn keep(&mut self, sample: Sample) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(sample);
    }

    /// Newest first.
    pub(crate) fn newest(&self) -> Vec<Sample> {
        self.kept.iter().rev().cloned().collect()
    }
}

/// The shape of a message, at most [`SAMPLE_LIMIT`] bytes.
pub(crate) fn redacted(message: &str) -> String {
    let shape = match serde_json::from_str::<Value>(message) {
        Ok(value) => shape(None, &value, DEPTH).to_string(),
        Err(_) => format!("(text of {} bytes)", message.len()),
    };
    let end = (0..=SAMPLE_LIMIT.min(shape.len())).rev().find(|at| shape.is_char_boundary(*at)).unwrap_or(0);
    shape[..end].to_owned()
}

fn shape(name: Option<&str>, value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(fields) if depth > 0 => {
            let inner = fields.iter().take(WIDTH).map(|(key, value)| {
                let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
                let value = shape(Some(&key), value, depth - 1);
                (key, value)
            });
            Value::Object(inner.collect::<Map<_, _>>())
        }
        Value::Array(list) if depth > 0 => {
            Value::Array(list.iter().take(2).map(|value| shape(None, value, depth - 1)).collect())
        }
        Value::Object(_) => "{…}".into(),
        Value::Array(_) => "[…]".into(),
        Value::String(text) if name.is_some_and(|name| SHOWN.contains(&name)) && text.len() <= 100 => {
            text.chars().filter(|c| !c.is_control()).collect::<String>().into()
        }
        Value::String(text) => format!("(text of {} bytes)", text.len()).into(),
        Value::Number(_) => "(number)".into(),
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_shows_the_shape_and_not_the_values() {
        let text = redacted(
            r#"{"messageType":"SomethingNew","awsAccountId":"111122223333","token":"secret","list":[1,2,3],"ok":true}"#,
        );
        assert!(text.contains("SomethingNew") && text.contains("awsAccountId") && text.contains("true"), "{text}");
        assert!(!text.contains("111122223333") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn samples_are_bounded_in_size_and_number() {
        let many: Vec<String> = (0..1000).map(|n| format!("\"{n}{}\":1", "é".repeat(40))).collect();
        assert!(redacted(&format!("{{{}}}", many.join(","))).len() <= SAMPLE_LIMIT);
        let mut samples = Samples::default();
        for n in 0..100 {
            let at = Timestamp::from_second(n).unwrap();
            samples.keep(Sample { at, source: Source::Sns, origin: "t".into(), text: String::new() });
        }
        assert_eq!(samples.newest().len(), KEPT);
        assert_eq!(samples.newest()[0].at.as_second(), 99);
    }
}
