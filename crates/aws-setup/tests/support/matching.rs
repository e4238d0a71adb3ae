//! A small model of EventBridge's matching, as its user guide describes it ("Creating event patterns", "Comparison operators"). What it does not know it refuses,
//! so that no rule is taken for right that nobody has thought about.

use serde_json::Value;

/// Whether a rule with this pattern forwards the event: every field of the pattern must be met, each by one of its alternatives.
pub(crate) fn matches(pattern: &Value, event: &Value) -> bool {
    let fields = pattern.as_object().unwrap_or_else(|| panic!("{pattern} is no object"));
    assert!(!fields.is_empty(), "an empty pattern is refused by EventBridge");
    fields.iter().all(|(key, expected)| {
        assert!(!key.starts_with('$'), "{key} is not modelled");
        let actual = event.get(key);
        match expected {
            Value::Array(alternatives) => {
                assert!(!alternatives.is_empty(), "{key} has no alternatives");
                alternatives.iter().any(|alternative| met(alternative, actual))
            }
            nested => matches(nested, actual.unwrap_or(&Value::Null)),
        }
    })
}

/// A field that is a list meets what any of its items meets.
fn met(alternative: &Value, actual: Option<&Value>) -> bool {
    if let Some(exists) = operand(alternative, "exists") {
        // Only leaves exist; an object in the field's place is no value.
        let is_there = actual.is_some_and(|value| !value.is_object());
        return exists.as_bool().unwrap() == is_there;
    }
    match actual {
        None => false,
        Some(Value::Array(items)) => items.iter().any(|item| met_by(alternative, item)),
        Some(value) => met_by(alternative, value),
    }
}

fn met_by(alternative: &Value, value: &Value) -> bool {
    let text = value.as_str();
    match alternative {
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => alternative == value,
        _ => {
            if let Some(prefix) = operand(alternative, "prefix") {
                return text.is_some_and(|text| text.starts_with(prefix.as_str().unwrap()));
            }
            let but = operand(alternative, "anything-but").unwrap_or_else(|| panic!("{alternative} is not modelled"));
            let wildcards = operand(but, "wildcard").and_then(Value::as_array).unwrap_or_else(|| panic!("{but}"));
            text.is_some_and(|text| !wildcards.iter().any(|wildcard| fits(wildcard.as_str().unwrap(), text)))
        }
    }
}

fn operand<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let map = value.as_object()?;
    assert_eq!(map.len(), 1, "{value} is no comparison");
    map.get(name)
}

/// `*` only at the end: that is all that the catalogue has.
fn fits(wildcard: &str, text: &str) -> bool {
    match wildcard.strip_suffix('*') {
        Some(start) => {
            assert!(!start.contains('*'), "{wildcard} is not modelled");
            text.starts_with(start)
        }
        None => wildcard == text,
    }
}

#[test]
fn the_model_agrees_with_the_examples_of_the_user_guide() {
    use serde_json::json;
    let event = json!({
        "source": "aws.test", "detail-type": "Widget Change", "resources": ["arn:one", "arn:two"],
        "detail": {"state": "running", "count": 5, "nested": {"a": 1}},
    });
    for (pattern, expected) in [
        (json!({"source": ["aws.test"]}), true),
        (json!({"source": ["aws.other"]}), false),
        (json!({"resources": ["arn:two"]}), true),
        (json!({"detail": {"state": ["initializing", "running"]}}), true),
        (json!({"source": [{"prefix": "aws."}], "detail": {"count": [5]}}), true),
        (json!({"detail": {"missing": [{"exists": false}]}}), true),
        (json!({"detail": {"state": [{"exists": false}]}}), false),
        (json!({"detail": {"nested": [{"exists": false}]}}), true),
        (json!({"detail": {"missing": [{"exists": false}, "x"]}}), true),
        (json!({"detail": {"state": [{"exists": false}, "running"]}}), true),
        (json!({"detail": {"state": [{"anything-but": {"wildcard": ["run*", "x"]}}]}}), false),
        (json!({"detail": {"state": [{"anything-but": {"wildcard": ["ran*", "run"]}}]}}), true),
        (json!({"detail": {"missing": [{"anything-but": {"wildcard": ["x"]}}]}}), false),
    ] {
        assert_eq!(matches(&pattern, &event), expected, "{pattern}");
    }
}
