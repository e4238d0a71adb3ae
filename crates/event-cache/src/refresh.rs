//! `refresh`: asks the service, shows how far it is, and ends when it has ended.

use std::process::ExitCode;
use std::time::Duration;

use aws_event_cache_clock::Clock;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::{ClassArg, RefreshArgs, exit};
use crate::client::{ClientError, Service};
use crate::output::{line, warn};
use crate::reply::{list, text};

/// Often enough to feel immediate, seldom enough that a forgotten terminal costs the service nothing.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(args: RefreshArgs) -> Result<ExitCode, ClientError> {
    let service = Service::new(&args.server)?;
    let order = json!({
        "account": args.account, "region": args.region, "kind": args.kind, "name": args.name,
        "class": match args.class { ClassArg::Operator => "operator", ClassArg::Event => "event", ClassArg::Sweep => "sweep" },
    });
    let mut refresh = service.post("/v1/refresh", &order).await?;
    if !args.no_wait {
        refresh = wait(&service, refresh, Duration::from_secs(args.timeout)).await?;
    }
    report(&refresh, args.json);
    Ok(match text(&refresh, "status") {
        "SUCCEEDED" => exit::OK,
        "QUEUED" | "RUNNING" if args.no_wait => exit::OK,
        _ => exit::failed(),
    })
}

async fn wait(service: &Service, mut refresh: Value, limit: Duration) -> Result<Value, ClientError> {
    let clock = Clock::wall();
    let end = clock.now().saturating_add(limit).unwrap_or(aws_event_cache_model::Timestamp::MAX);
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
    bar.enable_steady_tick(Duration::from_millis(120));
    let path = format!("/v1/refresh/{}", text(&refresh, "id"));
    while matches!(text(&refresh, "status"), "QUEUED" | "RUNNING") {
        bar.set_message(text(&refresh, "progress").to_owned());
        if clock.now() >= end {
            warn(&format!("gave up waiting; the refresh goes on, see {}", text(&refresh, "statusUrl")));
            break;
        }
        clock.sleep(ASK_EVERY).await;
        refresh = service.get(&path).await?;
    }
    bar.finish_and_clear();
    Ok(refresh)
}

fn report(refresh: &Value, as_json: bool) {
    if as_json {
        line(&refresh.to_string());
        return;
    }
    line(&format!("{} {}: {}", text(refresh, "id"), text(refresh, "status"), text(refresh, "progress")));
    for failed in list(refresh, "failed") {
        line(&format!("  {}: {}", text(failed, "agent"), text(failed, "why")));
    }
}
