//! Single values: from their text to a type that is valid by construction.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_model::{AccountId, AnswerMode, DriveMode, Environment, Provider, Region, ResourceName};

use crate::duration::{self, BadDuration};
use crate::mistake::nearest;
use crate::schema::Form;

/// Why a text is not what it should be.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) problem: String,
    pub(crate) nearest: Option<String>,
    pub(crate) help: Option<String>,
    /// The text holds something secret, so the message must not show it.
    pub(crate) hide: bool,
}

impl Bad {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), nearest: None, help: None, hide: false }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn form(form: &Form) -> Self {
        Self::new(format!("is not {}", form.describe()))
    }
}

/// Something that is written as one value.
pub(crate) trait Scalar: Sized {
    /// Reads it. `plain` says that it was written without quotes.
    fn read(text: &str, plain: bool, form: &Form) -> Result<Self, Bad>;
}

impl Scalar for String {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        if text.trim().is_empty() {
            return Err(Bad::new(format!("is empty; it must be {}", form.describe())));
        }
        if text.chars().any(char::is_control) {
            return Err(Bad::new("holds a control character"));
        }
        Ok(text.to_owned())
    }
}

impl Scalar for PathBuf {
    fn read(text: &str, plain: bool, form: &Form) -> Result<Self, Bad> {
        String::read(text, plain, form).map(PathBuf::from)
    }
}

impl Scalar for Duration {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let value = duration::read(text).map_err(|bad| match bad {
            BadDuration::NoUnit => {
                Bad::new("has no unit").help(format!("write {text}s for seconds or {text}m for minutes"))
            }
            BadDuration::Other => Bad::form(form),
        })?;
        match form {
            Form::Duration { least, most } if !(*least..=*most).contains(&value.as_secs_f64()) => Err(Bad::form(form)),
            _ => Ok(value),
        }
    }
}

impl Scalar for f64 {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let value: f64 = text.parse().map_err(|_| {
            let bad = Bad::form(form);
            match text.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok()) {
                Some(percent) => bad.help(format!("write {}", percent / 100.0)),
                None => bad,
            }
        })?;
        match form {
            Form::Number { least, most } if !(*least..=*most).contains(&value) => Err(Bad::form(form)),
            _ => Ok(value),
        }
    }
}

impl Scalar for u32 {
    fn read(text: &str, plain: bool, form: &Form) -> Result<Self, Bad> {
        let whole: u32 = text.parse().map_err(|_| Bad::form(form))?;
        f64::read(text, plain, form).map(|_| whole)
    }
}

impl Scalar for bool {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            "yes" | "on" | "y" => Err(Bad { nearest: Some("true".to_owned()), ..Bad::form(form) }),
            "no" | "off" | "n" => Err(Bad { nearest: Some("false".to_owned()), ..Bad::form(form) }),
            _ => Err(Bad::form(form)),
        }
    }
}

impl Scalar for SocketAddr {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        text.parse().map_err(|_| {
            let bad = Bad::form(form);
            let port = text.strip_prefix(':').unwrap_or(text);
            if port.parse::<u16>().is_ok() {
                bad.help(format!("write 127.0.0.1:{port} for this machine only, 0.0.0.0:{port} for every address"))
            } else if let Some(port) = text.strip_prefix("localhost:") {
                bad.help(format!("names are not looked up: write 127.0.0.1:{port}"))
            } else {
                bad
            }
        })
    }
}

impl Scalar for AccountId {
    fn read(text: &str, plain: bool, _: &Form) -> Result<Self, Bad> {
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
        if plain && digits && text.len() < 12 && text.len() >= 6 {
            let help = format!(
                "a leading zero may have been lost on the way, since it stands without quotes: write \"{text:0>12}\""
            );
            return Err(Bad::new(format!("has {} digits, an AWS account id has 12", text.len())).help(help));
        }
        if plain && digits && text.len() == 12 && text.starts_with('0') {
            let help = format!("write \"{text}\": other YAML readers take it for a number and drop the zero");
            return Err(Bad::new("must stand in quotes").help(help));
        }
        if plain && text.contains(['e', 'E']) && text.parse::<f64>().is_ok() {
            let help = "a template has turned the account id into a floating-point number: put it in quotes there";
            return Err(Bad::new("is not an AWS account id (12 digits)").help(help));
        }
        AccountId::new(text).map_err(|_| Bad::new("is not an AWS account id (12 digits in quotes)"))
    }
}

macro_rules! read_ids {
    ($($id:ty: $problem:literal),* $(,)?) => {
        $(impl Scalar for $id {
            fn read(text: &str, _: bool, _: &Form) -> Result<Self, Bad> {
                <$id>::new(text).map_err(|_| Bad::new($problem))
            }
        })*
    };
}
read_ids! {
    Region: "is not an AWS region such as eu-west-1",
    Environment: "is not the name of an environment (1 to 64 letters, digits, - or _)",
    ResourceName: "is not a name (1 to 2048 characters, no control characters)",
}

/// Reads one of the words of the key's form, and says which is nearest when it is none.
pub(crate) fn word<T: Copy>(text: &str, form: &Form, words: &[(&str, T)]) -> Result<T, Bad> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let given = nearest(text, words.iter().map(|(word, _)| *word));
        Bad { nearest: given, ..Bad::form(form) }
    })
}

macro_rules! read_words {
    ($($words:ident for $name:ty { $($word:literal => $value:expr),* $(,)? })*) => {
        $(
            /// The words of the type below, for the schema.
            pub(crate) const $words: &[&str] = &[$($word),*];
            impl $crate::scalar::Scalar for $name {
                fn read(text: &str, _: bool, form: &$crate::schema::Form) -> Result<Self, $crate::scalar::Bad> {
                    $crate::scalar::word(text, form, &[$(($word, $value)),*])
                }
            }
        )*
    };
}
pub(crate) use read_words;

read_words! {
    ANSWER_MODES for AnswerMode { "pass" => AnswerMode::Pass, "observe" => AnswerMode::Observe, "serve" => AnswerMode::Serve }
    DRIVE_MODES for DriveMode { "enforce" => DriveMode::Enforce, "observe" => DriveMode::Observe, "off" => DriveMode::Off }
    PROVIDERS for Provider { "aws" => Provider::Aws, "ecs" => Provider::Ecs }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: Form = Form::Number { least: 0.0, most: 1.0 };

    fn problem<T: Scalar + std::fmt::Debug>(text: &str, plain: bool, form: &Form) -> String {
        let bad = T::read(text, plain, form).unwrap_err();
        format!("{} {} {}", bad.problem, bad.nearest.unwrap_or_default(), bad.help.unwrap_or_default())
    }

    #[test]
    fn a_share_in_percent_says_how_to_write_it() {
        assert!(problem::<f64>("50%", true, &SHARE).contains("write 0.5"));
        for text in ["nan", "inf", "-0.1", "1.01", "half"] {
            assert!(f64::read(text, true, &SHARE).is_err(), "{text}");
        }
    }

    #[test]
    fn account_ids_that_lost_a_zero_or_became_a_float_are_explained() {
        let form = Form::Text("an AWS account id");
        assert!(problem::<AccountId>("12345678901", true, &form).contains("write \"012345678901\""));
        assert!(problem::<AccountId>("012345678901", true, &form).contains("quotes"));
        assert!(problem::<AccountId>("1.23456789012e+11", true, &form).contains("template"));
        assert!(AccountId::read("123456789012", true, &form).is_ok());
        assert!(AccountId::read("012345678901", false, &form).is_ok());
        assert!(AccountId::read("１２３４５６７８９０１２", true, &form).is_err());
    }

    #[test]
    fn yes_and_off_are_not_booleans_here_but_what_they_mean_is_known() {
        assert!(problem::<bool>("yes", true, &Form::Flag).contains("true"));
        assert!(problem::<bool>("off", true, &Form::Flag).contains("false"));
    }

    #[test]
    fn a_bare_port_and_localhost_are_explained() {
        let form = Form::Text("an address and port");
        assert!(problem::<SocketAddr>("8080", true, &form).contains("0.0.0.0:8080"));
        assert!(problem::<SocketAddr>("localhost:8080", true, &form).contains("127.0.0.1:8080"));
    }
}
