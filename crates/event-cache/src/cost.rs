//! `cost`: what the events cost and what they save, for people.

use std::process::ExitCode;

use aws_event_cache_aws_setup::Options;
use aws_event_cache_aws_setup::cost::{Estimate, Figures, estimate};

use crate::aws_setup::{AwsSetupError, key, plan, recorder};
use crate::cli::{CostArgs, exit};
use crate::output::{error, line, show, table};
use crate::settings;

pub(crate) fn run(args: &CostArgs) -> ExitCode {
    let mut figures = Figures::default();
    let prices = args.prices.iter().try_for_each(|price| figures.set_price(price));
    let set = prices.and_then(|()| args.assume.iter().try_for_each(|assumption| figures.set_assumption(assumption)));
    if let Err(bad) = set {
        error(&bad);
        return exit::failed();
    }
    match estimated(args, figures) {
        Ok(estimate) if args.json => {
            let text = serde_json::to_string(&estimate).expect("invariant: an estimate can be written");
            line(&text);
            exit::OK
        }
        Ok(estimate) => {
            print(&estimate);
            exit::OK
        }
        Err(problem) => {
            error(&problem);
            problem.code()
        }
    }
}

fn estimated(args: &CostArgs, figures: Figures) -> Result<Estimate, AwsSetupError> {
    let loaded = settings::load(&args.file.config)?;
    let accounts = settings::configured_accounts(&loaded.config)?;
    let options = Options { recorder: recorder(args.recorder), key: key(&args.key), ..Options::default() };
    let plan = plan(&loaded, &accounts, options)?;
    Ok(estimate(&loaded.config, &plan, &accounts, figures))
}

fn print(estimate: &Estimate) {
    line(&format!(
        "A month: {} for the events; {} of {} AWS calls of Clouddriver's agents saved ({}).",
        dollars(estimate.usd),
        count(estimate.calls_saved),
        count(estimate.calls.stock),
        share(estimate.calls_saved, estimate.calls.stock)
    ));
    if estimate.usd_saved > 0.0 {
        line(&format!(
            "Further CloudTrail copies cost {} less, since those calls are not in them.",
            dollars(estimate.usd_saved)
        ));
    }
    line(&format!("\nThe bill, at prices of {}, {}:", estimate.price_region, estimate.price_date));
    show(&bill(estimate));
    line("\nCalls:");
    show(&calls(estimate));
    show(&agents(estimate));
    line("\nPrices (replace with --price NAME=DOLLARS):");
    show(&prices(estimate));
    line("\nAssumptions (replace with --assume NAME=NUMBER), for each account and region:");
    show(&assumptions(estimate));
    line("");
    estimate.notes.iter().for_each(|note| line(note));
}

fn bill(estimate: &Estimate) -> comfy_table::Table {
    let mut rows = table(&["USD", "WHAT", "QUANTITY", "PRICE", "FORMULA"]);
    for of in &estimate.lines {
        let quantity = if of.price.is_some() { format!("{} {}", amount(of.quantity), of.unit) } else { "-".to_owned() };
        rows.add_row([
            dollars(of.usd),
            of.what.to_owned(),
            quantity,
            of.price.unwrap_or("-").to_owned(),
            of.formula.clone(),
        ]);
    }
    rows.add_row([dollars(estimate.usd), "together".to_owned(), "-".to_owned(), "-".to_owned(), "-".to_owned()]);
    rows
}

fn calls(estimate: &Estimate) -> comfy_table::Table {
    let mut rows = table(&["CALLS", "WHAT"]);
    let [stock, polls, changes] = estimate.calls.formulas;
    rows.add_row([count(estimate.calls.stock), stock.to_owned()]);
    rows.add_row([count(estimate.calls.polls), polls.to_owned()]);
    rows.add_row([count(estimate.calls.by_changes), changes.to_owned()]);
    rows.add_row([count(estimate.calls_saved), "saved = stock - polls - by changes".to_owned()]);
    rows
}

fn agents(estimate: &Estimate) -> comfy_table::Table {
    let mut rows = table(&["\nAGENT", "\nAGENTS", "\nCALLS OF A RUN", "\nSTOCK RUNS", "\nPOLLS"]);
    for of in &estimate.calls.agents {
        rows.add_row([of.agent.clone(), count(of.agents), count(of.calls), count(of.stock_runs), count(of.polls)]);
    }
    rows
}

fn prices(estimate: &Estimate) -> comfy_table::Table {
    let mut rows = table(&["NAME", "DOLLARS", "FOR", "WHAT", "SOURCE"]);
    for of in &estimate.figures.prices {
        let per = format!("{} {}", count(of.per), of.unit);
        rows.add_row([of.id.to_owned(), of.usd.to_string(), per, of.what.to_owned(), of.source.to_owned()]);
    }
    rows
}

fn assumptions(estimate: &Estimate) -> comfy_table::Table {
    let mut rows = table(&["NAME", "NUMBER", "WHAT"]);
    for of in &estimate.figures.assumptions {
        rows.add_row([of.id.to_owned(), of.value.to_string(), of.what.to_owned()]);
    }
    rows
}

fn dollars(usd: f64) -> String {
    format!("${usd:.2}")
}

/// With commas between thousands: these numbers are read by people, and compared.
fn count(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0.0 && digits != "0" { format!("-{grouped}") } else { grouped }
}

/// The same, with a decimal where a whole number would hide what is paid for.
fn amount(number: f64) -> String {
    if number.fract() != 0.0 && number < 100.0 { format!("{number:.1}") } else { count(number) }
}

fn share(part: f64, of: f64) -> String {
    if of > 0.0 { format!("{:.1} %", 100.0 * part / of) } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0.0, "0"),
            (999.4, "999"),
            (1000.0, "1,000"),
            (12_345_678.0, "12,345,678"),
            (-1234.0, "-1,234"),
            (-0.2, "0"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!([2.35, 3.0, 1234.5].map(amount), ["2.4", "3", "1,234"]);
        assert_eq!((share(1.0, 4.0).as_str(), share(1.0, 0.0).as_str()), ("25.0 %", "-"));
    }
}
