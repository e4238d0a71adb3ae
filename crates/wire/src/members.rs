//! Whether an answer holds anything.

use crate::Protocol;
use crate::structure::{Kind, Step, Stop, Visit, is_called, walk};

/// Whether the answer's own member `list` holds anything: an item, a member, or a text that is not empty. None if there is no such member, or the answer cannot be read that far.
pub fn has_members(protocol: Protocol, body: &[u8], list: &str) -> Option<bool> {
    let mut look = Look { list, depth: 0, inside: false, found: None };
    match walk(protocol, body, &mut look) {
        Ok(()) | Err(Stop::Enough) => look.found,
        Err(_) => None,
    }
}

struct Look<'l> {
    list: &'l str,
    depth: usize,
    inside: bool,
    found: Option<bool>,
}

impl Visit for Look<'_> {
    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        self.depth += 1;
        if self.inside {
            self.found = Some(true);
            return Err(Stop::Enough);
        }
        if let (1, Step::Member(name)) = (self.depth, step) {
            self.inside = is_called(name, self.list);
        }
        Ok(())
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        if !self.inside {
            return Ok(());
        }
        let holds = match kind {
            Kind::EmptyList | Kind::EmptyMap | Kind::Null => false,
            // XML has layout where others have nothing.
            Kind::Text => !text.trim_ascii().is_empty(),
            _ => true,
        };
        self.found = Some(holds);
        if holds { Err(Stop::Enough) } else { Ok(()) }
    }

    fn leave(&mut self) -> Result<(), Stop> {
        self.depth -= 1;
        self.inside = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_an_item_holds_something() {
        for (body, expected) in [
            ("<AResponse><set><item><id>1</id></item></set></AResponse>", Some(true)),
            ("<AResponse><set/></AResponse>", Some(false)),
            ("<AResponse><set>\n  </set></AResponse>", Some(false)),
            ("<AResponse><other><set><item/></set></other></AResponse>", None),
            ("<AResponse><AResult><set><member/></set></AResult></AResponse>", Some(true)),
            ("<AResponse></AResponse>", None),
            ("<AResponse><set>", None),
        ] {
            assert_eq!(has_members(Protocol::Query, body.as_bytes(), "set"), expected, "{body}");
        }
    }

    #[test]
    fn json_and_cbor_tell_it_as_well() {
        for (body, expected) in [
            (r#"{"set":[{}]}"#, Some(true)),
            (r#"{"set":["a"]}"#, Some(true)),
            (r#"{"set":[]}"#, Some(false)),
            (r#"{"set":{}}"#, Some(false)),
            (r#"{"set":null}"#, Some(false)),
            (r#"{"set":"{\"policy\":1}"}"#, Some(true)),
            (r#"{"set":{"a":1}}"#, Some(true)),
            (r#"{"other":{"set":["a"]}}"#, None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(has_members(Protocol::Json, body.as_bytes(), "set"), expected, "{body}");
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(body) {
                let mut cbor = Vec::new();
                ciborium::into_writer(&value, &mut cbor).unwrap();
                assert_eq!(has_members(Protocol::Cbor, &cbor, "set"), expected, "{body}");
            }
        }
    }
}
