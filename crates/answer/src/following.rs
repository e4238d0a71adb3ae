//! A listing's further page, by the token that a client holds.

use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;

use crate::cache::Entry;
use crate::freshness::{Freshness, judge};
use crate::row::Row;
use crate::ruling::{Hit, Miss, Page};
use crate::time::between;

/// The page that a token names: of the chain under the key, of one that it has overtaken and somebody may still walk, or of one that is being collected. If
/// several know the token and say different things, nobody but AWS can tell which of them the client is walking.
pub(crate) fn page_of(
    row: &Row,
    entry: Option<&Entry>,
    collected: Option<Arc<Page>>,
    token: &str,
    now: Timestamp,
) -> Result<Hit, Miss> {
    let mut found: Option<Hit> = None;
    let mut known = false;
    let hit = |page: &Arc<Page>, started, ttl| Hit {
        page: page.clone(),
        age: between(started, now),
        ttl,
        meter: row.meter.clone(),
    };
    let mut offer = |offered: Hit| match &found {
        Some(other) if other.page.body != offered.page.body => false,
        Some(_) => true,
        None => {
            found = Some(offered);
            true
        }
    };
    let walked = entry.into_iter().flat_map(|entry| entry.walked(token, now));
    for chain in walked.filter(|chain| !chain.is_refuted()) {
        known = true;
        let Some(page) = chain.page(token) else { continue };
        let ttl = match judge(row, chain, now) {
            Freshness::Fresh { ttl, .. } => ttl,
            _ if chain.is_walked(now) => Duration::ZERO,
            _ => continue,
        };
        if !offer(hit(page, chain.started, ttl)) {
            return Err(Miss::Chain);
        }
    }
    if let Some(page) = collected
        && !offer(hit(&page, page.started, Duration::ZERO))
    {
        return Err(Miss::Chain);
    }
    found.ok_or(if known { Miss::Retired } else { Miss::Chain })
}
