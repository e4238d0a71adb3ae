//! What the service costs while it does nothing. Printed, not judged: a debug build on a busy machine says little.

use std::fs;
use std::time::Duration;

use reqwest::Method;

use crate::support::world::{Setup, World};
use crate::support::{eventually, later, now, until};

/// Resident memory in MiB.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_memory_and_time_to_ready_are_printed() {
    let world = World::new(Setup { accounts: 10, ..Setup::default() }).await;
    let _scheduler = world.scheduler().await;
    let service = world.serve().await;
    let took = eventually("it is ready", Duration::from_secs(15), async || {
        let answer = service.call(Method::GET, "/health/ready", None).await;
        answer.status().is_success().then(|| now().duration_since(service.started))
    })
    .await;
    world.heartbeats(&service).await;
    until(later(now(), Duration::from_secs(6))).await;
    println!(
        "start to ready: {} ms (goal: below 300 ms); idle memory with {} agents: {:.1} MiB (goal: below 40 MiB); both for a release build, this one has debug assertions {}",
        took.as_millis(),
        service.get("/v1/status").await["agents"]["known"],
        resident(service.pid()),
        if cfg!(debug_assertions) { "on" } else { "off" }
    );
    assert!(service.get("/v1/status").await["agents"]["known"].as_u64() > Some(30));
}
