//! Filling in the texts of `templates/`.

/// Replaces `{{name}}` in a text. A placeholder that stands alone in its line may stand for several lines, each of which gets the line's indentation; for none
/// the line goes.
///
/// # Panics
/// If the text names a placeholder that is not given: the texts are part of the binary, and tests fill in every one.
pub(crate) fn fill(text: &str, values: &[(&str, String)]) -> String {
    let value = |name: &str| {
        let found = values.iter().find(|(key, _)| *key == name);
        &found.unwrap_or_else(|| panic!("invariant: the template's {name} is given")).1
    };
    let mut filled = String::new();
    for line in text.lines() {
        let alone = line.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if let Some(name) = alone.filter(|name| !name.contains('{')) {
            let indent = &line[..line.len() - line.trim_start().len()];
            for inner in value(name).lines() {
                let indent = if inner.is_empty() { "" } else { indent };
                filled.push_str(&format!("{indent}{inner}\n"));
            }
        } else {
            let mut rest = line;
            while let Some((before, after)) = rest.split_once("{{") {
                let (name, after) = after.split_once("}}").expect("invariant: a placeholder ends in its line");
                filled.push_str(before);
                filled.push_str(value(name));
                rest = after;
            }
            filled.push_str(rest);
            filled.push('\n');
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_in_a_line_and_as_indented_lines() {
        let values = [("a", "1".to_owned()), ("b", "x:\n\n  y".to_owned()), ("c", String::new())];
        let filled = fill("{{a}} and {{a}}\n  {{b}}\n{{c}}\nend", &values);
        assert_eq!(filled, "1 and 1\n  x:\n\n    y\nend\n");
    }
}
