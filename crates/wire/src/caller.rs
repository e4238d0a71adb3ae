//! What a request's headers say about who calls, when and on whose behalf.

use std::sync::LazyLock;

use aws_event_cache_model::Timestamp;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName};
use memchr::memmem::Finder;

static SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
static SDK_REQUEST: HeaderName = HeaderName::from_static("amz-sdk-request");
static AMZ_USER_AGENT: HeaderName = HeaderName::from_static("x-amz-user-agent");

/// What both of Spinnaker's words in a user agent begin with. Made once: that takes longer than to find it.
static SPINNAKER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("spinnaker-"));

/// The session token of temporary credentials. A secret: hash it, never keep or log it. None if there is none, or more than one.
pub fn security_token(headers: &HeaderMap) -> Option<&[u8]> {
    only(headers, &SECURITY_TOKEN).filter(|token| !token.is_empty())
}

/// When the request says it was signed: `x-amz-date`, exactly `yyyyMMddTHHmmssZ`, and only one.
pub fn amz_date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = only(headers, &AMZ_DATE)?;
    if date.len() != 16 || date[8] != b'T' || date[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u16> {
        date[from..to]
            .iter()
            .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0')))
    };
    let small = |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let year = i16::try_from(number(0, 4)?).ok()?;
    let (month, day, hour, minute, second) = (small(4)?, small(6)?, small(9)?, small(11)?, small(13)?);
    let date = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(date).ok()
}

/// The day of `x-amz-date`, as a credential's scope writes it.
pub(crate) fn amz_day(headers: &HeaderMap) -> Option<&[u8]> {
    only(headers, &AMZ_DATE).and_then(|date| date.get(..8))
}

/// Whether Spinnaker says that an operation or a person stands behind the request.
///
/// With `aws.client.addSpinnakerUserToUserAgent` Clouddriver writes `spinnaker-user/<user> spinnaker-executionId/<id>` into the user agent of every request; its caching agents have
/// `unknown` for both. Said of several, the one that stands for an operation counts; an empty name counts as one, as it is not what an agent sends.
pub fn acts_for_operation(headers: &HeaderMap) -> bool {
    headers.get_all(USER_AGENT).iter().chain(headers.get_all(&AMZ_USER_AGENT)).any(|agent| {
        let agent = agent.as_bytes();
        SPINNAKER.find_iter(agent).any(|at| {
            let word = &agent[at + SPINNAKER.needle().len()..];
            let word = word.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
            if let Some(id) = word.strip_prefix(b"executionId/") {
                id != b"unknown"
            } else if let Some(user) = word.strip_prefix(b"user/") {
                user != b"unknown" && user != b"anonymous"
            } else {
                false
            }
        })
    })
}

/// Which attempt of its SDK this is, counted from 1: `amz-sdk-request: attempt=2; max=4`.
pub fn attempt(headers: &HeaderMap) -> Option<u32> {
    let request = std::str::from_utf8(only(headers, &SDK_REQUEST)?).ok()?;
    request
        .split(';')
        .find_map(|part| part.trim().strip_prefix("attempt="))?
        .parse()
        .ok()
        .filter(|attempt| *attempt > 0)
}

/// The value of a header that must not be there twice.
pub(crate) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in of {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_date_is_read_only_if_written_as_signers_write_it() {
        let date = |text: &str| amz_date(&headers(&[("x-amz-date", text)])).map(|date| date.to_string());
        assert_eq!(date("20260504T091500Z").as_deref(), Some("2026-05-04T09:15:00Z"));
        for wrong in [
            "",
            "20260504T091500",
            "20260504t091500z",
            "2026-05-04T09:15:00Z",
            "20260504T09150+Z",
            "20261304T091500Z",
            "20260230T091500Z",
            "20260504T241500Z",
            "20260504T091560Z",
            "Mon, 04 May 2026 09:15:00 GMT",
        ] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_dates_are_no_date_and_two_tokens_no_token() {
        let twice = headers(&[
            ("x-amz-date", "20260504T091500Z"),
            ("x-amz-date", "20260504T091500Z"),
            ("x-amz-security-token", "a"),
            ("x-amz-security-token", "b"),
        ]);
        assert_eq!((amz_date(&twice), security_token(&twice)), (None, None));
    }

    #[test]
    fn an_agent_of_clouddriver_acts_for_nobody() {
        let agent = "aws-sdk-java/1.12.261 Linux/6.1 OpenJDK_64-Bit_Server_VM/17 groovy/3.0 vendor/Alpine cfg/retry-mode/legacy, spinnaker";
        assert!(!acts_for_operation(&headers(&[("user-agent", agent)])));
        for said in [
            "spinnaker-user/unknown spinnaker-executionId/unknown",
            "spinnaker-user/anonymous spinnaker-executionId/unknown",
        ] {
            assert!(!acts_for_operation(&headers(&[("user-agent", &format!("{agent} {said}"))])), "{said}");
        }
        assert!(!acts_for_operation(&HeaderMap::new()));
    }

    #[test]
    fn an_execution_or_a_named_user_is_an_operation() {
        for agent in [
            "x spinnaker-user/unknown spinnaker-executionId/01HXYZ",
            "x spinnaker-user/ada@example.com spinnaker-executionId/unknown",
            "spinnaker-user/unknownperson",
            "spinnaker-executionId/",
            "spinnaker-user/unknown spinnaker-executionId/unknown spinnaker-executionId/7",
        ] {
            assert!(acts_for_operation(&headers(&[("user-agent", agent)])), "{agent}");
        }
        assert!(acts_for_operation(&headers(&[("user-agent", "a"), ("user-agent", "spinnaker-user/ada")])));
        assert!(acts_for_operation(&headers(&[("x-amz-user-agent", "spinnaker-user/ada")])));
    }

    #[test]
    fn the_attempt_is_counted_as_the_sdk_counts_it() {
        let attempt = |text: &str| attempt(&headers(&[("amz-sdk-request", text)]));
        assert_eq!(attempt("attempt=1;max=4"), Some(1));
        assert_eq!(attempt("ttl=20260504T091500Z;attempt=2;max=4"), Some(2));
        assert_eq!(attempt("attempt=3; max=3"), Some(3));
        for wrong in ["", "attempt", "attempt=", "attempt=0", "attempt=-1", "attempt=99999999999"] {
            assert_eq!(attempt(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_second_is_read_as_it_is_written(second in 0i64..4_102_444_800) {
            let at = Timestamp::from_second(second).unwrap();
            let text: String = at.to_string().chars().filter(|c| !"-:".contains(*c)).collect();
            prop_assert_eq!(amz_date(&headers(&[("x-amz-date", &text)])), Some(at));
        }

        #[test]
        fn no_headers_make_it_panic(value in proptest::collection::vec(32u8..127, 0..40)) {
            let value = HeaderValue::from_bytes(&value).unwrap();
            for name in ["x-amz-date", "user-agent", "amz-sdk-request"] {
                let mut headers = HeaderMap::new();
                headers.insert(name, value.clone());
                let _ = (amz_date(&headers), acts_for_operation(&headers), attempt(&headers), security_token(&headers));
            }
        }
    }
}
