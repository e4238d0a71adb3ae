//! `savings`: the answer arm's books, for people.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::Value;

use crate::cli::{SavingsArgs, exit};
use crate::client::{ClientError, Service};
use crate::output::{line, show, table};
use crate::reply::{list, text};

/// So many of the last days are shown.
const DAYS: usize = 14;

pub(crate) async fn run(args: SavingsArgs) -> Result<ExitCode, ClientError> {
    let service = Service::new(&args.server)?;
    let books = service.get("/v1/savings").await?;
    if args.json {
        line(&books.to_string());
        return Ok(exit::OK);
    }
    let total = Calls::of(books.get("total").unwrap_or(&Value::Null));
    line(&format!(
        "since {}: {} requests, {} calls made to AWS ({} throttled), {} avoided: {}",
        text(&books, "since").split('.').next().unwrap_or_default(),
        total.asked,
        total.made,
        total.throttled,
        total.avoided,
        total.share()
    ));
    show(&operations(&books, &args));
    show(&days(&books));
    Ok(exit::OK)
}

/// Calls of one line of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Calls {
    asked: u64,
    made: u64,
    avoided: u64,
    throttled: u64,
}

impl Calls {
    fn of(value: &Value) -> Self {
        let number = |key: &str| value.get(key).and_then(Value::as_u64).unwrap_or_default();
        Self {
            asked: number("asked"),
            made: number("made"),
            avoided: number("avoided"),
            throttled: number("throttled"),
        }
    }

    fn add(&mut self, other: Self) {
        self.asked += other.asked;
        self.made += other.made;
        self.avoided += other.avoided;
        self.throttled += other.throttled;
    }

    /// Of what would have been asked of AWS, which part was not.
    fn share(self) -> String {
        match self.made + self.avoided {
            0 => "-".to_owned(),
            all => format!("{:.1} %", 100.0 * self.avoided as f64 / all as f64),
        }
    }
}

/// Account with its names, region (empty unless asked for), service and operation.
type Line = (String, String, String, String);

/// A line for each account and operation, the most asked first.
fn operations(books: &Value, args: &SavingsArgs) -> comfy_table::Table {
    let region: &[&str] = if args.by_region { &["\nREGION"] } else { &[] };
    let rest = ["\nSERVICE", "\nOPERATION", "\nASKED", "\nMADE", "\nAVOIDED", "\nTHROTTLED", "\nSAVED"];
    let mut rows = table(&[&["\nACCOUNT"], region, &rest].concat());
    let mut lines: Vec<(Line, Calls)> = joined(books, args).into_iter().collect();
    lines.sort_by(|(a, x), (b, y)| y.asked.cmp(&x.asked).then_with(|| a.cmp(b)));
    for ((account, region, service, operation), calls) in lines {
        let numbers = [calls.asked, calls.made, calls.avoided, calls.throttled].map(|number| number.to_string());
        let region = if args.by_region { vec![region] } else { Vec::new() };
        let cells = [vec![account], region, vec![service, operation], numbers.to_vec(), vec![calls.share()]];
        rows.add_row(cells.concat());
    }
    rows
}

fn joined(books: &Value, args: &SavingsArgs) -> BTreeMap<Line, Calls> {
    let mut lines: BTreeMap<Line, Calls> = BTreeMap::new();
    for operation in list(books, "operations") {
        let id = text(operation, "account");
        let names: Vec<&str> = list(operation, "names").filter_map(Value::as_str).collect();
        if args.account.as_deref().is_some_and(|wanted| wanted != id && !names.contains(&wanted)) {
            continue;
        }
        let account = match (id, names.as_slice()) {
            ("", _) => "unknown".to_owned(),
            (id, []) => id.to_owned(),
            (id, names) => format!("{} ({id})", names.join(", ")),
        };
        let region = if args.by_region { text(operation, "region") } else { "" };
        let key = (account, region.into(), text(operation, "service").into(), text(operation, "operation").into());
        lines.entry(key).or_default().add(Calls::of(operation));
    }
    lines
}

fn days(books: &Value) -> comfy_table::Table {
    let mut rows = table(&["\nDAY (UTC)", "\nMADE", "\nAVOIDED", "\nSAVED"]);
    let all: Vec<&Value> = list(books, "days").collect();
    for day in all.iter().rev().take(DAYS) {
        let calls = Calls::of(day);
        rows.add_row([text(day, "day").into(), calls.made.to_string(), calls.avoided.to_string(), calls.share()]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::ServerArgs;

    fn args(account: Option<&str>, by_region: bool) -> SavingsArgs {
        let server = ServerArgs { server: String::new(), token_file: None };
        SavingsArgs { server, account: account.map(str::to_owned), by_region, json: false }
    }

    fn books() -> Value {
        let line = |account: &str, names: Value, region: &str, asked: u64| {
            json!({"account": account, "names": names, "region": region, "service": "test", "operation": "ListWidgets",
                "asked": asked, "made": 1, "avoided": asked - 1, "throttled": 0})
        };
        json!({"operations": [
            line("111122223333", json!(["prod"]), "eu-west-1", 10),
            line("111122223333", json!(["prod"]), "us-west-2", 30),
            line("444455556666", json!([]), "eu-west-1", 5),
            line("", json!([]), "", 2),
        ]})
    }

    #[test]
    fn regions_are_added_up_unless_each_is_asked_for() {
        let names = |args: &SavingsArgs| joined(&books(), args).into_keys().map(|key| key.0).collect::<Vec<_>>();
        assert_eq!(names(&args(None, false)), ["444455556666", "prod (111122223333)", "unknown"]);
        assert_eq!(names(&args(None, true)).len(), 4);
        for account in ["prod", "111122223333"] {
            let lines = joined(&books(), &args(Some(account), false));
            let calls: Vec<Calls> = lines.into_values().collect();
            assert_eq!(calls, [Calls { asked: 40, made: 2, avoided: 38, throttled: 0 }], "{account}");
            assert_eq!(calls[0].share(), "95.0 %");
        }
        assert_eq!(Calls::default().share(), "-");
    }
}
