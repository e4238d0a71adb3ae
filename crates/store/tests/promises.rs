//! What the store promises, one by one.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::{Journal, NotAccepted};
use aws_event_cache_model::{Names, Record, RefreshState, ResourceName, What};
use aws_event_cache_store::{
    ALIVE_EVERY, AUDIT_KEPT, CORRUPT_KEPT, COUNTERS_KEPT, EVENT_BYTES, EVENTS_KEPT, REFRESHES_KEPT, SCHEMA, Store,
    StoreError, TEXT_CHARACTERS, WAITING_BYTES,
};
use futures::future::join_all;
use redb::{Database, ReadableTable, TableDefinition};
use support::{audit, clock, count, event, named_event, owed, refresh, settled};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    (folder, path)
}

fn aside(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".corrupt-")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn many_waiters_share_few_commits() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    let before = store.commits();
    let tickets: Vec<_> = (0..500).map(|n| store.append(vec![owed(n, n)])).collect();
    for result in join_all(tickets).await {
        result.unwrap();
    }
    let commits = store.commits() - before;
    // The first commit may have started with the first record alone; what came meanwhile is in the next ones.
    assert!(commits <= 100, "{commits} commits for 500 calls");
    drop(store);
    assert_eq!(Store::open(&path, clock()).unwrap().1.owed.len(), 500);
}

#[tokio::test]
async fn soft_records_force_no_commit_and_go_with_the_next_one() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let before = store.commits();
    for n in 0..300 {
        store.append(vec![Record::Audit(audit(n)), Record::Event(event(n)), count("heard", 1)]).await.unwrap();
    }
    store.append(vec![owed(1, 1)]).await.unwrap();
    let commits = store.commits() - before;
    // One, unless the machine was so slow that they had waited long enough by themselves.
    assert!(commits < 30, "{commits} commits");
    assert_eq!(store.audit(1).unwrap(), [audit(299)]);
    assert_eq!(store.events(1).unwrap(), [event(299)]);
    assert_eq!(store.counters().unwrap().into_iter().collect::<Vec<_>>(), [("heard".to_owned(), 300)]);
}

#[tokio::test]
async fn soft_records_alone_are_written_without_being_asked_for() {
    // So fast a clock that the delays last some tenths of a millisecond.
    let (store, _) = Store::in_memory(Clock::starting_at(support::at(0), 1_000)).unwrap();
    store.append(vec![Record::Audit(audit(1))]).await.unwrap();
    while store.audit(1).unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn while_nothing_happens_it_is_noted_that_we_live() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, Clock::starting_at(support::at(0), 1_000)).unwrap();
    let before = store.commits();
    while store.commits() < before + 3 {
        tokio::task::yield_now().await;
    }
    drop(store);
    let (_store, found) = Store::open(&path, clock()).unwrap();
    let after_three = support::at(0) + 3 * ALIVE_EVERY;
    assert!(found.last_alive.is_some_and(|alive| alive >= after_three), "{:?}", found.last_alive);
}

#[tokio::test]
async fn lists_are_bounded_and_the_oldest_go_first() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let (events, audits) = (u32::try_from(EVENTS_KEPT).unwrap(), u32::try_from(AUDIT_KEPT).unwrap());
    for chunk in (0..audits + 50).collect::<Vec<_>>().chunks(1_000) {
        store.append(chunk.iter().map(|&n| Record::Audit(audit(n))).collect()).await.unwrap();
        store.append(chunk.iter().map(|&n| Record::Event(event(n))).collect()).await.unwrap();
        store.flush().await.unwrap();
    }
    let listed = store.audit(usize::MAX).unwrap();
    assert_eq!((listed.len(), &listed[0]), (AUDIT_KEPT as usize, &audit(audits + 49)));
    assert_eq!(listed.last(), Some(&audit(50)));
    let listed = store.events(usize::MAX).unwrap();
    assert_eq!((listed.len(), &listed[0]), (EVENTS_KEPT as usize, &event(audits + 49)));
    assert_eq!(listed.last(), Some(&event(audits + 50 - events)));
    assert_eq!(store.events(3).unwrap().len(), 3);
}

#[tokio::test]
async fn final_refreshes_are_bounded_and_open_ones_are_never_dropped() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let kept = u32::try_from(REFRESHES_KEPT).unwrap();
    let open = (0..20).map(|n| Record::Refresh(refresh(n, RefreshState::Running)));
    let ended = (100..100 + kept + 30).map(|n| Record::Refresh(refresh(n, RefreshState::Succeeded)));
    store.append(open.chain(ended).collect()).await.unwrap();
    let listed = store.refreshes(usize::MAX).unwrap();
    assert_eq!(listed.len(), 20 + kept as usize);
    assert_eq!(listed[0], refresh(129 + kept, RefreshState::Succeeded));
    assert_eq!(listed.iter().filter(|refresh| !refresh.state.is_final()).count(), 20);
    assert!(!listed.iter().any(|refresh| refresh.id.0 == "refresh-129"), "the oldest final one is out");
}

#[tokio::test]
async fn counters_add_up_and_their_names_are_bounded() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let names = COUNTERS_KEPT + 10;
    store.append((0..names).map(|n| count(&format!("name-{n:05}"), 1)).collect()).await.unwrap();
    store.append(vec![count("name-00000", u64::MAX), count("name-00001", 4)]).await.unwrap();
    store.flush().await.unwrap();
    let counters = store.counters().unwrap();
    assert_eq!(counters.len() as u64, COUNTERS_KEPT);
    assert_eq!((counters["name-00000"], counters["name-00001"]), (u64::MAX, 5));
}

#[tokio::test]
async fn an_event_that_names_too_much_keeps_all_but_the_names() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let names = (0..5_000).map(|n| ResourceName::new(format!("widget-number-{n}")).unwrap()).collect();
    let long = named_event(7, names);
    assert!(format!("{long:?}").len() > EVENT_BYTES);
    store.append(vec![Record::Event(long.clone())]).await.unwrap();
    store.flush().await.unwrap();
    let listed = store.events(1).unwrap();
    let mut expected = long;
    if let What::Changed { names, .. } = &mut expected.hint.what {
        *names = Names::Any;
    }
    assert_eq!(listed, [expected]);
}

#[tokio::test]
async fn endless_text_in_the_audit_list_is_cut_between_characters() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let mut entry = audit(1);
    entry.detail = "ä".repeat(TEXT_CHARACTERS * 2);
    store.append(vec![Record::Audit(entry)]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.audit(1).unwrap()[0].detail, "ä".repeat(TEXT_CHARACTERS));
}

#[tokio::test]
async fn more_than_may_wait_is_refused_at_once_and_nothing_of_it_is_kept() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    let mut heavy = refresh(1, RefreshState::Running);
    heavy.requested_by = "x".repeat(WAITING_BYTES + 1);
    let refused = store.append(vec![Record::Refresh(heavy)]).await.unwrap_err();
    assert!(matches!(refused, NotAccepted::Store(_)), "{refused}");
    store.append(vec![owed(1, 1)]).await.unwrap();
    assert!(store.refreshes(9).unwrap().is_empty());
}

#[tokio::test]
async fn after_the_orderly_end_nothing_is_taken() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    store.close().await.unwrap();
    assert_eq!(store.append(vec![owed(1, 1)]).await, Err(NotAccepted::ShuttingDown));
    assert_eq!(store.flush().await, Err(NotAccepted::ShuttingDown));
    assert!(matches!(store.audit(1), Err(StoreError::NotOpen)));
    assert!(matches!(store.close().await, Err(StoreError::NotOpen)));
}

#[tokio::test]
async fn a_ticket_need_not_be_waited_for() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    drop(store.append(vec![owed(1, 1), owed(2, 2)]));
    drop(store.append(vec![settled(2)]));
    store.close().await.unwrap();
    let (_store, found) = Store::open(&path, clock()).unwrap();
    assert_eq!(found.owed.len(), 1);
    assert!(found.clean);
}

#[tokio::test]
async fn last_alive_is_when_the_store_was_last_written() {
    let (_folder, path) = folder();
    let (store, found) = Store::open(&path, clock()).unwrap();
    assert_eq!(found.last_alive, None);
    let before = support::at(0);
    store.append(vec![owed(1, 1)]).await.unwrap();
    drop(store);
    let (_, found) = Store::open(&path, clock()).unwrap();
    assert!(found.last_alive.is_some_and(|alive| alive >= before && alive < support::at(600)));
}

#[tokio::test]
async fn readers_see_the_last_commit_while_appends_go_on() {
    let (store, _) = Store::in_memory(clock()).unwrap();
    for n in 0..50 {
        let ticket = store.append(vec![Record::Audit(audit(n)), owed(n, n)]);
        let seen = store.audit(usize::MAX).unwrap().len();
        assert!(seen == n as usize || seen == n as usize + 1);
        ticket.await.unwrap();
        assert_eq!(store.audit(usize::MAX).unwrap().len(), n as usize + 1);
    }
}

#[tokio::test]
async fn a_second_instance_on_one_file_is_told_so_and_the_file_stays() {
    let (folder, path) = folder();
    let (_first, _) = Store::open(&path, clock()).unwrap();
    let error = Store::open(&path, clock()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(aside(folder.path()).is_empty());
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_plain_words_and_left_as_it_is() {
    let (folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    store.append(vec![owed(1, 1)]).await.unwrap();
    store.close().await.unwrap();
    set_meta(&path, "schema", i64::try_from(SCHEMA).unwrap() + 1);
    let error = Store::open(&path, clock()).unwrap_err();
    assert!(error.to_string().contains("was written by a newer version (schema 2"), "{error}");
    assert!(aside(folder.path()).is_empty());
    set_meta(&path, "schema", i64::try_from(SCHEMA).unwrap());
    assert_eq!(Store::open(&path, clock()).unwrap().1.owed.len(), 1);
}

fn set_meta(path: &Path, key: &str, value: i64) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<&str, i64>::new("meta")).unwrap().insert(key, value).unwrap();
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_moved_aside_and_only_the_last_ones_are_kept() {
    let (folder, path) = folder();
    for round in 0..CORRUPT_KEPT + 2 {
        fs::write(&path, format!("no database at all, round {round}").repeat(500)).unwrap();
        let (store, found) = Store::open(&path, clock()).unwrap();
        assert!(!found.clean);
        store.append(vec![owed(1, 1)]).await.unwrap();
        store.close().await.unwrap();
    }
    let expected: Vec<_> = (3..3 + CORRUPT_KEPT).map(|n| format!("store.redb.corrupt-{n}")).collect();
    assert_eq!(aside(folder.path()), expected);
    assert!(fs::read_to_string(folder.path().join(&expected[2])).unwrap().contains("round 4"));
}

#[tokio::test]
async fn a_record_that_cannot_be_decoded_moves_the_file_aside() {
    let (folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    store.close().await.unwrap();
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let owed = TableDefinition::<&str, &[u8]>::new("owed");
    transaction.open_table(owed).unwrap().insert("prod/x/WidgetCachingAgent", b"{\"class\":7}".as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let (_store, found) = Store::open(&path, clock()).unwrap();
    assert_eq!(found, aws_event_cache_model::Recovered::default());
    assert_eq!(aside(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_field_that_a_newer_version_added_is_ignored() {
    let (_folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    store.append(vec![owed(1, 1)]).await.unwrap();
    store.close().await.unwrap();
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(TableDefinition::<&str, &[u8]>::new("owed")).unwrap();
        let name = support::agent(1);
        let mut value = String::from_utf8(table.get(name.as_str()).unwrap().unwrap().value().to_vec()).unwrap();
        value.insert_str(1, "\"later\":[1,2],");
        table.insert(name.as_str(), value.as_bytes()).unwrap();
    }
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(Store::open(&path, clock()).unwrap().1.owed.len(), 1);
}

#[tokio::test]
async fn a_damaged_file_never_stops_the_start() {
    let (folder, path) = folder();
    let (store, _) = Store::open(&path, clock()).unwrap();
    store.append((0..200).map(|n| owed(n, n)).collect()).await.unwrap();
    store.close().await.unwrap();
    let whole = fs::read(&path).unwrap();
    let mut moved = 0;
    for (round, start) in (0..whole.len()).step_by(whole.len() / 40).enumerate() {
        let mut damaged = whole.clone();
        let end = damaged.len().min(start + 700);
        damaged[start..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        if round % 5 == 4 {
            damaged.truncate(start);
        }
        fs::write(&path, damaged).unwrap();
        let (store, found) = Store::open(&path, clock()).unwrap();
        assert!(found.owed.is_empty() || found.owed.len() == 200, "all or nothing, never a part: {}", found.owed.len());
        moved += usize::from(found.owed.is_empty());
        store.append(vec![owed(1, 1)]).await.unwrap();
        store.close().await.unwrap();
    }
    assert!(moved > 0, "no damage was noticed");
    assert_eq!(aside(folder.path()).len(), CORRUPT_KEPT);
}
