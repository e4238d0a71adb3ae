//! From the configuration, the pass file and the overrides to the answer arm's modes. Pure.

use std::collections::HashMap;

use aws_event_cache_answer::Modes;
use aws_event_cache_config::{AccountWord, AnswerSettings};
use aws_event_cache_model::{AccountId, Accounts, AnswerMode, Override, OverrideScope, Setting, Timestamp};

/// What can be switched while running.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switches {
    /// Whether the pass file is there.
    pub(crate) pass_file: bool,
    /// The overrides in force, of every kind.
    pub(crate) overrides: Vec<Override>,
}

/// What the modes come to, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// The mode where nothing more particular is said.
    pub(crate) mode: AnswerMode,
    /// Why everything passes, where something else than the configuration makes it.
    pub(crate) passes: Option<String>,
    /// What is wrong, in plain words.
    pub(crate) problems: Vec<String>,
}

impl Default for Said {
    fn default() -> Self {
        Self { mode: AnswerMode::Pass, passes: None, problems: Vec::new() }
    }
}

/// The modes, and how they are told.
pub(crate) fn said(
    settings: &AnswerSettings,
    accounts: &Accounts,
    switches: &Switches,
    now: Timestamp,
) -> (Said, Modes) {
    let default = settings.mode.unwrap_or(AnswerMode::Pass);
    let (of_accounts, unknown) = of_accounts(settings, accounts);
    let in_force = switches.overrides.iter().filter(|of| of.expires > now);
    let overrides: Vec<(OverrideScope, AnswerMode)> = in_force
        .filter_map(|of| match of.setting {
            Setting::Answer(mode) => Some((of.scope.clone(), mode)),
            _ => None,
        })
        .collect();
    let modes = Modes {
        default,
        accounts: of_accounts,
        kinds: settings.kinds.clone().into_iter().collect(),
        overrides,
        killed: switches.pass_file,
    };
    let everywhere = modes.overrides.iter().filter(|(scope, _)| *scope == OverrideScope::default());
    let mode = everywhere.map(|(_, mode)| *mode).fold(default, AnswerMode::min);
    let passes = passes(settings, switches, now);
    let mode = if switches.pass_file { AnswerMode::Pass } else { mode };
    (Said { mode, passes, problems: unknown }, modes)
}

/// Modes by account id. An account named both ways keeps the more cautious mode.
fn of_accounts(settings: &AnswerSettings, accounts: &Accounts) -> (HashMap<AccountId, AnswerMode>, Vec<String>) {
    let mut modes: HashMap<AccountId, AnswerMode> = HashMap::new();
    let mut unknown = Vec::new();
    for (word, mode) in &settings.accounts {
        let id = match word {
            AccountWord::Id(id) => Some(id.clone()),
            AccountWord::Name(name) => accounts.named(name).map(|account| account.account.clone()),
        };
        match (id, word) {
            (Some(id), _) => {
                modes.entry(id).and_modify(|known| *known = (*known).min(*mode)).or_insert(*mode);
            }
            (None, AccountWord::Name(name)) => unknown.push(format!(
                "answer.accounts: Clouddriver has no account {name}, so {mode} is in force nowhere for it",
                mode = mode.as_str()
            )),
            (None, AccountWord::Id(_)) => {}
        }
    }
    (modes, unknown)
}

fn passes(settings: &AnswerSettings, switches: &Switches, now: Timestamp) -> Option<String> {
    if switches.pass_file {
        let file = settings.pass_file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        return Some(format!("the file {file} is there, or cannot be looked for"));
    }
    let whole = |of: &&Override| {
        of.setting == Setting::Answer(AnswerMode::Pass) && of.scope == OverrideScope::default() && of.expires > now
    };
    let of = switches.overrides.iter().filter(whole).max_by_key(|of| of.expires)?;
    let reason = if of.reason.is_empty() { String::new() } else { format!(": {}", of.reason) };
    Some(format!("{} said so until {}{reason}", of.set_by, of.expires))
}

#[cfg(test)]
mod tests {
    use aws_event_cache_config::{Config, KnownKinds, Outside};
    use aws_event_cache_model::{Environment, KindId, OverrideId, Place, Provider, Region, SpinnakerAccount};

    use super::*;

    const ONE: &str = "111122223333";

    fn settings(answer: &str) -> AnswerSettings {
        let text = format!("drive: {{mode: off}}\nanswer: {answer}\n");
        let outside = Outside::new(|_| None, |_| Err("no file".to_owned()));
        Config::parse("c.yaml", &text, &outside, &KnownKinds::default()).unwrap().0.answer
    }

    fn accounts() -> Accounts {
        Accounts::new([SpinnakerAccount {
            name: "prod".to_owned(),
            provider: Provider::Aws,
            account: AccountId::new(ONE).unwrap(),
            regions: vec![Region::new("eu-west-1").unwrap()],
            environment: Environment::new("production").unwrap(),
            assume_role: None,
            lambda: false,
        }])
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn hold_back(scope: OverrideScope, mode: AnswerMode) -> Override {
        Override {
            id: OverrideId("o".into()),
            scope,
            setting: Setting::Answer(mode),
            expires: at("2026-11-28T12:00:00Z"),
            set_by: "alice".to_owned(),
            set: at("2026-11-28T10:00:00Z"),
            reason: "a doubt".to_owned(),
        }
    }

    fn widgets() -> (Place, KindId) {
        let place = Place::new(AccountId::new(ONE).unwrap(), Region::new("eu-west-1").unwrap());
        (place, KindId::new("widget").unwrap())
    }

    #[test]
    fn accounts_are_found_by_either_name_and_the_more_cautious_word_about_one_holds() {
        let now = at("2026-11-28T11:00:00Z");
        let (place, kind) = widgets();
        for (words, mode) in [
            ("{mode: observe, accounts: {prod: serve}}", AnswerMode::Serve),
            ("{mode: observe, accounts: {prod: serve, '111122223333': pass}}", AnswerMode::Pass),
            ("{mode: observe}", AnswerMode::Observe),
        ] {
            let (said, modes) = said(&settings(words), &accounts(), &Switches::default(), now);
            assert_eq!((modes.at(&place, &kind), said.problems.len()), (mode, 0), "{words}");
        }
        let misspelt = "{mode: observe, accounts: {prdo: serve}}";
        let (said, _) = said(&settings(misspelt), &accounts(), &Switches::default(), now);
        assert!(said.problems[0].contains("prdo"), "{said:?}");
    }

    #[test]
    fn either_switch_passes_everything_and_says_who_threw_it() {
        let now = at("2026-11-28T11:00:00Z");
        let serve = settings("{mode: serve, passFile: /run/pass}");
        let file = Switches { pass_file: true, overrides: Vec::new() };
        let order = hold_back(OverrideScope::default(), AnswerMode::Pass);
        let overridden = Switches { pass_file: false, overrides: vec![order] };
        for (switches, who) in
            [(&file, "/run/pass"), (&overridden, "alice said so until 2026-11-28T12:00:00Z: a doubt")]
        {
            let (said, modes) = said(&serve, &accounts(), switches, now);
            assert!(modes.all_pass());
            assert_eq!(said.mode, AnswerMode::Pass);
            assert!(said.passes.unwrap().contains(who));
        }
        // It ends by itself.
        let (said, modes) = said(&serve, &accounts(), &overridden, at("2026-11-28T12:00:00Z"));
        assert_eq!((said.mode, said.passes, modes.all_pass()), (AnswerMode::Serve, None, false));
    }

    #[test]
    fn an_override_of_a_place_holds_back_that_place_only() {
        let now = at("2026-11-28T11:00:00Z");
        let elsewhere = OverrideScope { region: Some(Region::new("us-west-2").unwrap()), ..OverrideScope::default() };
        let switches = Switches { pass_file: false, overrides: vec![hold_back(elsewhere, AnswerMode::Pass)] };
        let (said, modes) = said(&settings("{mode: serve}"), &accounts(), &switches, now);
        let (place, kind) = widgets();
        assert_eq!((said.mode, said.passes), (AnswerMode::Serve, None));
        assert_eq!(modes.at(&place, &kind), AnswerMode::Serve);
        let other = Place::new(place.account, Region::new("us-west-2").unwrap());
        assert_eq!(modes.at(&other, &kind), AnswerMode::Pass);
    }
}
