//! What is understood of requests, and that everything else is refused within bounds.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use aws_event_cache_wire::{Call, NotACall, Protocol, Routes, call};
use http::Request;
use http::request::Parts;
use proptest::prelude::*;

fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request").into_parts().0
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

fn form(body: impl AsRef<[u8]>) -> Result<Call, NotACall> {
    call(&head("POST", "/", &[FORM]), body.as_ref(), None)
}

fn json(body: impl AsRef<[u8]>) -> Result<Call, NotACall> {
    call(&head("POST", "/", &[("x-amz-target", "Prefix.DoIt")]), body.as_ref(), None)
}

fn cbor(body: impl AsRef<[u8]>) -> Result<Call, NotACall> {
    let head = head("POST", "/service/Things/operation/DoIt", &[("smithy-protocol", "rpc-v2-cbor")]);
    call(&head, body.as_ref(), None)
}

fn rest(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Result<Call, NotACall> {
    let routes = Routes::new([
        ("ListThings", "GET /v1/things/"),
        ("GetThing", "GET /v1/things/{Name}"),
        ("GetSpecial", "GET /v1/things/special"),
        ("PutPart", "PUT /v1/things/{Name}/parts/{Part}"),
        ("GetFile", "GET /v1/files/{Path+}"),
    ]);
    call(&head(method, uri, headers), body.as_bytes(), Some(&routes.expect("routes of the right form")))
}

fn pairs(call: &Call) -> Vec<(String, String)> {
    call.parameters.iter().map(|(path, value)| (path.to_owned(), value.to_owned())).collect()
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

mod a_query_form {
    use super::*;

    #[test]
    fn is_decoded_sorted_and_freed_of_member() {
        let call = form("Version=2011-01-01&Names.member.2=b+c&Action=DoIt&Names.member.1=a%2Fb&Tags.member.1.Keys.member.10=%C3%A4").unwrap();
        assert_eq!(
            (call.protocol, call.operation.as_str(), call.api_version.as_deref()),
            (Protocol::Query, "DoIt", Some("2011-01-01"))
        );
        assert_eq!(pairs(&call), expected(&[("Names.1", "a/b"), ("Names.2", "b c"), ("Tags.1.Keys.10", "ä")]));
        assert_eq!(call.parameters.items("Names"), ["a/b", "b c"]);
    }

    #[test]
    fn keeps_a_field_that_is_called_member() {
        let call = form("Action=DoIt&member.1=a&Team.member.Name=b&Team.member=c").unwrap();
        assert_eq!(pairs(&call), expected(&[("Team.member", "c"), ("Team.member.Name", "b"), ("member.1", "a")]));
    }

    #[test]
    fn may_stand_in_the_query_string() {
        let head = head("GET", "/?Action=DoIt&Version=1&A=%20", &[]);
        assert_eq!(pairs(&call(&head, b"", None).unwrap()), expected(&[("A", " ")]));
        assert_eq!(call(&head, b"A=1", None), Err(NotACall::Malformed), "a GET has no body");
    }

    #[test]
    fn in_body_and_query_string_together_is_one_form() {
        let both = call(&head("POST", "/?B=2", &[FORM]), b"Action=DoIt&A=1", None).unwrap();
        assert_eq!(pairs(&both), expected(&[("A", "1"), ("B", "2")]));
        assert_eq!(call(&head("POST", "/?A=2", &[FORM]), b"Action=DoIt&A=1", None), Err(NotACall::Repeated));
        assert_eq!(call(&head("POST", "/?Action=Other", &[FORM]), b"Action=DoIt", None), Err(NotACall::Repeated));
    }

    #[test]
    fn that_could_be_read_in_two_ways_is_refused() {
        for (body, why) in [
            ("Action=DoIt&A=1&A=2", NotACall::Repeated),
            ("Action=DoIt&A=1&A=1", NotACall::Repeated),
            ("Action=DoIt&Names.1=a&Names.member.1=b", NotACall::Repeated),
            ("Action=DoIt&Action=DoIt", NotACall::Repeated),
            ("Action=DoIt&Version=1&Version=2", NotACall::Repeated),
            ("Action=DoIt&%41ction=Other", NotACall::Malformed),
            ("Action=DoIt&A=%", NotACall::Malformed),
            ("Action=DoIt&A=%4", NotACall::Malformed),
            ("Action=DoIt&A=%zz", NotACall::Malformed),
            ("Action=Do%49t", NotACall::Malformed),
            ("Action=&A=1", NotACall::Malformed),
            ("Action=Do+It", NotACall::Malformed),
            ("Action=DoIt&Version=", NotACall::Malformed),
            ("Action=DoIt&A=%FF", NotACall::NotText),
            ("A=1", NotACall::NoOperation),
            ("", NotACall::NoOperation),
            ("&&=&", NotACall::NoOperation),
        ] {
            assert_eq!(form(body), Err(why), "{body}");
        }
        assert_eq!(form(b"Action=DoIt&A=\xff"), Err(NotACall::NotText));
    }

    #[test]
    fn is_bounded_in_number_depth_and_size() {
        let many = |count: usize| (0..count).map(|n| format!("&Id.{n}=x")).collect::<String>();
        assert_eq!(form(format!("Action=DoIt{}", many(10_000))).unwrap().parameters.len(), 10_000);
        assert_eq!(form(format!("Action=DoIt{}", many(10_001))), Err(NotACall::TooMany));
        assert!(form(format!("Action=DoIt&{}=x", ["a"; 32].join("."))).is_ok());
        assert_eq!(form(format!("Action=DoIt&{}=x", ["a"; 33].join("."))), Err(NotACall::TooDeep));
        assert_eq!(form(vec![b'a'; 8 * 1024 * 1024 + 1]), Err(NotACall::TooMany));
    }

    #[test]
    fn without_a_media_type_is_one_only_at_the_root_of_a_service_without_routes() {
        assert!(call(&head("POST", "/", &[]), b"Action=DoIt", None).is_ok());
        assert_eq!(call(&head("POST", "/x", &[]), b"Action=DoIt", None), Err(NotACall::Unrouted { safe: false }));
        assert_eq!(call(&head("PUT", "/", &[FORM]), b"Action=DoIt", None), Err(NotACall::NoOperation));
        let elsewhere = call(&head("GET", "/x?Action=DoIt", &[]), b"", None);
        assert_eq!(elsewhere, Err(NotACall::NoOperation), "which is no promise to change nothing");
        assert_eq!(rest("POST", "/v1/things", &[FORM], "Action=DoIt"), Err(NotACall::Unrouted { safe: false }));
    }
}

mod json_and_cbor {
    use super::*;

    #[test]
    fn are_flattened_alike() {
        let body = serde_json::json!({"cluster": "c", "list": ["a", {"x": [1, 2]}], "on": true, "none": null, "empty": [], "map": {}});
        let flat = expected(&[
            ("cluster", "c"),
            ("empty", ""),
            ("list.1", "a"),
            ("list.2.x.1", "1"),
            ("list.2.x.2", "2"),
            ("map", ""),
            ("none", ""),
            ("on", "true"),
        ]);
        let from_json = json(body.to_string()).unwrap();
        assert_eq!((from_json.protocol, from_json.operation.as_str()), (Protocol::Json, "DoIt"));
        assert_eq!(pairs(&from_json), flat);
        let mut bytes = Vec::new();
        ciborium::into_writer(&body, &mut bytes).unwrap();
        let from_cbor = cbor(&bytes).unwrap();
        assert_eq!((from_cbor.protocol, from_cbor.operation.as_str()), (Protocol::Cbor, "DoIt"));
        assert_eq!(pairs(&from_cbor), flat);
        assert_eq!(from_json.parameters.to_cloudtrail(), body);
    }

    #[test]
    fn may_ask_for_nothing() {
        for call in [json("{}"), json(""), cbor([0xa0]), cbor([]), cbor([0xbf, 0xff])] {
            assert!(call.unwrap().parameters.is_empty());
        }
    }

    #[test]
    fn go_asks_cloudwatch_in_cbor() {
        let body = [&[0xa1, 0x6a][..], b"MaxRecords", &[0x18, 100]].concat();
        let head = head(
            "POST",
            "/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
            &[
                ("accept", "application/cbor"),
                ("content-type", "application/cbor"),
                ("smithy-protocol", "rpc-v2-cbor"),
                ("x-amzn-query-mode", "true"),
            ],
        );
        let call = call(&head, &body, None).unwrap();
        assert_eq!((call.protocol, call.operation.as_str()), (Protocol::Cbor, "DescribeAlarms"));
        assert_eq!(pairs(&call), expected(&[("MaxRecords", "100")]));
    }

    #[test]
    fn a_name_with_a_dot_cannot_pass_for_a_path() {
        let call = json(r#"{"Filter.1": "x", "a\\b": 1, "": 2}"#).unwrap();
        assert_eq!(pairs(&call), expected(&[("Filter\\.1", "x"), ("\\0", "2"), ("a\\\\b", "1")]));
        assert_eq!(call.parameters.get("Filter.1"), None);
    }

    #[test]
    fn that_could_be_read_in_two_ways_are_refused() {
        for (body, why) in [
            (r#"{"a":1,"a":1}"#, NotACall::Repeated),
            (r#"{"a":1,"\u0061":2}"#, NotACall::Repeated),
            (r#"{"a":{"x":1},"a":{"y":2}}"#, NotACall::Repeated),
            (r#"{"a":{"x":1},"b":1,"a":{"y":2}}"#, NotACall::Repeated),
            (r#"{"a":1,"a":{"y":2}}"#, NotACall::Repeated),
            (r#"{"a":{"y":2},"a":1}"#, NotACall::Repeated),
            (r#"{"a":[1],"a":{"y":2}}"#, NotACall::Repeated),
            (r#"{"a":[{"x":{"y":1},"x":{"z":1}}]}"#, NotACall::Repeated),
            (r#"{"a":18446744073709551617}"#, NotACall::Malformed),
            ("[]", NotACall::Malformed),
            ("[1]", NotACall::Malformed),
            ("1", NotACall::Malformed),
            ("null", NotACall::Malformed),
            ("{}{}", NotACall::Malformed),
            ("{", NotACall::Malformed),
            ("NaN", NotACall::Malformed),
        ] {
            assert_eq!(json(body), Err(why), "{body}");
        }
        assert_eq!(json(b"{\"a\":\"\xff\"}"), Err(NotACall::NotText));
        let twice = [&[0xa2][..], &[0x61, b'a', 1], &[0x61, b'a', 2]].concat();
        assert_eq!(cbor(twice), Err(NotACall::Repeated));
        for body in [
            &[0xa1, 0x01, 0x01][..],
            &[0xa0, 0xa0],
            &[0x80],
            &[0xff],
            &[0xbf],
            &[0xa1, 0x61, b'a', 0xff],
            &[0xa1, 0x61, b'a', 0xc2, 0x01],
        ] {
            assert_eq!(cbor(body), Err(NotACall::Malformed), "{body:x?}");
        }
        assert_eq!(cbor([0xa1, 0x61, 0xff, 0x01]), Err(NotACall::NotText));
    }

    #[test]
    fn the_same_member_in_two_places_is_not_repeated() {
        assert!(json(r#"{"a":[{"x":{"y":1}},{"x":{"y":1}}],"b":{"x":{"y":1}},"x":{"y":1}}"#).is_ok());
    }

    #[test]
    fn are_bounded_in_number_depth_and_size() {
        assert_eq!(json(format!("{{\"a\":[{}1]}}", "1,".repeat(9_999))).unwrap().parameters.len(), 10_000);
        assert_eq!(json(format!("{{\"a\":[{}1]}}", "1,".repeat(10_000))), Err(NotACall::TooMany));
        assert_eq!(json(format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33))), Err(NotACall::TooDeep));
        assert_eq!(json("{\"a\":".repeat(100_000)), Err(NotACall::TooDeep));
        assert_eq!(cbor([0xa1, 0x61, b'a'].repeat(100_000)), Err(NotACall::TooDeep));
        // Lengths and counts that the body does not keep cost nothing.
        for huge in [
            &[0xa1, 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(cbor(huge), Err(NotACall::Malformed));
        }
        // A long name that every leaf below repeats.
        let name = "n".repeat(5_000);
        assert_eq!(json(format!("{{\"{name}\":[1,2,3]}}")), Err(NotACall::TooMany));
    }

    #[test]
    fn need_one_target_of_the_right_form() {
        for target in ["", "DoIt", "Prefix.", "Prefix.Do It", "Prefix.Dö"] {
            let mut head = head("POST", "/", &[]);
            head.headers.insert("x-amz-target", http::HeaderValue::from_bytes(target.as_bytes()).unwrap());
            assert_eq!(call(&head, b"{}", None), Err(NotACall::Malformed), "{target}");
        }
        let twice = head("POST", "/", &[("x-amz-target", "P.A"), ("x-amz-target", "P.B")]);
        assert_eq!(call(&twice, b"{}", None), Err(NotACall::Malformed));
        let both =
            head("POST", "/service/A/operation/B", &[("x-amz-target", "P.A"), ("smithy-protocol", "rpc-v2-cbor")]);
        assert_eq!(call(&both, b"{}", None), Err(NotACall::Malformed));
        for uri in ["/", "/service/A/operation/", "/service//operation/B", "/a/b/c/d"] {
            let result = call(&head("POST", uri, &[("smithy-protocol", "rpc-v2-cbor")]), &[0xa0], None);
            assert!(matches!(result, Err(NotACall::NoOperation | NotACall::Malformed)), "{uri}");
        }
        assert_eq!(
            call(&head("POST", "/service/A/operation/B", &[("smithy-protocol", "rpc-v2-json")]), b"{}", None),
            Err(NotACall::Malformed)
        );
    }

    #[test]
    fn a_query_string_beside_them_is_not_overlooked() {
        let call = call(&head("POST", "/?x=1", &[("x-amz-target", "P.A")]), br#"{"a":1}"#, None).unwrap();
        assert_eq!(pairs(&call), expected(&[("a", "1"), ("x", "1")]));
    }
}

mod rest_paths {
    use super::*;

    #[test]
    fn give_their_labels_and_query_strings() {
        for uri in ["/v1/things", "/v1/things/"] {
            assert_eq!(rest("GET", uri, &[], "").unwrap().operation, "ListThings", "{uri}");
        }
        let call = rest("GET", "/v1/things/arn%3Aaws%3Ax%3A%3A1%3Aa%2Fb?Marker=a%2B&Max=1", &[], "").unwrap();
        assert_eq!((call.protocol, call.operation.as_str()), (Protocol::Rest, "GetThing"));
        assert_eq!(pairs(&call), expected(&[("Marker", "a+"), ("Max", "1"), ("Name", "arn:aws:x::1:a/b")]));
        assert_eq!(
            pairs(&rest("GET", "/v1/things/a+b", &[], "").unwrap()),
            expected(&[("Name", "a+b")]),
            "a plus in a path is a plus"
        );
        assert_eq!(
            pairs(&rest("GET", "/v1/things/x/?l=1&l=2", &[], "").unwrap()),
            expected(&[("Name", "x"), ("l", "1"), ("l", "2")])
        );
        assert_eq!(
            pairs(&rest("GET", "/v1/files/a/b%2Fc", &[], "").unwrap()),
            expected(&[("Path", "a"), ("Path", "b/c")])
        );
    }

    #[test]
    fn prefer_a_literal_to_a_label() {
        assert_eq!(rest("GET", "/v1/things/special", &[], "").unwrap().operation, "GetSpecial");
    }

    #[test]
    fn bring_their_body() {
        let json = [("content-type", "application/json")];
        let call = rest("PUT", "/v1/things/a/parts/b", &json, r#"{"Name":"other","Size":1}"#).unwrap();
        assert_eq!(call.parameters.get("Name"), Some("a"), "the path counts before the body");
        assert_eq!(call.parameters.items("Name"), ["a", "other"]);
        assert_eq!(call.parameters.get("Size"), Some("1"));
        for (media, body) in [
            ("application/json", "{"),
            ("application/json", "[1]"),
            ("application/json", "{}"),
            ("text/plain", "{\"a\":1}"),
            ("application/json", "{\"a\":1,\"a\":1}"),
        ] {
            let call = rest("PUT", "/v1/things/a/parts/b", &[("content-type", media)], body).unwrap();
            assert_eq!(call.parameters.get("").map(str::len), Some(64), "{media} {body}: kept by its hash");
        }
    }

    #[test]
    fn that_fit_no_route_say_whether_they_are_safe() {
        for (method, uri, safe) in [
            ("GET", "/v2/things", true),
            ("HEAD", "/v1/things/x", true),
            ("DELETE", "/v1/things/x", false),
            ("GET", "/v1/things//", true),
            ("GET", "/v1//things", true),
            ("GET", "/v1/things/x/y", true),
            ("GET", "/v1/files", true),
            ("GET", "/", true),
        ] {
            assert_eq!(rest(method, uri, &[], ""), Err(NotACall::Unrouted { safe }), "{method} {uri}");
        }
        for uri in
            ["/v1/things/..", "/v1/things/%2e%2E", "/v1/things/.", "/v1/files/a/../b", "/v1/things/%", "/v1/things/%zz"]
        {
            assert_eq!(rest("GET", uri, &[], ""), Err(NotACall::Malformed), "{uri}");
        }
        assert_eq!(rest("GET", "/v1/things/%ff", &[], ""), Err(NotACall::NotText));
    }

    #[test]
    fn bad_routes_say_what_is_wrong() {
        for (route, why) in [
            ("/v1", "write method and path, as in `GET /things/{Name}`"),
            ("get /v1", "write the method in capitals"),
            ("GET v1", "the path begins with a slash"),
            ("GET /v1?x", "the path holds no query string and no escapes"),
            ("GET /v1/{Name", "a label ends with a brace, as in `{Name}`"),
            ("GET /v1/a{Name}", "a label is a whole part of the path, as in `/things/{Name}`"),
            ("GET /v1/{}", "a label's name has letters, digits, `-` and `_`"),
            ("GET /v1/{A+}/b", "`{Name+}` stands at the end only"),
            ("GET /known/{Other}/", "another operation has the same method and path"),
        ] {
            let error = Routes::new([("Known", "GET /known/{Name}"), ("Op", route)]).unwrap_err();
            assert_eq!((error.why, error.operation.as_str()), (why, "Op"), "{route}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200), path in "/[a-zA-Z0-9%./+{}-]{0,30}", query in "[a-zA-Z0-9%=&+.]{0,40}") {
        let results = [
            form(&body),
            json(&body),
            cbor(&body),
            rest("GET", &format!("{path}?{query}"), &[], ""),
            call(&head("POST", &format!("{path}?{query}"), &[FORM]), &body, None),
            call(&head("POST", &path, &[("smithy-protocol", "rpc-v2-cbor")]), &body, None),
        ];
        prop_assert!(results.iter().flatten().all(|call| !call.operation.is_empty()));
    }

    #[test]
    fn a_form_is_read_as_it_was_written(fields in proptest::collection::btree_map("[A-Z][a-z]{0,3}(\\.[0-9]{1,2})?", "\\PC{0,12}", 0..8)) {
        prop_assume!(!fields.contains_key("Action") && !fields.contains_key("Version"));
        let body: String = fields.iter().rev().map(|(name, value)| {
            let value: String = value.bytes().map(|byte| match byte {
                b' ' => "+".to_owned(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02x}"),
            }).collect();
            format!("&{name}={value}")
        }).collect();
        let call = form(format!("Action=DoIt{body}")).unwrap();
        prop_assert_eq!(pairs(&call), fields.into_iter().collect::<Vec<_>>());
    }
}
