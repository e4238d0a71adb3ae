//! `status`: how the service is doing, for people.

use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{StatusArgs, exit};
use crate::client::{ClientError, Service};
use crate::output::{line, show, table};
use crate::reply::list;

pub(crate) async fn run(args: StatusArgs) -> Result<ExitCode, ClientError> {
    let service = Service::new(&args.server)?;
    let status = service.get("/v1/status").await?;
    if args.json {
        line(&status.to_string());
        return Ok(exit::OK);
    }
    summary(&status);
    lock_store(&status);
    answer(&status);
    places(&status);
    if args.scopes {
        scopes(&status);
    }
    recent(&status);
    problems(&status);
    Ok(exit::OK)
}

fn summary(status: &Value) {
    let agents = |key: &str| number(status.pointer(&format!("/agents/{key}")));
    let queue = |key: &str| number(status.pointer(&format!("/queue/{key}")));
    let counters = |key: &str| number(status.pointer(&format!("/counters/{key}")));
    let killed = if status.get("killed") == Some(&Value::Bool(true)) { " (kill switch is on)" } else { "" };
    line(&format!("mode      {}{killed}", shown(status.get("mode"))));
    line(&format!("accounts  {}", number(status.get("accounts"))));
    line(&format!(
        "agents    {} known, {} held, {} running, {} absent, {} failing",
        agents("known"),
        agents("held"),
        agents("running"),
        agents("absent"),
        agents("failing")
    ));
    line(&format!(
        "queue     {} operator, {} event, {} settle, {} sweep, {} in flight",
        queue("operator"),
        queue("event"),
        queue("settle"),
        queue("sweep"),
        queue("in_flight")
    ));
    line(&format!(
        "done      {} hints, {} forced runs, {} own runs, {} would have been forced, {} failures; {} polls saved",
        counters("hints"),
        counters("forced_runs"),
        counters("own_runs"),
        counters("would_force"),
        counters("failures"),
        counters("polls_saved") + counters("polls_would_save")
    ));
}

/// By what agents are run and held, and whether that answers.
fn lock_store(status: &Value) {
    let Some(store) = status.pointer("/parts/lockStore") else { return };
    line(&match store.get("type").and_then(Value::as_str) {
        Some("locks") => format!("locks     {}", shown(store.get("store"))),
        Some("plugin") => format!("locks     {}", plugin(store)),
        _ => "locks     none: only on-demand calls are made".to_owned(),
    });
}

fn plugin(store: &Value) -> String {
    let replicas: Vec<&Value> = list(store, "replicas").collect();
    let answering = replicas.iter().filter(|replica| replica.get("answers") == Some(&Value::Bool(true))).count();
    let asked = store.get("intervalsFetchedSecondsAgo").and_then(Value::as_i64);
    let asked = asked.map_or("intervals never fetched".to_owned(), |ago| format!("intervals fetched {ago} s ago"));
    format!("bridge plugin: {answering} of {} replicas of Clouddriver answer, {asked}", replicas.len())
}

/// The answer arm in two lines, when there is one.
fn answer(status: &Value) {
    let Some(arm) = status.pointer("/parts/answer") else { return };
    let why = arm.get("passes").and_then(Value::as_str).map(|why| format!(" ({why})")).unwrap_or_default();
    line(&format!("answer    {} at {}{why}", shown(arm.get("mode")), shown(arm.get("listen"))));
    let number = |key: &str| number(arm.get(key));
    let share = arm.get("hitShare").and_then(Value::as_f64);
    let share = share.map(|share| format!(", {:.1} % answered from memory", 100.0 * share)).unwrap_or_default();
    line(&format!(
        "          {} requests{share}; {} calls made to AWS, {} avoided, {} throttled",
        number("asked"),
        number("made"),
        number("avoided"),
        number("throttled")
    ));
}

fn places(status: &Value) {
    let mut rows = table(&["\nACCOUNT", "\nREGION", "\nSTREAM", "\nLAST HEARTBEAT", "\nLATE BY"]);
    for place in list(status, "places") {
        rows.add_row([
            shown(place.pointer("/place/account")),
            shown(place.pointer("/place/region")),
            shown(place.get("health")),
            shown(place.get("last_heartbeat")),
            place.get("lateness_ms").and_then(Value::as_u64).map_or_else(String::new, |ms| format!("{ms} ms")),
        ]);
    }
    show(&rows);
}

fn scopes(status: &Value) {
    let mut rows =
        table(&["\nACCOUNT", "\nREGION", "\nKIND", "\nCADENCE", "\nWHY", "\nLAST EVENT", "\nLAST RUN", "\nBACKLOG"]);
    for scope in list(status, "scopes") {
        let cadence = scope.get("cadence_ms").and_then(Value::as_u64);
        rows.add_row([
            shown(scope.get("account")),
            shown(scope.get("region")),
            shown(scope.get("kind")),
            cadence.map_or_else(|| "stock".into(), |ms| format!("{} s", ms / 1000)),
            shown(scope.get("reason")),
            shown(scope.get("last_event")),
            shown(scope.get("last_run")),
            number(scope.get("backlog")).to_string(),
        ]);
    }
    show(&rows);
}

fn recent(status: &Value) {
    let mut rows = table(&["\nLAST REFRESHES", "\nAGENT", "\nHOW", "\nCAUSE", "\nLATENCY"]);
    for entry in list(status, "recent").take(10) {
        let how = entry.get("means").and_then(Value::as_str).unwrap_or("failed");
        rows.add_row([
            shown(entry.get("at")),
            shown(entry.get("agent")),
            how.into(),
            shown(entry.get("cause")),
            entry.get("latency_ms").and_then(Value::as_u64).map_or_else(String::new, |ms| format!("{ms} ms")),
        ]);
    }
    show(&rows);
}

fn problems(status: &Value) {
    let mut any = false;
    for problem in list(status, "problems") {
        if !any {
            line("\nPROBLEMS");
        }
        any = true;
        line(&format!("- {}", shown(Some(problem))));
    }
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or_default()
}

/// A text as it is, anything else as JSON, nothing as nothing; times without their fractions, which nobody reads.
fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) if text.ends_with('Z') && text.contains('T') => {
            text.split_once('.').map_or_else(|| text.clone(), |(whole, _)| format!("{whole}Z"))
        }
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}
