//! Requests that are the same as they came, but for what makes no difference, are the same call under the same key.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking, in its helpers as well")]

use aws_event_cache_wire::{Call, NotACall, call, write_key, write_raw};
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use proptest::sample::select;

fn request() -> impl Strategy<Value = (Parts, &'static str, &'static [u8])> {
    let header = (
        select(&["content-type", "x-amz-target", "x-new", "x-other", "user-agent", "x-amz-date", "accept"][..]),
        select(&["application/x-www-form-urlencoded", "application/x-amz-json-1.1", "A_1.DoIt", "*/*", "", "1"][..]),
    );
    let bodies: &[&[u8]] = &[b"", b"{}", b"{\"A\":1}", b"Action=A&Version=1", b"Action=A&Version=1&B=c", b"\xff"];
    let methods = select(&["GET", "POST"][..]);
    let targets = select(&["/", "/a", "/?Action=A&Version=1", "/?Action=B&Version=1"][..]);
    let hosts = select(&["a.example", "b.example"][..]);
    (methods, targets, prop::collection::vec(header, 0..3), hosts, select(bodies)).prop_map(
        |(method, target, headers, host, body)| {
            let mut request = Request::builder().method(method).uri(target);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            (request.body(()).unwrap().into_parts().0, host, body)
        },
    )
}

fn raw((head, host, body): &(Parts, &str, &[u8])) -> Vec<u8> {
    let mut raw = Vec::new();
    write_raw(&mut raw, head, host, body);
    raw
}

fn read((head, host, body): &(Parts, &str, &[u8])) -> Result<(Call, Vec<u8>), NotACall> {
    let call = call(head, body, None)?;
    let mut key = Vec::new();
    write_key(&mut key, head, host, &call, None);
    Ok((call, key))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn equal_as_they_came_means_equal_calls_and_keys(one in request(), two in request()) {
        if raw(&one) == raw(&two) {
            prop_assert_eq!(read(&one), read(&two));
        }
    }
}

#[test]
fn what_varies_from_call_to_call_is_left_out_and_nothing_runs_together() {
    let head = |name: &str, value: &str| Request::post("/").header(name, value).body(()).unwrap().into_parts().0;
    let plain = (head("user-agent", "a"), "h", &b"x"[..]);
    assert_eq!(raw(&plain), raw(&(head("x-amz-date", "b"), "h", b"x")));
    let with = raw(&(head("x-new", "b"), "h", b"x"));
    for (name, value, body) in [("x-new", "bb", &b"x"[..]), ("x-new", "", b"bx"), ("x-ne", "wb", b"x"), ("a", "", b"")]
    {
        assert_ne!(with, raw(&(head(name, value), "h", body)), "{name} {value}");
    }
}
