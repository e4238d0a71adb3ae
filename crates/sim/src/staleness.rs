//! How long Clouddriver's picture was wrong: one sample for each change and each agent that reads it.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_event_cache_model::KindId;

/// Samples of the time from a change at AWS to the end of the run that brought it into the cache.
#[derive(Debug, Clone, Default)]
pub struct Staleness {
    samples: BTreeMap<KindId, Vec<Duration>>,
}

/// The usual three numbers of a set of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Percentiles {
    /// Half of the samples are at or below, in milliseconds.
    pub p50: u64,
    /// Nineteen of twenty samples are at or below, in milliseconds.
    pub p95: u64,
    /// The worst, in milliseconds.
    pub max: u64,
}

impl Staleness {
    /// Notes one sample.
    pub fn add(&mut self, kind: &KindId, stale: Duration) {
        self.samples.entry(kind.clone()).or_default().push(stale);
    }

    /// Over everything.
    pub fn overall(&self) -> Percentiles {
        percentiles(self.samples.values().flatten().copied().collect())
    }

    /// For each kind, with the number of samples.
    pub fn by_kind(&self) -> BTreeMap<KindId, (usize, Percentiles)> {
        self.samples
            .iter()
            .map(|(kind, samples)| (kind.clone(), (samples.len(), percentiles(samples.clone()))))
            .collect()
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.values().map(Vec::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn percentiles(mut samples: Vec<Duration>) -> Percentiles {
    samples.sort_unstable();
    let at = |share: f64| -> u64 {
        // Nearest rank: the smallest sample that at least this share of the samples does not exceed.
        let rank = (samples.len() as f64 * share).ceil().max(1.0) as usize;
        samples.get(rank - 1).map_or(0, |sample| sample.as_millis() as u64)
    };
    Percentiles { p50: at(0.50), p95: at(0.95), max: at(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let kind = KindId::new("widget").unwrap();
        let mut staleness = Staleness::default();
        for seconds in 1..=100 {
            staleness.add(&kind, Duration::from_secs(seconds));
        }
        assert_eq!(staleness.overall(), Percentiles { p50: 50_000, p95: 95_000, max: 100_000 });
    }

    #[test]
    fn no_samples_give_zeros_instead_of_a_panic() {
        assert_eq!(Staleness::default().overall(), Percentiles::default());
    }
}
