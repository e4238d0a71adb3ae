//! What an operator says about a queue.

use std::time::Duration;

use aws_event_cache_model::Region;

use crate::address::QueueAddress;

/// The longest long poll that SQS offers: the fewest calls (three a minute on an idle queue), and messages still come at once.
const WAIT: Duration = Duration::from_secs(20);

/// How long a message that we hold is hidden from others: after a crash of ours it comes back after at most this time, and while we live it is extended.
const VISIBILITY: Duration = Duration::from_secs(60);

/// Batches of ten worked on at a time. Acceptance is one group commit of some milliseconds, so four already keep the queue busy; more would only hold
/// more messages hidden when we die.
const BATCHES: usize = 4;

/// Most batches at a time: SQS allows 120,000 messages in flight, and our memory should not depend on a typing error.
const MOST_BATCHES: usize = 64;

/// One queue to consume from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// The queue's URL.
    pub url: String,
    /// Its region; `None` takes it from the URL.
    pub region: Option<Region>,
    /// Where SQS is reached, if not at the URL's own host (an interface endpoint, a mock).
    pub endpoint: Option<String>,
    /// A role to assume; `None` uses the credentials of the default chain as they are.
    pub role: Option<AssumeRole>,
    /// How long a receive waits for messages: at most 20 s.
    pub wait: Duration,
    /// How long received messages stay hidden unless extended: 10 s to 12 h.
    pub visibility: Duration,
    /// How many batches of ten are worked on at a time: 1 to 64.
    pub batches: usize,
}

/// A role to assume for a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumeRole {
    /// The role's ARN.
    pub arn: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
}

impl QueueSettings {
    /// The usual settings for a queue.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            region: None,
            endpoint: None,
            role: None,
            wait: WAIT,
            visibility: VISIBILITY,
            batches: BATCHES,
        }
    }

    /// Checks everything at once, and gives the queue's address and region.
    pub(crate) fn check(&self) -> Result<(QueueAddress, Region), Vec<SettingsError>> {
        let mut errors = self.out_of_range();
        let address = QueueAddress::parse(&self.url);
        let region = self.region.clone().or_else(|| address.as_ref().ok()?.region.clone());
        match (address, region) {
            (Ok(address), Some(region)) if errors.is_empty() => return Ok((address, region)),
            (Ok(_), Some(_)) => {}
            (Ok(_), None) => errors.push(SettingsError::NoRegion { url: self.url.clone() }),
            (Err(source), _) => errors.push(SettingsError::Url { url: self.url.clone(), source }),
        }
        Err(errors)
    }

    fn out_of_range(&self) -> Vec<SettingsError> {
        let seconds = |field, value: Duration, least: u64, most: u64| {
            let inside = (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&value);
            (!inside).then(|| SettingsError::Range {
                url: self.url.clone(),
                field,
                value: format!("{} s", value.as_secs_f64()),
                allowed: format!("{least} to {most} s"),
            })
        };
        let batches = !(1..=MOST_BATCHES).contains(&self.batches);
        [
            seconds("wait", self.wait, 0, 20),
            // Shorter, and a slow disk would have messages come back while they are worked on.
            seconds("visibility", self.visibility, 10, 43_200),
            batches.then(|| SettingsError::Range {
                url: self.url.clone(),
                field: "batches",
                value: self.batches.to_string(),
                allowed: format!("1 to {MOST_BATCHES}"),
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What is wrong with a queue's settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The URL is none of a queue.
    #[error("{url:?} is not the URL of a queue")]
    Url {
        /// What was given.
        url: String,
        /// What it should look like.
        source: crate::address::UnknownAddress,
    },
    /// The URL's host does not tell the region.
    #[error("the region of queue {url} cannot be read from its URL: set region")]
    NoRegion {
        /// The queue.
        url: String,
    },
    /// A number is out of its range.
    #[error("{field} of queue {url} is {value}; allowed is {allowed}")]
    Range {
        /// The queue.
        url: String,
        /// Which setting.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is possible.
        allowed: String,
    },
    /// One queue is listed twice: both would wait for the same messages.
    #[error("queue {url} is listed twice")]
    Twice {
        /// The queue.
        url: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/changes";

    #[test]
    fn the_usual_settings_are_sound_and_take_the_region_from_the_url() {
        let (address, region) = QueueSettings::new(URL).check().unwrap();
        assert_eq!((address.name.as_str(), region.as_str()), ("changes", "eu-west-1"));
    }

    #[test]
    fn a_region_that_is_given_wins_over_the_urls() {
        let region = Region::new("us-west-2").unwrap();
        let settings = QueueSettings { region: Some(region.clone()), ..QueueSettings::new(URL) };
        assert_eq!(settings.check().unwrap().1, region);
    }

    #[test]
    fn every_mistake_is_reported_at_once_with_field_value_and_range() {
        let settings = QueueSettings {
            wait: Duration::from_secs(21),
            visibility: Duration::from_secs(9),
            batches: 0,
            ..QueueSettings::new("http://localhost:5000/111122223333/changes")
        };
        let errors: Vec<_> = settings.check().unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].starts_with("wait of queue") && errors[0].ends_with("is 21 s; allowed is 0 to 20 s"));
        assert!(errors[3].ends_with("set region"), "{errors:?}");
    }
}
