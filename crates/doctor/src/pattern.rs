//! Whether an EventBridge event pattern lets an event through, as the user guide describes "event patterns". What is not understood is "cannot be told".

use serde_json::{Map, Value};

use crate::tri::{Tri, like};

/// Deepest nesting looked at: AWS's own patterns have three levels.
const DEPTH: usize = 16;

/// Whether the event passes.
pub(crate) fn passes(pattern: &Value, event: &Value) -> Tri {
    match pattern {
        Value::Object(keys) => object(keys, Some(event), DEPTH),
        _ => Tri::No,
    }
}

fn object(keys: &Map<String, Value>, event: Option<&Value>, depth: usize) -> Tri {
    if depth == 0 {
        return Tri::Unsure;
    }
    Tri::all(keys.iter().map(|(key, wanted)| {
        if key == "$or" {
            let ways = wanted.as_array().into_iter().flatten();
            return Tri::any(ways.map(|way| way.as_object().map_or(Tri::No, |way| object(way, event, depth - 1))));
        }
        let value = event.and_then(|event| event.get(key));
        match wanted {
            Value::Array(choices) => Tri::any(choices.iter().map(|choice| of_values(choice, value))),
            Value::Object(inner) => object(inner, value, depth - 1),
            _ => Tri::No,
        }
    }))
}

/// Of an event's list any element may fit.
fn of_values(choice: &Value, value: Option<&Value>) -> Tri {
    if let Some(exists) = choice.get("exists").and_then(Value::as_bool) {
        return Tri::from(value.is_some() == exists);
    }
    match value {
        None => Tri::No,
        Some(Value::Array(values)) => Tri::any(values.iter().map(|value| one(choice, value))),
        Some(value) => one(choice, value),
    }
}

fn one(choice: &Value, value: &Value) -> Tri {
    let Value::Object(operator) = choice else { return Tri::from(choice == value) };
    let Some((name, wanted)) = operator.iter().next().filter(|_| operator.len() == 1) else { return Tri::Unsure };
    let text = value.as_str();
    let on_text = |judge: &dyn Fn(&str, &str) -> bool| match (text, wanted.as_str()) {
        (Some(text), Some(wanted)) => Tri::from(judge(text, wanted)),
        (None, Some(_)) => Tri::No,
        _ => Tri::Unsure,
    };
    match name.as_str() {
        "prefix" => on_text(&|text, wanted| text.starts_with(wanted)),
        "suffix" => on_text(&|text, wanted| text.ends_with(wanted)),
        "equals-ignore-case" => on_text(&|text, wanted| text.eq_ignore_ascii_case(wanted)),
        "wildcard" => on_text(&|text, wanted| like(wanted, text, None)),
        "anything-but" => match wanted {
            Value::Array(many) => Tri::any(many.iter().map(|wanted| one(wanted, value))).not(),
            wanted => one(wanted, value).not(),
        },
        _ => Tri::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event() -> Value {
        json!({
            "source": "aws.test", "detail-type": "AWS API Call via CloudTrail", "resources": ["arn:a", "arn:b"],
            "detail": {"eventSource": "test.amazonaws.com", "eventName": "MakeWidget", "readOnly": false}
        })
    }

    #[test]
    fn literals_operators_lists_and_alternatives_are_read_as_eventbridge_does() {
        for (pattern, passes_) in [
            (json!({"source": ["aws.test"]}), Tri::Yes),
            (json!({"source": ["aws.other", "aws.test"], "detail": {"eventName": ["MakeWidget"]}}), Tri::Yes),
            (json!({"source": ["aws.other"]}), Tri::No),
            (json!({"detail": {"eventName": [{"prefix": "Make"}]}}), Tri::Yes),
            (json!({"detail": {"eventName": [{"anything-but": {"prefix": "Make"}}]}}), Tri::No),
            (json!({"detail": {"eventName": [{"anything-but": ["BreakWidget"]}]}}), Tri::Yes),
            (json!({"detail": {"eventName": [{"wildcard": "*Widget"}]}}), Tri::Yes),
            (json!({"detail": {"errorCode": [{"exists": false}]}}), Tri::Yes),
            (json!({"detail": {"readOnly": [true]}}), Tri::No),
            (json!({"resources": [{"suffix": "b"}]}), Tri::Yes),
            (json!({"$or": [{"source": ["aws.x"]}, {"detail": {"readOnly": [false]}}]}), Tri::Yes),
            (json!({"detail": {"size": [{"numeric": [">", 3]}]}}), Tri::No),
            (json!({"detail": {"eventName": [{"numeric": [">", 3]}]}}), Tri::Unsure),
            (json!({}), Tri::Yes),
            (json!("text"), Tri::No),
        ] {
            assert_eq!(passes(&pattern, &event()), passes_, "{pattern}");
        }
    }

    #[test]
    fn nesting_ends_somewhere() {
        let deep = (0..200).fold(json!(["x"]), |inner, _| json!({"a": inner}));
        assert!(passes(&deep, &event()) != Tri::Yes);
    }

    proptest! {
        #[test]
        fn a_pattern_made_of_the_events_own_values_passes(source in "[a-z.]{1,12}", name in "[A-Za-z]{1,12}") {
            let event = json!({"source": source, "detail": {"eventName": name}});
            let pattern = json!({"source": [source], "detail": {"eventName": [name]}});
            prop_assert_eq!(passes(&pattern, &event), Tri::Yes);
        }
    }
}
