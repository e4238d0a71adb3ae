//! The answer arm's side: when ages are written, and that a run which we cause never meets an answer from before its cause.

use aws_event_cache_model::{Environment, Evidence};

use super::*;
use crate::profiles::Profiles;

fn widgets(world: &World) -> Arc<crate::ledger::ScopeLedger> {
    world.engine.ledger().scope(&testing::place().scope(testing::kind("widget")))
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn ages_rise_with_the_stream_and_fall_within_one_survey_when_it_is_silent_though_the_lock_store_hangs() {
    for mode in [DriveMode::Enforce, DriveMode::Off] {
        let world = World::clean(mode);
        let entry = widgets(&world);
        world.pass(10, false).await;
        assert_eq!(entry.max_age(), seconds(30), "{mode:?}: no sign of life yet");
        world.pass(60, true).await;
        assert_eq!(entry.max_age(), seconds(900), "{mode:?}");
        let silent = after(testing::at(START + 20 + 180), SURVEY_EVERY + seconds(1));
        world.drive.slow.store(true, Ordering::Relaxed);
        while world.clock.now() < silent {
            world.pass(1, false).await;
        }
        assert_eq!(entry.max_age(), seconds(30), "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ages_follow_profiles_overrides_and_evidence_at_once() {
    let world = World::clean(DriveMode::Enforce);
    let entry = widgets(&world);
    world.pass(70, true).await;
    assert_eq!(entry.max_age(), seconds(900));
    // Less than a survey's time for all of these together.
    let mut profiles = testing::profiles();
    let production = Environment::new("production").unwrap();
    profiles.by_environment.get_mut(&production).unwrap().ceiling = seconds(600);
    world.engine.set_profiles(Profiles { ..profiles });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(entry.max_age(), seconds(600));
    let expires = after(world.clock.now(), seconds(3_600));
    let setting = Setting::Cadence(seconds(120));
    let slower = testing::override_of("c", OverrideScope::default(), setting, expires);
    world.engine.set_override(slower.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(entry.max_age(), seconds(120));
    world.engine.remove_override(&slower.id).await.unwrap();
    world.engine.evidence(&testing::place().scope(testing::kind("widget")), Evidence::Differs);
    assert_eq!(entry.max_age(), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_forced_only_when_the_ledger_has_the_mark_of_what_caused_it() {
    let world = World::clean(DriveMode::Enforce);
    world.pass(200, true).await;
    let entry = widgets(&world);
    let before = entry.generation(None);
    world.widget().await.unwrap();
    let event = entry.generation(None);
    world.pass(60, true).await;
    let order = RefreshOrder {
        accounts: Some(vec!["prod".to_owned()]),
        regions: Some(vec![testing::place().region]),
        kinds: Some(vec![testing::kind("widget")]),
        name: None,
        class: Class::Operator,
    };
    world.engine.order(order, "me").await.unwrap();
    let ordered = entry.generation(None);
    assert!(before < event && event < ordered);
    world.pass(60, true).await;
    let found = std::mem::take(&mut *world.drive.found.lock());
    assert_eq!(
        found.iter().filter(|generation| **generation == event).count(),
        6,
        "three agents, two looks: {found:?}"
    );
    assert_eq!(found.iter().filter(|generation| **generation == ordered).count(), 1, "{found:?}");
    assert_eq!(found.len(), 7, "none before its mark");
}
