//! What it costs and what it saves, in a month: an estimate of which every number can be seen and replaced.

mod bill;
mod calls;
mod figures;
mod volume;

use aws_event_cache_config::Config;
use aws_event_cache_model::{Environment, Provider, SpinnakerAccount};
use serde::Serialize;

pub use bill::Line;
pub use calls::{AgentCalls, Calls};
pub use figures::{Assumption, BadFigure, Figures, PRICE_DATE, PRICE_REGION, Price};

use crate::plan::Plan;
use volume::Volume;

/// A month.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// Where the prices hold.
    pub price_region: &'static str,
    /// When they were looked up.
    pub price_date: &'static str,
    /// Prices and assumptions.
    #[serde(flatten)]
    pub figures: Figures,
    /// The bill.
    pub lines: Vec<Line>,
    /// Its sum, in US dollars.
    pub usd: f64,
    /// Calls.
    pub calls: Calls,
    /// What is not called any more.
    pub calls_saved: f64,
    /// What further CloudTrail copies cost less, since they hold every call that Clouddriver makes; in US dollars.
    pub usd_saved: f64,
    /// What the numbers do not say.
    pub notes: Vec<String>,
}

/// Estimates a month of a plan.
///
/// Where the configuration lists no accounts, one account of each provider in the first hub's place stands for as many as the assumption `places` says.
pub fn estimate(config: &Config, plan: &Plan<'_>, accounts: &[SpinnakerAccount], figures: Figures) -> Estimate {
    let mut notes = vec![
        "Free allowances are left out, and so are taxes and discounts.".to_owned(),
        "Calls of a run are the catalogue's numbers for a small fleet: with more pages, more is called and more is saved.".to_owned(),
        "What the answer arm saves is not in it: aws-event-cache savings counts that.".to_owned(),
    ];
    if !plan.only_global.is_empty() {
        notes.push(format!(
            "{} of {} accounts and regions are members only since IAM tells of its calls there; they are counted like all others.",
            plan.only_global.len(),
            plan.members.len()
        ));
    }
    let (stand_ins, scale) = match accounts {
        [] => {
            notes.push(
                "The configuration lists no accounts: give --assume places=NUMBER (accounts times regions).".to_owned(),
            );
            (stand_ins(plan, &config.fallback), figures.assumed("places"))
        }
        listed => {
            if plan.discovers {
                notes.push(
                    "Clouddriver may know more accounts than the configuration lists: they are not in it.".to_owned(),
                );
            }
            (listed.to_vec(), 1.0)
        }
    };
    let places = if accounts.is_empty() { scale } else { plan.members.len() as f64 };
    let volume = Volume::of(plan, &figures, places);
    let lines = bill::bill(plan, &figures, &volume);
    let calls = calls::calls(config, plan.demand.catalog(), &stand_ins, &figures, scale);
    let calls_saved = calls.saved();
    let trail = figures.price("trail-event");
    let usd_saved = calls_saved / trail.per * trail.usd * figures.assumed("paid-trails");
    let usd = lines.iter().map(|line| line.usd).sum();
    Estimate {
        price_region: PRICE_REGION,
        price_date: PRICE_DATE,
        figures,
        lines,
        usd,
        calls,
        calls_saved,
        usd_saved,
        notes,
    }
}

fn stand_ins(plan: &Plan<'_>, environment: &Environment) -> Vec<SpinnakerAccount> {
    let place = &plan.hubs[0].place;
    let account = |(name, provider): (&str, Provider)| SpinnakerAccount {
        name: name.to_owned(),
        provider,
        account: place.account.clone(),
        regions: vec![place.region.clone()],
        environment: environment.clone(),
        assume_role: None,
        lambda: true,
    };
    [("aws", Provider::Aws), ("ecs", Provider::Ecs)].into_iter().map(account).collect()
}
