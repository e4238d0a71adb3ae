//! What the operator decides beside the configuration file.

use serde::Serialize;

/// Where AWS Config's items come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Recorder {
    /// The account has a recorder: its items are forwarded, and the recorder itself is left as it is.
    #[default]
    Existing,
    /// A recorder and a delivery channel are made, for the types of the kinds in use only.
    Create,
    /// AWS Config is not used.
    None,
}

impl Recorder {
    /// As in options and template parameters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Existing => "existing",
            Self::Create => "create",
            Self::None => "none",
        }
    }
}

/// Which of the calls that CloudTrail records are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Writes {
    /// Every write of the services in use but those that change nothing of ours: calls that AWS adds later are heard of, too.
    #[default]
    All,
    /// Only the calls that the catalogue lists by name: fewer messages, and what AWS adds later is not heard of.
    Known,
}

/// How topic and queues are encrypted at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Key {
    /// By a key that is made for it, and that EventBridge, SNS and AWS Config may use.
    #[default]
    Create,
    /// By a key that there is; its policy must say what `policy --only key.json` prints.
    Existing(String),
    /// Queues by SQS's own keys, the topic not at all.
    None,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    /// Beginning of the names of everything that is made.
    pub prefix: String,
    /// The HTTPS address that SNS delivers to; without one the topic is made and nothing subscribed.
    pub endpoint: Option<String>,
    /// Every account of this organization may send, beside those of the configuration.
    pub organization: Option<String>,
    /// AWS Config.
    pub recorder: Recorder,
    /// CloudTrail.
    pub writes: Writes,
    /// Encryption.
    pub key: Key,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "aws-event-cache".to_owned(),
            endpoint: None,
            organization: None,
            recorder: Recorder::default(),
            writes: Writes::default(),
            key: Key::default(),
        }
    }
}

/// An option that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{option} {value:?} is not {wanted}")]
pub struct BadOption {
    /// The option.
    pub option: &'static str,
    /// What was given.
    pub value: String,
    /// What it takes.
    pub wanted: &'static str,
}

impl Options {
    /// Looks at what AWS, CloudFormation and HCL would stumble over later, and with less of an explanation.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn check(&self) -> Result<(), BadOption> {
        let bad = |option, value: &str, wanted| Err(BadOption { option, value: value.to_owned(), wanted });
        if !is_prefix(&self.prefix) {
            return bad("prefix", &self.prefix, "1 to 32 letters, digits or -, beginning with a letter");
        }
        if let Some(url) = self.endpoint.as_deref().filter(|url| !is_endpoint(url)) {
            return bad("endpoint", url, "an address such as https://gate.example.com/webhooks/aws-event-cache");
        }
        if let Some(id) = self.organization.as_deref().filter(|id| !is_organization(id)) {
            return bad("organization", id, "an organization's id such as o-a1b2c3d4e5");
        }
        match &self.key {
            Key::Existing(arn) if !is_key_arn(arn) => {
                bad("key", arn, "create, none, or a key's ARN such as arn:aws:kms:eu-west-1:111122223333:key/…")
            }
            _ => Ok(()),
        }
    }
}

/// 32: EventBridge allows 64 for a rule, and our longest ending takes about half of it.
fn is_prefix(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// SNS delivers to HTTPS with a certificate of a public authority; a host without a dot has none. What may stand here is narrower than a URL, so that it
/// needs no quoting in YAML, HCL or a shell.
fn is_endpoint(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:%".contains(&b);
    host.contains('.') && !host.contains('_') && text.len() <= 2000 && rest.bytes().all(plain)
}

fn is_organization(text: &str) -> bool {
    let id = text.strip_prefix("o-").unwrap_or_default();
    (10..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-/:_".contains(&b);
    matches!(parts.as_slice(), ["arn", _, "kms", _, _, id] if id.starts_with("key/")) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(change: impl FnOnce(&mut Options)) -> Option<String> {
        let mut options = Options::default();
        change(&mut options);
        options.check().err().map(|bad| bad.to_string())
    }

    #[test]
    fn what_aws_would_refuse_is_refused_with_the_option_and_what_it_takes() {
        assert_eq!(problem(|_| ()), None);
        for endpoint in ["http://gate.example.com/x", "https://gate/x", "https://a_b.example.com/", "https://x.y/$(id)"]
        {
            let said = problem(|o| o.endpoint = Some(endpoint.to_owned())).unwrap();
            assert!(said.contains("--endpoint") && said.contains(endpoint) && said.contains("https://"), "{said}");
        }
        assert_eq!(problem(|o| o.endpoint = Some("https://gate.example.com:8443/webhooks/a".to_owned())), None);
        assert!(problem(|o| o.organization = Some("o-1".to_owned())).unwrap().contains("--organization"));
        assert_eq!(problem(|o| o.organization = Some("o-a1b2c3d4e5".to_owned())), None);
        assert!(problem(|o| o.key = Key::Existing("alias/x".to_owned())).unwrap().contains("--key"));
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/0a0b";
        assert_eq!(problem(|o| o.key = Key::Existing(arn.to_owned())), None);
        for prefix in ["", "1a", "a b", "-a", "a\"b", &"a".repeat(33)] {
            assert!(problem(|o| o.prefix = prefix.to_owned()).unwrap().contains("--prefix"));
        }
    }
}
