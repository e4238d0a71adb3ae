//! What a caller's words mean: accounts, regions and kinds by any of their names. Pure.
//!
//! Invariants, tested below: `*`, nothing, empty text, `null` and the text `null` mean all, alone or in a list; anything else either names something that is
//! served or is refused with field, value and the nearest choice; equal wishes, however written, give equal orders.

use aws_event_cache_catalog::Catalog;
use aws_event_cache_model::{AccountId, Accounts, Class, KindId, RefreshOrder, Region, ResourceName, SpinnakerAccount};

use crate::error::{Invalid, nearest};

/// Most words in one field. Who names more means all, or should say it in several orders.
const WORDS_LIMIT: usize = 200;

/// What is asked for, in the caller's words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wish<'a> {
    pub(crate) account: &'a [String],
    pub(crate) region: &'a [String],
    pub(crate) kind: &'a [String],
    pub(crate) name: Option<&'a str>,
    pub(crate) class: Option<&'a str>,
}

impl Wish<'_> {
    /// The order that is meant.
    ///
    /// # Errors
    /// [`Invalid`] for the first word that names nothing we know.
    pub(crate) fn order(&self, accounts: &Accounts, catalog: &Catalog) -> Result<RefreshOrder, Invalid> {
        let chosen = chosen_accounts(self.account, accounts)?;
        Ok(RefreshOrder {
            regions: regions(self.region, chosen.as_deref(), accounts)?,
            accounts: chosen.map(|chosen| sorted(chosen.into_iter().map(|account| account.name.clone()))),
            kinds: kinds(self.kind, catalog)?,
            name: self.name.map_or(Ok(None), name)?,
            class: self.class.map_or(Ok(Class::Operator), class)?,
        })
    }
}

/// The words that are not "all"; `None` when all is meant.
pub(crate) fn some<'a>(field: &str, words: &'a [String]) -> Result<Option<Vec<&'a str>>, Invalid> {
    if words.len() > WORDS_LIMIT {
        return Err(Invalid::new(field, format!("at most {WORDS_LIMIT} at a time; use * for all")));
    }
    let words: Vec<&str> =
        words.iter().map(|word| word.trim()).filter(|word| !word.is_empty() && *word != "null").collect();
    Ok((!words.is_empty() && !words.contains(&"*")).then_some(words))
}

/// Spinnaker's accounts behind names and AWS account ids; `None` when all are meant.
pub(crate) fn chosen_accounts<'a>(
    words: &[String],
    accounts: &'a Accounts,
) -> Result<Option<Vec<&'a SpinnakerAccount>>, Invalid> {
    let Some(words) = some("account", words)? else { return Ok(None) };
    let mut chosen = Vec::new();
    for word in words {
        let before = chosen.len();
        match (accounts.named(word), AccountId::new(word)) {
            (Some(account), _) => chosen.push(account),
            (None, Ok(id)) => chosen.extend(accounts.iter().filter(|account| account.account == id)),
            (None, Err(_)) => {}
        }
        if chosen.len() == before {
            return Err(unknown_account(word, accounts));
        }
    }
    Ok(Some(chosen))
}

fn unknown_account(word: &str, accounts: &Accounts) -> Invalid {
    let known = accounts.iter().flat_map(|account| [account.name.as_str(), account.account.as_str()]);
    Invalid::new(
        "account",
        "Clouddriver serves no such account; give its Spinnaker name or 12-digit AWS id, or * for all",
    )
    .value(word)
    .nearest(nearest(word, known))
}

/// Regions of the chosen accounts; `None` when all are meant. `global` stands for what is read once per account.
pub(crate) fn regions(
    words: &[String],
    chosen: Option<&[&SpinnakerAccount]>,
    accounts: &Accounts,
) -> Result<Option<Vec<Region>>, Invalid> {
    let Some(words) = some("region", words)? else { return Ok(None) };
    let served: Vec<&Region> = match chosen {
        Some(chosen) => chosen.iter().flat_map(|account| &account.regions).collect(),
        None => accounts.iter().flat_map(|account| &account.regions).collect(),
    };
    let find = |word: &str| {
        let region = Region::new(word.to_ascii_lowercase()).ok();
        region.filter(|region| region.as_str() == "global" || served.contains(&region)).ok_or_else(|| {
            Invalid::new("region", "Clouddriver does not read this region in the accounts asked for; use * for all")
                .value(word)
                .nearest(nearest(word, served.iter().map(|region| region.as_str())))
        })
    };
    words.into_iter().map(find).collect::<Result<Vec<_>, _>>().map(|found| Some(sorted(found)))
}

/// Kinds by any word that the catalogue knows them by; `None` when all are meant.
pub(crate) fn kinds(words: &[String], catalog: &Catalog) -> Result<Option<Vec<KindId>>, Invalid> {
    let Some(words) = some("kind", words)? else { return Ok(None) };
    let find = |word: &str| {
        catalog.find_kind(word).map(|kind| kind.id.clone()).map_err(|unknown| {
            Invalid::new("kind", "the catalogue has no such kind; GET /v1/kinds lists them, * means all")
                .value(word)
                .nearest(unknown.nearest)
        })
    };
    words.into_iter().map(find).collect::<Result<Vec<_>, _>>().map(|found| Some(sorted(found)))
}

/// One resource's name; `None` for all. Never split: role names may have commas.
fn name(word: &str) -> Result<Option<ResourceName>, Invalid> {
    let word = word.trim();
    if word.is_empty() || word == "*" || word == "null" {
        return Ok(None);
    }
    if word.starts_with("${") {
        return Err(Invalid::new("name", "the pipeline did not evaluate this expression").value(word));
    }
    ResourceName::new(word).map(Some).map_err(|bad| Invalid::new("name", bad.to_string()).value(word))
}

fn class(word: &str) -> Result<Class, Invalid> {
    let word = word.trim();
    if word.is_empty() || word == "*" || word == "null" {
        return Ok(Class::Operator);
    }
    let names = Class::ALL.map(Class::as_str);
    Class::ALL.into_iter().find(|class| class.as_str().eq_ignore_ascii_case(word)).ok_or_else(|| {
        Invalid::new("class", format!("there is no such class; there are {}", names.join(", ")))
            .value(word)
            .nearest(nearest(word, names))
    })
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items.dedup();
    items
}

/// What was ordered, in words for the audit list.
pub(crate) fn in_words(order: &RefreshOrder) -> String {
    fn list<T: AsRef<str>>(items: Option<&Vec<T>>) -> String {
        items.map_or_else(|| "all".to_owned(), |items| items.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(","))
    }
    let name = order.name.as_ref().map_or("all", ResourceName::as_str);
    let text = format!(
        "accounts {}, regions {}, kinds {}, name {name}, class {}",
        list(order.accounts.as_ref()),
        list(order.regions.as_ref()),
        list(order.kinds.as_ref()),
        order.class.as_str()
    );
    text.chars().take(DETAIL_LIMIT).collect()
}

/// Longest detail of an audit entry, in characters, so that the audit list's size is bounded by its length.
const DETAIL_LIMIT: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use aws_event_cache_model::{Environment, Provider};
    use proptest::prelude::*;

    fn accounts() -> Accounts {
        let account = |name: &str, id: &str, region: &str| SpinnakerAccount {
            name: name.to_owned(),
            provider: Provider::Aws,
            account: AccountId::new(id).unwrap(),
            regions: vec![Region::new(region).unwrap()],
            environment: Environment::new("production").unwrap(),
            assume_role: None,
            lambda: false,
        };
        Accounts::new([
            account("prod", "111122223333", "us-west-2"),
            account("prod-ecs", "111122223333", "us-west-2"),
            account("staging", "444455556666", "eu-west-1"),
        ])
    }

    fn catalog() -> Catalog {
        Catalog::parse([]).unwrap()
    }

    fn order(account: &[String], region: &[String]) -> Result<RefreshOrder, Invalid> {
        Wish { account, region, ..Wish::default() }.order(&accounts(), &catalog())
    }

    /// A word for an account, and the accounts that it means.
    fn account() -> impl Strategy<Value = (&'static str, &'static [&'static str])> {
        prop_oneof![
            Just(("prod", &["prod"][..])),
            Just((" prod-ecs ", &["prod-ecs"][..])),
            Just(("111122223333", &["prod", "prod-ecs"][..])),
            Just(("444455556666", &["staging"][..])),
            Just(("null", &[][..])),
            Just(("", &[][..])),
        ]
    }

    proptest! {
        #[test]
        fn an_order_is_for_exactly_the_accounts_named_however_often_and_in_whatever_order(
            named in prop::collection::vec(account(), 0..8),
        ) {
            let words: Vec<String> = named.iter().map(|(word, _)| (*word).to_owned()).collect();
            let meant = sorted(named.iter().flat_map(|(_, names)| names.iter().map(|name| (*name).to_owned())));
            let expected = (!meant.is_empty()).then_some(meant);
            prop_assert_eq!(order(&words, &[]).unwrap().accounts, expected);
        }

        #[test]
        fn a_star_among_the_words_means_all(mut words in prop::collection::vec("[a-z]{1,8}", 0..5), at in 0_usize..5) {
            words.insert(at.min(words.len()), " * ".to_owned());
            prop_assert_eq!(order(&words, &words).unwrap(), order(&[], &[]).unwrap());
        }

        #[test]
        fn a_word_that_names_nothing_is_refused_and_never_means_all(word in "[!-~]{1,20}") {
            prop_assume!(!["*", "null", "prod", "prod-ecs", "staging", "global"].contains(&word.to_lowercase().as_str()));
            prop_assert!(order(std::slice::from_ref(&word), &[]).is_err());
            prop_assert!(order(&[], std::slice::from_ref(&word)).is_err());
            let kind = Wish { kind: std::slice::from_ref(&word), ..Wish::default() };
            prop_assert!(kind.order(&accounts(), &catalog()).is_err());
        }
    }

    #[test]
    fn more_words_than_the_limit_are_refused() {
        let words = vec!["prod".to_owned(); WORDS_LIMIT + 1];
        assert!(order(&words, &[]).is_err());
    }

    #[test]
    fn the_global_region_is_known_without_being_listed() {
        assert_eq!(order(&[], &["global".to_owned()]).unwrap().regions.unwrap()[0].as_str(), "global");
    }

    #[test]
    fn a_name_with_commas_is_one_name() {
        let name = |text| Wish { name: Some(text), ..Wish::default() }.order(&accounts(), &catalog()).unwrap().name;
        assert_eq!(name("team,a=b").unwrap().as_str(), "team,a=b");
        assert_eq!((name("*"), name(" "), name("null")), (None, None, None));
    }

    #[test]
    fn an_order_in_words_is_bounded() {
        let name = "x".repeat(2_048);
        let long = Wish { name: Some(&name), ..Wish::default() }.order(&accounts(), &catalog()).unwrap();
        assert_eq!(in_words(&long).chars().count(), DETAIL_LIMIT);
    }
}
