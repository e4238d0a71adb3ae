//! Which certificates are known, and which could not be had a moment ago. Pure.
//!
//! Invariants: at most [`GOOD`] certificates and [`BAD`] failures; a failure never displaces a certificate; a certificate is handed out only while valid.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_event_cache_model::Timestamp;

use crate::certs::CertificateError;
use crate::signature::SigningCertificate;

/// Certificates kept. Each region has one at a time and AWS replaces it yearly, so this serves 32 regions, and only genuine ones get here.
const GOOD: usize = 32;

/// Failures remembered: enough that a flood of forged addresses fits, at about 200 bytes each.
const BAD: usize = 256;

/// How long a failure stands. A flood of one forged address then costs one fetch in this time; a genuine new certificate is late by as much at most,
/// which is less than the 20 s until SNS's first retry.
const BAD_FOR: Duration = Duration::from_secs(5);

/// What a certificate is known by: where it is, and for which name it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) url: String,
    pub(crate) name: String,
}

pub(crate) type Answer = Result<Arc<SigningCertificate>, CertificateError>;

/// What the cache says.
#[derive(Debug)]
pub(crate) enum Lookup {
    Known(Answer),
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct CertificateCache {
    good: HashMap<Key, (Arc<SigningCertificate>, u64)>,
    bad: HashMap<Key, (CertificateError, Timestamp)>,
    uses: u64,
}

impl CertificateCache {
    pub(crate) fn get(&mut self, key: &Key, now: Timestamp) -> Lookup {
        self.uses += 1;
        if let Some((certificate, used)) = self.good.get_mut(key) {
            if certificate.is_valid_at(now) {
                *used = self.uses;
                return Lookup::Known(Ok(Arc::clone(certificate)));
            }
            self.good.remove(key);
        }
        match self.bad.get(key) {
            Some((error, until)) if now < *until => Lookup::Known(Err(error.clone())),
            _ => Lookup::Unknown,
        }
    }

    pub(crate) fn put(&mut self, key: Key, answer: Answer, now: Timestamp) {
        match answer {
            Ok(certificate) => {
                self.bad.remove(&key);
                self.uses += 1;
                self.good.insert(key, (certificate, self.uses));
                if self.good.len() > GOOD
                    && let Some(oldest) =
                        self.good.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone())
                {
                    self.good.remove(&oldest);
                }
            }
            Err(error) => {
                self.bad.retain(|_, (_, until)| now < *until);
                if self.bad.len() < BAD {
                    self.bad.insert(key, (error, now.saturating_add(BAD_FOR).unwrap_or(Timestamp::MAX)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::FetchError;

    fn key(n: usize) -> Key {
        Key { url: n.to_string(), name: "sns.amazonaws.com".into() }
    }

    fn failure() -> Answer {
        Err(CertificateError::Unavailable(FetchError::Closed))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_failure_is_remembered_for_a_few_seconds_only() {
        let mut cache = CertificateCache::default();
        cache.put(key(1), failure(), at(0));
        assert!(matches!(cache.get(&key(1), at(4)), Lookup::Known(Err(_))));
        assert!(matches!(cache.get(&key(1), at(5)), Lookup::Unknown));
    }

    #[test]
    fn a_flood_of_failures_stays_within_its_bound() {
        let mut cache = CertificateCache::default();
        for n in 0..10 * BAD {
            cache.put(key(n), failure(), at(0));
        }
        assert_eq!(cache.bad.len(), BAD);
    }
}
