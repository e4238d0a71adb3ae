//! The books say what happened, to the API, to the command line, and after a restart.

use std::time::Duration;

use serde_json::Value;

use crate::support::service::command;
use crate::world::{ACCOUNT, World};

async fn run(arguments: Vec<String>) -> String {
    let run = move || command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_savings_say_what_was_asked_made_and_avoided_and_days_outlive_a_restart() {
    let world = World::new("mode: serve").await;
    let mut running = world.serve().await;
    let client = running.client();
    // The first answer for an account that nobody knows yet is laid to no account.
    client.call("DescribeGadgets", &[]).await;
    client.warm("DescribeWidgets").await;
    for _ in 0..8 {
        assert!(client.call("DescribeWidgets", &[]).await.is_hit());
    }
    client.call("MakeWidget", &[("id", "w-2")]).await;
    let base = running.service.base.clone();
    let books = running.service.get("/v1/savings").await;
    let line = |operation: &str| -> Value {
        let lines = books["operations"].as_array().unwrap();
        lines.iter().find(|line| line["operation"] == operation && line["account"] == ACCOUNT).cloned().unwrap()
    };
    let (reads, writes) = (line("DescribeWidgets"), line("MakeWidget"));
    assert_eq!((&reads["names"][0], &reads["region"]), (&"prod".into(), &"eu-west-1".into()));
    assert_eq!(reads["made"].as_u64(), Some(world.aws.calls("DescribeWidgets")), "{books}");
    assert_eq!(reads["asked"].as_u64().unwrap(), reads["made"].as_u64().unwrap() + reads["avoided"].as_u64().unwrap());
    assert!(reads["avoided"].as_u64().unwrap() >= 9, "{books}");
    let all = ["DescribeGadgets", "DescribeWidgets", "MakeWidget"].map(|operation| world.aws.calls(operation));
    assert_eq!(books["total"]["made"].as_u64(), Some(all.iter().sum()), "{books}");
    assert_eq!((writes["made"].as_u64(), writes["avoided"].as_u64()), (Some(1), Some(0)));

    let shown = run(vec!["savings".into(), "--server".into(), base.clone(), "--account".into(), "prod".into()]).await;
    let row = shown.lines().find(|line| line.contains("DescribeWidgets")).unwrap();
    assert!(row.starts_with(&format!("prod ({ACCOUNT})")) && row.contains('%'), "{shown}");
    let status = run(vec!["status".into(), "--server".into(), base]).await;
    assert!(status.contains("answer    serve at 127.0.0.1:") && status.contains("answered from memory"), "{status}");

    let avoided = books["total"]["avoided"].clone();
    running.service.signal("TERM");
    running.service.ended(Duration::from_secs(20)).await;
    let running = world.serve().await;
    let again = running.service.get("/v1/savings").await;
    assert_eq!(again["total"]["asked"], 0, "{again}");
    let days = again["days"].as_array().unwrap();
    let all: u64 = days.iter().filter_map(|day| day["avoided"].as_u64()).sum();
    assert_eq!(Some(all), avoided.as_u64(), "{again}");
}
