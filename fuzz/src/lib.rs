//! What the fuzz targets share.

use std::sync::LazyLock;

use aws_event_cache_catalog::Catalog;
use aws_event_cache_intake::SigningCertificate;
use aws_event_cache_intake::decode::{Context, Trust, decode};
use aws_event_cache_model::{Source, Timestamp};
use http::Request;
use http::request::Parts;
use serde_json::{Map, Value, json};

/// The shipped catalogue, read once.
pub static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::shipped);

/// A fixed now, so that a crash repeats.
pub fn now() -> Timestamp {
    "2026-05-04T09:20:00Z".parse().expect("invariant: a timestamp")
}

/// Decodes a text as it comes by each way.
pub fn decode_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for trust in [Trust::Signed, Trust::Raw] {
        let context = Context {
            source: Source::Sns,
            id: "id".into(),
            region: "eu-west-1".parse().ok(),
            origin: "fuzz".into(),
            trust,
        };
        for hint in decode(text, &context, &CATALOG, now()).hints {
            assert!(hint.origin.event.len() <= 120 && !hint.origin.event.chars().any(char::is_control));
        }
    }
}

/// Takes the input as a JSON object and decodes it once for each set of fields put on top, so that it reaches the decoder they stand for.
pub fn decode_as(data: &[u8], each: impl Fn(&dyn Fn(Value))) {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(data) else { return };
    each(&|on_top: Value| {
        let mut message: Map<String, Value> = fields.clone();
        if let Value::Object(on_top) = on_top {
            message.extend(on_top);
        }
        decode_text(Value::Object(message).to_string().as_bytes());
    });
}

/// Takes the input as the `detail` of an event.
pub fn decode_detail(data: &[u8], detail_types: &[&str]) {
    let Ok(detail) = serde_json::from_slice::<Value>(data) else { return };
    for detail_type in detail_types {
        let event = json!({
            "source": "aws.x", "detail-type": detail_type, "account": "111122223333", "region": "eu-west-1", "detail": detail
        });
        decode_text(event.to_string().as_bytes());
    }
}

/// Takes the input as the file of a signing certificate.
pub fn judge_certificate(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let names = ["sns.amazonaws.com".to_owned()];
    if let Ok(certificate) = SigningCertificate::from_pem(text, &names, now()) {
        assert!(certificate.is_valid_at(now()));
    }
}

/// Takes the input as a request whose lines end with `\n`: what HTTP's library makes of it, without a connection.
pub fn request(data: &[u8]) -> Option<(Parts, &[u8])> {
    let end = data.windows(2).position(|window| window == b"\n\n")?;
    let mut lines = data[..end].split(|byte| *byte == b'\n');
    let mut words = std::str::from_utf8(lines.next()?).ok()?.split(' ');
    let mut request = Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Some((request.body(()).ok()?.into_parts().0, &data[end + 2..]))
}
