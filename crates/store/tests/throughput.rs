//! Measures, printed and not asserted: appends a second with as many waiters.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_event_cache_clock::Clock;
use aws_event_cache_model::seam::Journal;
use aws_event_cache_store::Store;
use futures::future::join_all;
use support::owed;

/// Long enough to see past single slow fsyncs, short enough for every test run.
const SPAN: Duration = Duration::from_secs(1);

#[tokio::test]
async fn appends_per_second_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::wall();
    for waiters in [1, 10, 100] {
        let path = folder.path().join(format!("store-{waiters}"));
        let (store, _) = Store::open(&path, clock.clone()).unwrap();
        let store = Arc::new(store);
        let done = Arc::new(AtomicU32::new(0));
        let begin = clock.now();
        let end = begin + SPAN;
        let before = store.commits();
        join_all((0..waiters).map(|waiter| {
            let (store, done, clock) = (Arc::clone(&store), Arc::clone(&done), clock.clone());
            async move {
                while clock.now() < end {
                    let n = done.fetch_add(1, Ordering::Relaxed);
                    store.append(vec![owed(waiter, n)]).await.unwrap();
                }
            }
        }))
        .await;
        let took = Duration::try_from(clock.now().duration_since(begin)).unwrap().as_secs_f64();
        let (appends, commits) = (done.load(Ordering::Relaxed), store.commits() - before);
        let rate = f64::from(appends) / took;
        let size = std::fs::metadata(&path).unwrap().len() / 1024;
        println!(
            "{waiters:>3} waiters: {rate:>7.0} appends/s, {commits} commits for {appends} appends, file of {size} KiB"
        );
        assert!(appends > 0);
    }
}
