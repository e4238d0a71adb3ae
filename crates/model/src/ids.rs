//! Identifiers that are valid by construction: once parsed, nobody checks them again.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// An identifier that does not have the form it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct BadId {
    /// What was given, cut to 80 characters so that hostile input cannot flood a log.
    pub value: String,
    /// What the form should have been, for people.
    pub expected: &'static str,
}

impl BadId {
    pub(crate) fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.chars().take(80).collect(), expected }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// Takes a text of the right form.
            ///
            /// # Errors
            /// [`BadId`] when the text has another form.
            pub fn new(text: impl AsRef<str>) -> Result<Self, BadId> {
                let text = text.as_ref();
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(SmolStr::new(text))) } else { Err(BadId::new(text, $expected)) }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = BadId;
            fn try_from(text: SmolStr) -> Result<Self, BadId> {
                Self::new(text)
            }
        }
        impl From<$name> for SmolStr {
            fn from(id: $name) -> SmolStr {
                id.0
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                Self::new(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0.as_str())
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use text_id;

/// Longest resource name taken: the longest ARN that AWS documents is 2,048 characters, so nothing genuine is cut and nothing hostile grows a map key.
pub const NAME_LIMIT: usize = 2048;

/// No control characters (they would forge log lines) and a bounded length.
fn is_plain(text: &str, limit: usize) -> bool {
    !text.is_empty() && text.len() <= limit && !text.chars().any(char::is_control)
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.as_bytes()[0].is_ascii_lowercase()
}

text_id! {
    /// An AWS account id: twelve digits, leading zeros kept.
    AccountId, "an AWS account id (12 digits)",
    |t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit())
}
text_id! {
    /// An AWS region such as `eu-west-1`, or `global` for what AWS Config says of services without regions.
    Region, "an AWS region such as eu-west-1",
    |t| t == "global" || (is_word(t) && t.len() >= 8 && t.bytes().filter(|byte| *byte == b'-').count() >= 2 && t.as_bytes()[t.len() - 1].is_ascii_digit())
}
text_id! {
    /// The name of a kind in the catalogue: lower-case words joined by `-`.
    KindId, "a kind (lower-case words joined by -)", is_word
}
text_id! {
    /// The name by which AWS signs requests to a service and throttles them, such as `ec2`.
    ServiceName, "an AWS service (lower-case words joined by -)", is_word
}
text_id! {
    /// How AWS or Clouddriver calls one resource: an id, a name or an ARN, as the kind's file in the catalogue says.
    ResourceName, "a resource name (1 to 2048 characters, no control characters)",
    |t| is_plain(t, NAME_LIMIT)
}

/// Account and region: the reach of one event stream, one heartbeat and one set of throttle buckets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The AWS account.
    pub account: AccountId,
    /// The region in it.
    pub region: Region,
}

impl Place {
    /// Puts account and region together.
    pub fn new(account: AccountId, region: Region) -> Self {
        Self { account, region }
    }

    /// The scope of one kind here.
    pub fn scope(&self, kind: KindId) -> Scope {
        Scope { place: self.clone(), kind }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Account, region and kind: the unit of cadence and of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    pub kind: KindId,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.place, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_keep_leading_zeros_and_refuse_other_forms() {
        assert_eq!(AccountId::new("012345678901").unwrap().as_str(), "012345678901");
        for bad in ["", "12345678901", "1234567890123", "12345678901x", "１２３４５６７８９０１２"] {
            assert!(AccountId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_of_every_partition_are_taken() {
        for region in
            ["us-east-1", "eu-west-3", "cn-northwest-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "global"]
        {
            assert!(Region::new(region).is_ok(), "{region}");
        }
        for bad in ["", "us", "us-east", "US-EAST-1", "us-east-1a ", "../etc-x-1"] {
            assert!(Region::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resource_names_refuse_control_characters_and_endless_text() {
        assert!(ResourceName::new("arn:aws:ecs:eu-west-1:111122223333:service/prod/cart").is_ok());
        assert!(ResourceName::new("a\nb").is_err());
        assert!(ResourceName::new("x".repeat(NAME_LIMIT + 1)).is_err());
    }

    #[test]
    fn a_bad_id_is_cut_before_it_is_shown() {
        let error = AccountId::new("9".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
