//! Event patterns: their size, and how they are written in YAML and in HCL.

use serde_json::Value;

/// Longest pattern in characters that EventBridge takes from every account; up to 4,096 on request (EventBridge user guide, "Quotas"). Kept to, so that nobody
/// has to ask AWS for anything before the set-up works.
pub const PATTERN_LIMIT: usize = 2048;

/// How many characters EventBridge counts: the pattern as JSON without blanks.
pub fn size(pattern: &Value) -> usize {
    pattern.to_string().chars().count()
}

/// Puts items into as few patterns as their order allows, each within the limit. `of` makes the pattern that holds these items.
///
/// # Errors
/// The item that exceeds the limit by itself.
pub(crate) fn split(items: &[Value], of: impl Fn(&[Value]) -> Value) -> Result<Vec<Value>, Value> {
    let (mut patterns, mut from) = (Vec::new(), 0);
    for end in 1..=items.len() {
        if size(&of(&items[from..end])) > PATTERN_LIMIT {
            if end - from == 1 {
                return Err(items[from].clone());
            }
            patterns.push(of(&items[from..end - 1]));
            from = end - 1;
            if size(&of(&items[from..end])) > PATTERN_LIMIT {
                return Err(items[from].clone());
            }
        }
    }
    if from < items.len() {
        patterns.push(of(&items[from..]));
    }
    Ok(patterns)
}

/// In YAML's block style, lists one item a line so that differences read well. Items are written as JSON, which YAML takes as it is.
pub(crate) fn yaml(pattern: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, value) in pattern.as_object().into_iter().flatten() {
        let key = if key.starts_with('$') { Value::from(key.as_str()).to_string() } else { key.clone() };
        lines.push(format!("{key}:"));
        match value {
            Value::Array(items) => lines.extend(items.iter().map(|item| format!("  - {}", yaml_item(item)))),
            _ => lines.extend(yaml(value).into_iter().map(|line| format!("  {line}"))),
        }
    }
    lines
}

/// A blank after each colon: without it a YAML of the 1.1 sort takes `{"a":true}` for a key without a value.
fn yaml_item(item: &Value) -> String {
    match item {
        Value::Object(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), yaml_item(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(yaml_item).collect::<Vec<_>>().join(", "))
        }
        _ => item.to_string(),
    }
}

/// As an HCL object, in the layout that `terraform fmt` gives it.
pub(crate) fn hcl(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let mut lines = vec!["{".to_owned()];
            for (key, value) in map {
                let mut inner = hcl(value).into_iter();
                lines.extend(inner.next().map(|first| format!("  {} = {first}", hcl_text(key))));
                lines.extend(inner.map(|line| format!("  {line}")));
            }
            lines.push("}".to_owned());
            lines
        }
        Value::Array(items) => {
            let mut lines = vec!["[".to_owned()];
            lines.extend(items.iter().map(|item| format!("  {},", hcl_item(item))));
            lines.push("]".to_owned());
            lines
        }
        _ => vec![hcl_item(value)],
    }
}

fn hcl_item(item: &Value) -> String {
    match item {
        Value::Object(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{} = {}", hcl_text(key), hcl_item(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(hcl_item).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => hcl_text(text),
        _ => item.to_string(),
    }
}

/// A quoted text in which `${` and `%{` mean themselves.
pub(crate) fn hcl_text(text: &str) -> String {
    Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        // Each case writes thousands of patterns.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn splitting_loses_nothing_and_keeps_the_limit(words in prop::collection::vec("[A-Za-z]{1,300}", 0..60)) {
            let items: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            let patterns = split(&items, |items| json!({"detail": {"eventName": items}, "source": ["aws.test"]})).unwrap();
            prop_assert!(patterns.iter().all(|pattern| size(pattern) <= PATTERN_LIMIT));
            let back: Vec<&Value> = patterns.iter().flat_map(|p| p["detail"]["eventName"].as_array().unwrap()).collect();
            prop_assert_eq!(back, items.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_item_longer_than_the_limit_is_named() {
        let items = [json!("short"), json!("x".repeat(2100))];
        assert_eq!(split(&items, |items| json!({"source": items})), Err(items[1].clone()));
        assert_eq!(split(&items[1..], |items| json!({"source": items})), Err(items[1].clone()));
    }

    #[test]
    fn hcl_means_what_the_pattern_says_also_where_it_looks_like_a_template() {
        let lines = hcl(&json!({"a": ["${x} \"y\"", {"exists": false}], "b": {"c": [1]}}));
        let text = format!("x = {}\n", lines.join("\n"));
        let parsed: Value = hcl::from_str(&text).unwrap();
        assert_eq!(parsed["x"]["a"][1], json!({"exists": false}));
        assert!(text.contains("$${x}") && text.contains("\\\"y\\\""), "{text}");
    }
}
