//! Reading what callers send: JSON bodies and queries, with errors that name the field.

use std::borrow::Cow;
use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use http::header;
use http::request::Parts;
use serde::de::{self, DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{ApiError, Invalid, nearest};
use crate::limits::BODY_LIMIT;

/// A request body or query: an object with these fields.
pub(crate) trait Fields: DeserializeOwned {
    /// Their names, for "did you mean".
    const FIELDS: &'static [&'static str];
    /// Whether no body at all stands for `{}`.
    const MAY_BE_MISSING: bool = false;
}

/// A JSON body of at most 64 KiB. `Content-Type` must say JSON: a page of another origin cannot send that without asking first.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: Fields> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let json = is_json(&request);
        let bytes = Bytes::from_request(request, state).await.map_err(|error| {
            if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::TooLong(BODY_LIMIT)
            } else {
                ApiError::Malformed(format!("the body could not be read: {}", error.body_text()))
            }
        })?;
        if bytes.is_empty() && T::MAY_BE_MISSING {
            return parse(b"{}").map(Self);
        }
        if json { parse(&bytes).map(Self) } else { Err(ApiError::NotJson) }
    }
}

fn is_json(request: &Request) -> bool {
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else { return false };
    let Some(kind) = value.to_str().ok().and_then(|text| text.split(';').next()) else { return false };
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Reads a JSON object.
///
/// # Errors
/// [`ApiError::Malformed`] for what is not JSON, [`ApiError::Invalid`] for a wrong field.
pub(crate) fn parse<T: Fields>(bytes: &[u8]) -> Result<T, ApiError> {
    // Without this, a list would be read as the fields in their order: `["prod"]`.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::Malformed("the body must be a JSON object".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { wrong_field::<T>(&field, &error.to_string()) } else { not_json(&error) }
    })?;
    reader.end().map_err(|error| not_json(&error))?;
    Ok(parsed)
}

fn not_json(error: &serde_json::Error) -> ApiError {
    ApiError::Malformed(format!("the body is not JSON: {error}"))
}

fn wrong_field<T: Fields>(path: &str, why: &str) -> ApiError {
    let field = path.split(['.', '[']).next().unwrap_or(path);
    if T::FIELDS.contains(&field) {
        return Invalid::new(field, format!("{field}: {}", crate::error::cut(why))).into();
    }
    let known = T::FIELDS.join(", ");
    let why = format!("there is no such field; there are: {known}");
    Invalid::new(&crate::error::cut(field), why).nearest(nearest(field, T::FIELDS.iter().copied())).into()
}

/// A query string. A misspelt filter is an error, since ignoring it would show or do more than was meant.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: Fields> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(head: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::<T>::from_request_parts(head, state)
            .await
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::Malformed(crate::error::cut(&error.body_text())))
    }
}

/// Several texts: a text with commas, or a list of texts. What stands for "all" is left to the reader.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

impl PartialSchema for Words {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let list = ArrayBuilder::new().items(text());
        OneOfBuilder::new().item(text()).item(list).item(ObjectBuilder::new().schema_type(Type::Null)).into()
    }
}

impl ToSchema for Words {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Words")
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
        Ok(Words(text.split(',').map(str::to_owned).collect()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Words, E> {
        Ok(Words::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element::<Option<String>>()? {
            words.extend(word);
        }
        Ok(Words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        account: Words,
        #[serde(default)]
        #[allow(dead_code, reason = "read for its error only")]
        limit: Option<u8>,
    }
    impl Fields for Sample {
        const FIELDS: &'static [&'static str] = &["account", "limit"];
    }

    fn words(json: &str) -> Vec<String> {
        parse::<Sample>(json.as_bytes()).unwrap().account.0
    }

    #[test]
    fn several_words_come_as_a_list_or_joined_by_commas() {
        assert_eq!(words(r#"{"account":["a","b"]}"#), ["a", "b"]);
        assert_eq!(words(r#"{"account":"a,b"}"#), ["a", "b"]);
        assert!(words(r#"{"account":null}"#).is_empty() && words("{}").is_empty());
        assert_eq!(words(r#"{"account":["a",null]}"#), ["a"]);
    }

    #[test]
    fn a_misspelt_field_is_refused_with_the_nearest_one_instead_of_meaning_all() {
        let Err(ApiError::Invalid(invalid)) = parse::<Sample>(br#"{"acount":"prod"}"#) else { panic!("taken") };
        assert_eq!(
            invalid,
            Invalid::new("acount", "there is no such field; there are: account, limit").nearest(Some("account".into()))
        );
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named() {
        let Err(ApiError::Invalid(invalid)) = parse::<Sample>(br#"{"limit":"x"}"#) else { panic!("taken") };
        assert!(invalid.to_string().starts_with("limit: "), "{invalid}");
        let Err(ApiError::Invalid(invalid)) = parse::<Sample>(br#"{"account":123456789012}"#) else { panic!("taken") };
        assert!(invalid.to_string().contains("a text in quotes or a list of texts"), "{invalid}");
    }

    #[test]
    fn what_is_no_json_object_is_malformed() {
        for bad in ["", "{", "[]", "5", "{} {}", "\u{feff}{}", "{\"account\":\"a\",}"] {
            assert!(matches!(parse::<Sample>(bad.as_bytes()), Err(ApiError::Malformed(_))), "{bad:?}");
        }
    }
}
