//! Numbers that an estimate rests on: prices and assumptions, each with its name, its meaning and where it is from, each to be replaced by the operator.

use serde::Serialize;

/// Where the prices hold.
pub const PRICE_REGION: &str = "us-east-1 (US East, N. Virginia)";
/// When they were looked up.
pub const PRICE_DATE: &str = "June 2026";

/// A price of AWS in US dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// Its name in options.
    pub id: &'static str,
    /// What it is for.
    pub what: &'static str,
    /// US dollars,
    pub usd: f64,
    /// for so many units,
    pub per: f64,
    /// of this.
    pub unit: &'static str,
    /// Where AWS says so.
    pub source: &'static str,
}

/// A number that nobody knows but the operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assumption {
    /// Its name in options.
    pub id: &'static str,
    /// What it says.
    pub what: &'static str,
    /// The number.
    pub value: f64,
}

const MILLION: f64 = 1_000_000.0;

/// The public list prices. Free allowances are left out: the account's other programs use them as well.
const PRICES: [Price; 11] = [
    price(
        "config-item",
        "AWS Config: an item recorded continuously",
        0.003,
        1.0,
        "items",
        "https://aws.amazon.com/config/pricing/",
    ),
    price(
        "bus-event",
        "EventBridge: an event sent to another event bus (up to 64 KiB)",
        1.0,
        MILLION,
        "events",
        "https://aws.amazon.com/eventbridge/pricing/",
    ),
    price(
        "sns-request",
        "SNS: a message published (up to 64 KiB)",
        0.5,
        MILLION,
        "messages",
        "https://aws.amazon.com/sns/pricing/",
    ),
    price(
        "sns-https",
        "SNS: a message delivered over HTTPS",
        0.6,
        MILLION,
        "deliveries",
        "https://aws.amazon.com/sns/pricing/",
    ),
    price(
        "sqs-request",
        "SQS: a request to a standard queue (up to 64 KiB)",
        0.4,
        MILLION,
        "requests",
        "https://aws.amazon.com/sqs/pricing/",
    ),
    price("kms-key", "KMS: a key of one's own", 1.0, 1.0, "keys", "https://aws.amazon.com/kms/pricing/"),
    price("kms-request", "KMS: a request", 0.03, 10_000.0, "requests", "https://aws.amazon.com/kms/pricing/"),
    price(
        "trail-event",
        "CloudTrail: a management event in a second or further copy",
        2.0,
        100_000.0,
        "events",
        "https://aws.amazon.com/cloudtrail/pricing/",
    ),
    price(
        "transfer-region",
        "Data from one region to another",
        0.02,
        1.0,
        "GB",
        "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
    ),
    price(
        "transfer-internet",
        "Data to the internet",
        0.09,
        1.0,
        "GB",
        "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer",
    ),
    price("s3-put", "S3: a file written", 0.005, 1000.0, "files", "https://aws.amazon.com/s3/pricing/"),
];

const fn price(
    id: &'static str,
    what: &'static str,
    usd: f64,
    per: f64,
    unit: &'static str,
    source: &'static str,
) -> Price {
    Price { id, what, usd, per, unit, source }
}

/// A lively account: what a team of some dozens of people does in a region on a working day. All of it is per account and region, unless it says otherwise.
const ASSUMPTIONS: [Assumption; 16] = [
    assume("days", "days in a month", 30.4),
    assume("places", "accounts times regions, where the configuration lists no accounts", 1.0),
    assume("deployments", "deployments a day: a new server group, and an old one taken away", 20.0),
    assume("instances", "instances that start, and that end, in a deployment", 6.0),
    assume("writes-per-deployment", "writes that a deployment makes", 25.0),
    assume(
        "events-per-instance",
        "events of services in an instance's life: states, launch and termination, tags",
        8.0,
    ),
    assume("other-writes", "writes a day beside deployments, of the services in use", 1000.0),
    assume("items-per-instance", "AWS Config items in an instance's life: itself, what it is related to", 10.0),
    assume("items-per-change", "AWS Config items of another change that matters", 3.0),
    assume("other-changes", "changes a day beside deployments that make something stale", 100.0),
    assume("event-kib", "size of an event with its envelope, in KiB", 3.0),
    assume("pollers", "receive calls that wait at a queue at a time", 1.0),
    assume("runs-per-deployment", "agent runs that a deployment's events lead to, second looks included", 40.0),
    assume("runs-per-change", "agent runs that another change leads to, second look included", 2.0),
    assume(
        "paid-trails",
        "further CloudTrail copies of management events that the organization pays for (in all)",
        0.0,
    ),
    assume("files-per-day", "files that AWS Config writes a day", 6.0),
];

const fn assume(id: &'static str, what: &'static str, value: f64) -> Assumption {
    Assumption { id, what, value }
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Prices.
    pub prices: Vec<Price>,
    /// Assumptions.
    pub assumptions: Vec<Assumption>,
}

impl Default for Figures {
    fn default() -> Self {
        Self { prices: PRICES.to_vec(), assumptions: ASSUMPTIONS.to_vec() }
    }
}

/// A figure that there is none of, or a number that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFigure {
    /// No such name.
    #[error("there is no {sort} {id:?}; there are {known}")]
    Unknown {
        /// `price` or `assumption`.
        sort: &'static str,
        /// What was given.
        id: String,
        /// What there is.
        known: String,
    },
    /// Not a number from 0 on.
    #[error("{id}: {value:?} is not a number from 0 on")]
    Number {
        /// Of what.
        id: String,
        /// What was given.
        value: String,
    },
    /// No `=` in it.
    #[error("{0:?} is not of the form name=number")]
    Form(String),
}

impl Figures {
    /// Replaces a price: `config-item=0.0027`, in the unit that the price has.
    ///
    /// # Errors
    /// [`BadFigure`].
    pub fn set_price(&mut self, text: &str) -> Result<(), BadFigure> {
        let (id, value) = assignment(text)?;
        let known = || self.prices.iter().map(|price| price.id).collect::<Vec<_>>().join(", ");
        let unknown = BadFigure::Unknown { sort: "price", id: id.to_owned(), known: known() };
        self.prices.iter_mut().find(|price| price.id == id).ok_or(unknown)?.usd = value;
        Ok(())
    }

    /// Replaces an assumption: `deployments=200`.
    ///
    /// # Errors
    /// [`BadFigure`].
    pub fn set_assumption(&mut self, text: &str) -> Result<(), BadFigure> {
        let (id, value) = assignment(text)?;
        let known = || self.assumptions.iter().map(|of| of.id).collect::<Vec<_>>().join(", ");
        let unknown = BadFigure::Unknown { sort: "assumption", id: id.to_owned(), known: known() };
        self.assumptions.iter_mut().find(|of| of.id == id).ok_or(unknown)?.value = value;
        Ok(())
    }

    pub(crate) fn price(&self, id: &str) -> &Price {
        self.prices.iter().find(|price| price.id == id).expect("invariant: only known prices are asked for")
    }

    pub(crate) fn assumed(&self, id: &str) -> f64 {
        let found = self.assumptions.iter().find(|of| of.id == id);
        found.expect("invariant: only known assumptions are asked for").value
    }
}

fn assignment(text: &str) -> Result<(&str, f64), BadFigure> {
    let (id, value) = text.split_once('=').ok_or_else(|| BadFigure::Form(text.to_owned()))?;
    let number: Option<f64> = value.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    let number = number.ok_or_else(|| BadFigure::Number { id: id.to_owned(), value: value.to_owned() })?;
    Ok((id, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_replaced_by_name_and_mistakes_are_answered_with_what_there_is() {
        let mut figures = Figures::default();
        figures.set_price("config-item=0.0027").unwrap();
        figures.set_assumption("deployments=200").unwrap();
        assert_eq!((figures.price("config-item").usd, figures.assumed("deployments")), (0.0027, 200.0));
        assert!(figures.set_price("config-items=1").unwrap_err().to_string().contains("config-item"));
        assert!(figures.set_assumption("deploys=1").unwrap_err().to_string().contains("deployments"));
        for text in ["deployments=-1", "deployments=many", "deployments=NaN", "deployments=inf"] {
            assert!(matches!(figures.set_assumption(text), Err(BadFigure::Number { .. })), "{text}");
        }
        assert!(matches!(figures.set_price("config-item"), Err(BadFigure::Form(_))));
    }
}
