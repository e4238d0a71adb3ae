//! Who asks which service where, as the signature's scope says it; AWS checks it, we only sort by it.

use aws_event_cache_model::{AccountId, Place, Region, Timestamp};
use aws_event_cache_wire::{self as wire, Signature};
use http::request::Parts;
use jiff::tz::TimeZone;

use crate::answers::Answers;
use crate::ruling::Bypass;
use crate::services::Served;
use crate::time::apart;

/// How far a signature's time may lie from now: AWS takes requests within five minutes, so an older one is a copy. A copy of a request can thus be answered from
/// memory no longer than AWS itself would answer it.
const DATE_WINDOW: std::time::Duration = std::time::Duration::from_secs(300);

/// The signer of a request.
#[derive(Debug)]
pub(crate) struct Caller<'a, 'r> {
    pub(crate) key_id: &'r str,
    /// `yyyyMMdd`.
    pub(crate) date: &'r str,
    pub(crate) served: &'a Served,
    pub(crate) region: Region,
    pub(crate) account: Option<AccountId>,
}

impl Answers {
    /// Reads who signed a request.
    pub(crate) fn caller<'a, 'r>(&'a self, head: &'r Parts) -> Result<Caller<'a, 'r>, Bypass> {
        let credential = match wire::signature(head) {
            Signature::V4 { credential } => credential,
            Signature::Unsigned => return Err(Bypass::Unsigned),
            _ => return Err(Bypass::Signature),
        };
        let served = self.services.signed(credential.service).ok_or(Bypass::UnknownService)?;
        let region = match &served.region {
            Some(global) => global.clone(),
            None => Region::new(credential.region).map_err(|_| Bypass::Signature)?,
        };
        let configured = self.settings.accounts_of_keys.get(credential.key_id).cloned();
        let account = configured.or_else(|| wire::account_of(credential.key_id));
        Ok(Caller { key_id: credential.key_id, date: credential.date, served, region, account })
    }

    /// Who signed a request in its query string, as far as that shows: enough to mark what it writes; nobody is answered by it.
    pub(crate) fn presigned<'a, 'r>(&'a self, head: &'r Parts) -> Option<Caller<'a, 'r>> {
        let mut fields = head.uri.query()?.split('&');
        let scope = fields.find_map(|field| field.strip_prefix("X-Amz-Credential="))?;
        let slash = ["/", "%2F", "%2f"].into_iter().find(|slash| scope.contains(slash))?;
        let mut words = scope.split(slash);
        let (key_id, date, region, service) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let served = self.services.signed(service)?;
        let region = served.region.clone().or_else(|| Region::new(region).ok())?;
        let configured = self.settings.accounts_of_keys.get(key_id).cloned();
        let account = configured.or_else(|| wire::account_of(key_id));
        Some(Caller { key_id, date, served, region, account })
    }
}

impl Caller<'_, '_> {
    /// Account and region, where the key tells the account.
    pub(crate) fn place(&self) -> Option<Place> {
        self.account.clone().map(|account| Place::new(account, self.region.clone()))
    }

    /// Whether it was signed just now: by its time, and by the day of its scope.
    pub(crate) fn is_timely(&self, head: &Parts, now: Timestamp) -> bool {
        let Some(signed) = wire::amz_date(&head.headers) else { return false };
        apart(signed, now) <= DATE_WINDOW && is_day_of(self.date, signed)
    }
}

fn is_day_of(date: &str, at: Timestamp) -> bool {
    let day = TimeZone::UTC.to_datetime(at).date();
    let number = i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day());
    date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) && date.parse::<i64>() == Ok(number)
}
