//! The token of the next page.

use crate::Protocol;
use crate::structure::{Kind, Step, Stop, Visit, is_called, walk};

/// What was found where a page token would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// The answer is whole and has none: the last page.
    None,
    /// The next page's token, decoded.
    Token(String),
    /// The answer could not be read to its end, is an error, or has something else than a text in the token's place.
    Malformed,
}

/// Looks for the next page's token in the answer's own member `field`; a resource's field or tag of that name does not count.
///
/// The whole body is read, so that a torn one is never taken for the last page; nothing of it is copied but the token.
pub fn next_token(protocol: Protocol, body: &[u8], field: &str) -> Scan {
    let mut look = Look { field, depth: 0, inside: false, found: None };
    match walk(protocol, body, &mut look) {
        Err(_) => Scan::Malformed,
        Ok(()) => match look.found {
            Some(token) if !token.is_empty() => Scan::Token(token),
            _ => Scan::None,
        },
    }
}

struct Look<'f> {
    field: &'f str,
    depth: usize,
    /// Whether we are in the token's place.
    inside: bool,
    found: Option<String>,
}

impl Visit for Look<'_> {
    fn root(&mut self, name: &str) -> Result<(), Stop> {
        // The outermost elements of the three ways to word an error.
        if matches!(name, "ErrorResponse" | "Response" | "Error") { Err(Stop::Malformed) } else { Ok(()) }
    }

    fn enter(&mut self, step: Step<'_>) -> Result<(), Stop> {
        self.depth += 1;
        if self.inside || (self.depth == 1 && matches!(step, Step::Item(_))) {
            return Err(Stop::Malformed);
        }
        if let (1, Step::Member(name)) = (self.depth, step) {
            self.inside = is_called(name, self.field);
        }
        Ok(())
    }

    fn value(&mut self, kind: Kind, text: &str) -> Result<(), Stop> {
        if self.depth == 0 && kind != Kind::EmptyMap {
            return Err(Stop::Malformed);
        }
        if self.inside {
            let token = match kind {
                Kind::Text => text,
                Kind::Null => "",
                _ => return Err(Stop::Malformed),
            };
            if self.found.replace(token.to_owned()).is_some() {
                return Err(Stop::Malformed);
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), Stop> {
        self.depth -= 1;
        self.inside = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(text: &str) -> Scan {
        Scan::Token(text.to_owned())
    }

    fn xml(body: &str) -> Scan {
        next_token(Protocol::Query, body.as_bytes(), "NextToken")
    }

    fn json(body: &str) -> Scan {
        next_token(Protocol::Json, body.as_bytes(), "nextToken")
    }

    #[test]
    fn ec2_writes_it_beside_its_list() {
        let body = r#"<?xml version="1.0" encoding="UTF-8"?>
<DescribeWidgetsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
    <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
    <widgetSet><item><widgetId>w-1</widgetId></item></widgetSet>
    <nextToken>eyJ2IjoiMiIs&amp;ImMiOiJ&#x2B;&#43;x==</nextToken>
</DescribeWidgetsResponse>"#;
        assert_eq!(xml(body), token("eyJ2IjoiMiIs&ImMiOiJ++x=="));
    }

    #[test]
    fn the_query_protocol_writes_it_inside_its_result() {
        let body = "<DescribeWidgetsResponse><DescribeWidgetsResult><Widgets><member><Name>a</Name></member></Widgets>\
            <NextToken>abc</NextToken></DescribeWidgetsResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeWidgetsResponse>";
        assert_eq!(xml(body), token("abc"));
        let marker = body.replace("NextToken", "NextMarker");
        assert_eq!(xml(&marker), Scan::None);
        assert_eq!(next_token(Protocol::Query, marker.as_bytes(), "NextMarker"), token("abc"));
    }

    #[test]
    fn a_resource_with_a_field_or_tag_of_that_name_does_not_fool_it() {
        for inside in [
            "<item><nextToken>evil</nextToken></item>",
            "<item><tagSet><item><key>nextToken</key><value>&lt;nextToken&gt;evil&lt;/nextToken&gt;</value></item></tagSet></item>",
            "<nextToken>evil</nextToken>",
            "<item><!-- <nextToken>evil</nextToken> --></item>",
            "<DescribeWidgetsResult><nextToken>evil</nextToken></DescribeWidgetsResult>",
        ] {
            let body = format!("<DescribeWidgetsResponse><widgetSet>{inside}</widgetSet></DescribeWidgetsResponse>");
            assert_eq!(xml(&body), Scan::None, "{body}");
        }
        assert_eq!(
            json(r#"{"widgets":[{"nextToken":"evil","tags":{"nextToken":"evil"}}],"x":{"nextToken":"evil"}}"#),
            Scan::None
        );
        assert_eq!(json(r#"{"text":"\"nextToken\":\"evil\""}"#), Scan::None);
    }

    #[test]
    fn an_empty_token_is_none() {
        assert_eq!(xml("<AResponse><nextToken/></AResponse>"), Scan::None);
        assert_eq!(xml("<AResponse><nextToken></nextToken></AResponse>"), Scan::None);
        assert_eq!(json(r#"{"nextToken":""}"#), Scan::None);
        assert_eq!(json(r#"{"nextToken":null}"#), Scan::None);
        assert_eq!(json("{}"), Scan::None);
        assert_eq!(xml("<AResponse/>"), Scan::None);
    }

    #[test]
    fn what_is_torn_or_no_answer_at_all_is_malformed() {
        for body in [
            "",
            "   ",
            "proxy says no",
            "<AResponse><nextToken>a</nextToken>",
            "<AResponse></AResponse><AResponse/>",
            "<AResponse></AResponse>more",
            "<AResponse><a></b></AResponse>",
            "<AResponse><nextToken>a</nextToken><nextToken>b</nextToken></AResponse>",
            "<AResponse><nextToken><b>a</b></nextToken></AResponse>",
            "<AResponse><nextToken>&own;</nextToken></AResponse>",
            "<!DOCTYPE a [<!ENTITY own \"x\">]><AResponse/>",
            "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code></Error></Errors></Response>",
        ] {
            assert_eq!(xml(body), Scan::Malformed, "{body}");
        }
        for body in [
            "",
            "[]",
            "1",
            "\"a\"",
            "{\"nextToken\":\"a\"",
            "{\"nextToken\":1}",
            "{\"nextToken\":{\"a\":1}}",
            "{} {}",
            "{\"nextToken\":\"a\",\"nextToken\":\"b\"}",
        ] {
            assert_eq!(json(body), Scan::Malformed, "{body}");
        }
    }

    #[test]
    fn nesting_without_end_is_malformed_and_costs_no_stack() {
        let deep = 200_000;
        assert_eq!(xml(&format!("<AResponse>{}", "<a>".repeat(deep))), Scan::Malformed);
        assert_eq!(json(&"{\"a\":".repeat(deep)), Scan::Malformed);
        assert_eq!(json(&"[".repeat(deep)), Scan::Malformed);
        assert_eq!(next_token(Protocol::Cbor, &vec![0x81; deep], "nextToken"), Scan::Malformed);
        assert_eq!(next_token(Protocol::Cbor, &[0xa1, 0x61, b'a'].repeat(deep), "nextToken"), Scan::Malformed);
    }

    #[test]
    fn cbor_and_rest_have_it_too() {
        let mut body = Vec::new();
        ciborium::into_writer(&serde_json::json!({"Widgets": [{"NextToken": "evil"}], "NextToken": "abc"}), &mut body)
            .unwrap();
        assert_eq!(next_token(Protocol::Cbor, &body, "NextToken"), token("abc"));
        // The same with texts and maps of unknown length.
        let indefinite = [&[0xbf, 0x69][..], b"NextToken", &[0x7f, 0x61, b'a', 0x62, b'b', b'c', 0xff, 0xff]].concat();
        assert_eq!(next_token(Protocol::Cbor, &indefinite, "NextToken"), token("abc"));
        assert_eq!(
            next_token(Protocol::Cbor, &[0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "a"),
            Scan::Malformed
        );
        assert_eq!(next_token(Protocol::Rest, br#"{"Functions":[],"NextMarker":"abc"}"#, "NextMarker"), token("abc"));
        assert_eq!(
            next_token(Protocol::Rest, b"<ListThings><NextMarker>abc</NextMarker></ListThings>", "NextMarker"),
            token("abc")
        );
    }

    proptest! {
        #[test]
        fn whatever_the_token_is_it_is_found(token in "\\PC{1,40}", other in "\\PC{0,40}") {
            let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let body = format!(
                "<AResponse><AResult><List><member><NextToken>{0}</NextToken></member></List><NextToken>{1}</NextToken></AResult></AResponse>",
                escape(&other), escape(&token)
            );
            prop_assert_eq!(xml(&body), Scan::Token(token.clone()));
            let body = serde_json::json!({"list": [{"nextToken": other}], "nextToken": token}).to_string();
            prop_assert_eq!(json(&body), Scan::Token(token.clone()));
            let mut body = Vec::new();
            ciborium::into_writer(&serde_json::json!({"list": [other], "nextToken": token}), &mut body).unwrap();
            prop_assert_eq!(next_token(Protocol::Cbor, &body, "nextToken"), Scan::Token(token));
        }

        #[test]
        fn a_torn_answer_is_never_the_last_page(cut in 0usize..140) {
            let body = "<AResponse><AResult><List><member><Name>n</Name></member></List><NextToken>abc</NextToken></AResult></AResponse>";
            if cut < body.len() {
                prop_assert_eq!(xml(&body[..cut]), Scan::Malformed);
            }
            let body = r#"{"list":[{"name":"n"}],"nextToken":"abc"}"#;
            if cut < body.len() {
                prop_assert_eq!(json(&body[..cut]), Scan::Malformed);
            }
        }
    }
}
