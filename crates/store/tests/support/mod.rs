//! Records to store.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use aws_event_cache_clock::Clock;
use aws_event_cache_model::{
    AccountId, AgentName, AuditEntry, Cause, Change, Class, EventRecord, Hint, KindId, Names, Origin, Override,
    OverrideId, OverrideScope, Place, Record, RefreshId, RefreshOrder, RefreshRecord, RefreshState, Region,
    ResourceName, Resources, Setting, Source, Timestamp, Verdict, What,
};

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn clock() -> Clock {
    Clock::starting_at(at(0), 1)
}

pub(crate) fn agent(n: u32) -> AgentName {
    AgentName::new(format!("prod/us-west-2/WidgetCachingAgent{n}")).unwrap()
}

pub(crate) fn cause(n: u32) -> Cause {
    Cause {
        source: Source::Sns,
        id: format!("message-{n}").into(),
        event: "widgets.example WidgetChanged".into(),
        received: at(n.into()),
        occurred: None,
    }
}

pub(crate) fn resources(n: u32) -> Resources {
    let mut resources = Resources::default();
    resources.add(KindId::new("widget").unwrap(), ResourceName::new(format!("w-{n}")).unwrap());
    resources
}

pub(crate) fn owed(n: u32, cause_number: u32) -> Record {
    Record::Owed { agent: agent(n), class: Class::Event, resources: resources(n), cause: cause(cause_number) }
}

pub(crate) fn settled(n: u32) -> Record {
    Record::Settled { agent: agent(n) }
}

pub(crate) fn refresh(n: u32, state: RefreshState) -> RefreshRecord {
    RefreshRecord {
        id: RefreshId(format!("refresh-{n}").into()),
        order: RefreshOrder { accounts: None, regions: None, kinds: None, name: None, class: Class::Operator },
        requested_by: "somebody".to_owned(),
        requested: at(n.into()),
        state,
        pending: vec![agent(n)],
        done: vec![],
        failed: vec![],
        ended: state.is_final().then(|| at(i64::from(n) + 1)),
        watched_only: false,
    }
}

pub(crate) fn set(n: u32, share: f64) -> Override {
    Override {
        id: OverrideId(format!("override-{n}").into()),
        scope: OverrideScope::default(),
        setting: Setting::Budget(share),
        expires: at(3600),
        set_by: "somebody".to_owned(),
        set: at(n.into()),
        reason: "a busy day".to_owned(),
    }
}

pub(crate) fn audit(n: u32) -> AuditEntry {
    AuditEntry {
        at: at(n.into()),
        who: "somebody".to_owned(),
        from: "127.0.0.1".to_owned(),
        action: "refresh".into(),
        detail: format!("the {n}th"),
    }
}

pub(crate) fn event(n: u32) -> EventRecord {
    named_event(n, vec![ResourceName::new(format!("w-{n}")).unwrap()])
}

pub(crate) fn named_event(n: u32, names: Vec<ResourceName>) -> EventRecord {
    let place = Place::new(AccountId::new("111122223333").unwrap(), Region::new("us-west-2").unwrap());
    let what =
        What::Changed { kind: KindId::new("widget").unwrap(), names: Names::Some(names), change: Change::Updated };
    let origin = Origin { source: Source::Sqs, id: format!("message-{n}").into(), event: "WidgetChanged".into() };
    EventRecord {
        hint: Hint { place, what, occurred: Some(at(n.into())), received: at(n.into()), origin },
        verdict: Verdict::Planned(1),
    }
}

pub(crate) fn count(name: &str, add: u64) -> Record {
    Record::Count { name: name.into(), add }
}
