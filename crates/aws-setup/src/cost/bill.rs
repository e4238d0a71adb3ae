//! What the events cost: every line with its formula, quantity and price.

use serde::Serialize;

use super::figures::Figures;
use super::volume::Volume;
use crate::options::{Key, Recorder};
use crate::plan::Plan;

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What is paid for.
    pub what: &'static str,
    /// How the quantity comes about, in the words of the assumptions.
    pub formula: String,
    /// Units a month.
    pub quantity: f64,
    /// Of what.
    pub unit: &'static str,
    /// The price's name; `None` for what costs nothing.
    pub price: Option<&'static str>,
    /// US dollars a month.
    pub usd: f64,
}

/// KiB in a GB, as AWS bills transfers.
const KIB_PER_GB: f64 = 1024.0 * 1024.0;
/// SQS answers an empty long poll after twenty seconds.
const POLLS_PER_DAY: f64 = 86_400.0 / 20.0;
/// SNS and SQS use a data key for five minutes.
const DATA_KEYS_PER_DAY: f64 = 288.0;

/// The bill.
pub(crate) fn bill(plan: &Plan<'_>, figures: &Figures, volume: &Volume) -> Vec<Line> {
    let mut lines = vec![
        free("AWS service events on their own bus", "what EventBridge takes in from AWS's services is free"),
        free("CloudTrail", "the first copy of management events in each region is free"),
    ];
    let mut add =
        |what, formula: String, quantity: f64, price| lines.push(line(figures, what, formula, quantity, price));
    add("Events to the hub", volume.formula(), volume.events, "bus-event");
    let topics = volume.events * share(plan, |hub| hub.topic.is_some());
    let queues = volume.events * share(plan, |hub| hub.queue.is_some());
    if topics > 0.0 {
        add("Published to the topic", "events to hubs with a topic".to_owned(), topics, "sns-request");
    }
    if topics > 0.0 {
        add("Delivered over HTTPS", "events to hubs with a topic".to_owned(), topics, "sns-https");
        let gb = topics * figures.assumed("event-kib") / KIB_PER_GB;
        add("Data to the service", "deliveries x event-kib".to_owned(), gb, "transfer-internet");
    }
    if queues > 0.0 {
        let count = plan.hubs.iter().filter(|hub| hub.queue.is_some()).count() as f64;
        let polls = count * figures.assumed("days") * POLLS_PER_DAY * figures.assumed("pollers");
        let formula = "3 x events to hubs with a queue (sent, received, deleted) + queues x days x 4,320 x pollers";
        add("Requests to the queue", formula.to_owned(), 3.0 * queues + polls, "sqs-request");
    }
    if volume.abroad > 0.0 {
        let gb = volume.abroad * figures.assumed("event-kib") / KIB_PER_GB;
        add("Data between regions", "events from other regions x event-kib".to_owned(), gb, "transfer-region");
    }
    if plan.options.key != Key::None {
        let made = if plan.options.key == Key::Create { plan.hubs.len() as f64 } else { 0.0 };
        add("Keys", "hubs, if keys are made".to_owned(), made, "kms-key");
        let requests = 3.0 * plan.hubs.len() as f64 * figures.assumed("days") * DATA_KEYS_PER_DAY;
        add(
            "Requests to keys",
            "hubs x 3 x days x 288 (data keys last five minutes)".to_owned(),
            requests,
            "kms-request",
        );
    }
    if plan.options.recorder == Recorder::Create {
        add("AWS Config items", volume.items_formula(), volume.items, "config-item");
        let files = volume.places * figures.assumed("days") * figures.assumed("files-per-day");
        add("AWS Config's files", "places x days x files-per-day".to_owned(), files, "s3-put");
    } else {
        let why = match plan.options.recorder {
            Recorder::None => "not used",
            _ => "recorded anyway by the recorder that there is",
        };
        lines.push(free("AWS Config items", why));
    }
    lines
}

fn free(what: &'static str, why: &str) -> Line {
    Line { what, formula: why.to_owned(), quantity: 0.0, unit: "-", price: None, usd: 0.0 }
}

fn line(figures: &Figures, what: &'static str, formula: String, quantity: f64, price: &'static str) -> Line {
    let of = figures.price(price);
    Line { what, formula, quantity, unit: of.unit, price: Some(price), usd: quantity / of.per * of.usd }
}

/// Which part of the members sends to hubs of a sort.
fn share(plan: &Plan<'_>, is: impl Fn(&crate::hub::Hub) -> bool) -> f64 {
    let all = plan.members.len().max(1) as f64;
    plan.members.iter().filter(|place| is(plan.hub_of(place))).count() as f64 / all
}
