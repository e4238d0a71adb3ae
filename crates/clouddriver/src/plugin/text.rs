//! The words between us and the bridge plugin: lines of text with tabs between fields. Pure.
//!
//! The plugin may reference no JSON library of Clouddriver's, so both sides write lines. What it answers is read strictly, field by field; fields after those known here
//! are left to later versions of the plugin.

use std::time::Duration;

use aws_event_cache_model::{AgentName, Timestamp};

/// Longest stock interval that is believed. Clouddriver's slowest agents poll hourly or daily.
const LONGEST_STOCK: Duration = Duration::from_secs(30 * 24 * 3600);

/// So much of a line that cannot be read is shown.
const SHOWN: usize = 80;

/// What one replica says of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLine {
    /// Which agent.
    pub agent: AgentName,
    /// Its interval without us.
    pub stock: Duration,
    /// Whether it runs on this replica.
    pub running: bool,
    /// When its last run on this replica started, or the one under way; `None` if it never ran there.
    pub started: Option<Timestamp>,
    /// Whether the last run that has ended on this replica failed.
    pub failed: bool,
}

/// What a replica did with one agent that it was to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAnswer {
    /// It is at its scheduler's disposal: the next tick runs it.
    Started,
    /// It runs already, and was left alone.
    Running,
    /// The replica does not know it.
    Unknown,
    /// The replica runs no agents.
    Disabled,
}

/// A line that the plugin does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}: {shown}")]
pub struct BadLine {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: &'static str,
    /// Its beginning, with control characters escaped.
    pub shown: String,
}

/// Reads the answer to "which agents are there".
///
/// # Errors
/// [`BadLine`] at the first line that the plugin does not write: then nothing of the answer is believed.
pub fn read_agents(text: &str) -> Result<Vec<AgentLine>, BadLine> {
    lines(text).map(|(line, text)| agent(text).map_err(|why| bad(line, why, text))).collect()
}

/// Reads the answer to "run these", in the order in which they were asked for.
///
/// # Errors
/// [`BadLine`] when it is not exactly one known word for each.
pub fn read_runs(text: &str, asked: &[AgentName]) -> Result<Vec<RunAnswer>, BadLine> {
    let mut answers = vec![None; asked.len()];
    for (line, text) in lines(text) {
        let (name, answer) = run(text).map_err(|why| bad(line, why, text))?;
        let place = asked.iter().position(|agent| agent.as_str() == name);
        let place = place.ok_or_else(|| bad(line, "an agent that was not asked for", text))?;
        if answers[place].replace(answer).is_some() {
            return Err(bad(line, "an agent is answered twice", text));
        }
    }
    let missing = |agent: &AgentName| bad(0, "an agent is not answered", agent.as_str());
    answers.into_iter().zip(asked).map(|(answer, agent)| answer.ok_or_else(|| missing(agent))).collect()
}

/// The body of "run these".
pub fn write_runs(agents: &[AgentName]) -> String {
    agents.iter().map(|agent| format!("{agent}\n")).collect()
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(n, line)| (n + 1, line)).filter(|(_, line)| !line.is_empty())
}

fn agent(line: &str) -> Result<AgentLine, &'static str> {
    let mut fields = line.split('\t');
    let mut next = || fields.next().ok_or("a field is missing");
    let agent = AgentName::new(next()?).map_err(|_| "not an agent's name")?;
    let _provider = next()?;
    let stock = Duration::from_millis(next()?.parse().map_err(|_| "the interval is not a number of milliseconds")?);
    if stock.is_zero() || stock > LONGEST_STOCK {
        return Err("the interval is none that Clouddriver polls at");
    }
    let running = match next()? {
        "idle" => false,
        "running" => true,
        _ => return Err("neither idle nor running"),
    };
    let started = time(next()?)?;
    time(next()?)?;
    let failed = match next()? {
        "ok" | "-" => false,
        "failed" => true,
        _ => return Err("neither ok, failed nor -"),
    };
    Ok(AgentLine { agent, stock, running, started, failed })
}

fn run(line: &str) -> Result<(&str, RunAnswer), &'static str> {
    let mut fields = line.split('\t');
    let name = fields.next().unwrap_or_default();
    let answer = match fields.next() {
        Some("started") => RunAnswer::Started,
        Some("running") => RunAnswer::Running,
        Some("unknown") => RunAnswer::Unknown,
        Some("disabled") => RunAnswer::Disabled,
        _ => return Err("none of started, running, unknown, disabled"),
    };
    Ok((name, answer))
}

fn time(text: &str) -> Result<Option<Timestamp>, &'static str> {
    if text == "-" {
        return Ok(None);
    }
    let time = text.parse().ok().filter(|ms| *ms >= 0).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map(Some).ok_or("not a time in milliseconds")
}

fn bad(line: usize, why: &'static str, text: &str) -> BadLine {
    BadLine { line, why, shown: text.chars().take(SHOWN).flat_map(char::escape_default).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    #[test]
    fn an_agents_line_is_read_field_by_field() {
        let text = "a/eu-west-1/Widgets\ttest\t30000\tidle\t1700000000000\t1700000001000\tok\n\
                    b/eu-west-1/Widgets\ttest\t30000\trunning\t1700000000000\t-\t-\tsomething new\n\
                    c/eu-west-1/Widgets\ttest\t60000\tidle\t-\t-\tfailed\r\n";
        let read = read_agents(text).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].started, Some(Timestamp::from_second(1_700_000_000).unwrap()));
        assert!(!read[0].running && read[1].running && read[1].started.is_some());
        assert_eq!((read[2].started, read[2].failed, read[2].stock), (None, true, Duration::from_secs(60)));
    }

    #[test]
    fn a_line_that_the_plugin_does_not_write_spoils_the_answer_and_is_shown() {
        let good = "a\tp\t30000\tidle\t-\t-\tok\n";
        for (line, why) in [
            ("<html>502 Bad Gateway</html>", "missing"),
            ("a\tp\t30s\tidle\t-\t-\tok", "milliseconds"),
            ("a\tp\t0\tidle\t-\t-\tok", "polls at"),
            ("a\tp\t30000\tasleep\t-\t-\tok", "neither"),
            ("a\tp\t30000\tidle\tyesterday\t-\tok", "time"),
            ("a\tp\t30000\tidle\t-1\t-\tok", "time"),
            ("a\tp\t30000\tidle\t-\t-\tmaybe", "neither"),
            ("\tp\t30000\tidle\t-\t-\tok", "name"),
        ] {
            let error = read_agents(&format!("{good}{line}")).unwrap_err();
            assert!(error.line == 2 && error.to_string().contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn each_agent_that_was_to_be_run_is_answered_once() {
        let asked = [name("a"), name("b")];
        let read = |text| read_runs(text, &asked);
        assert_eq!(read("b\tunknown\na\tstarted\n"), Ok(vec![RunAnswer::Started, RunAnswer::Unknown]));
        assert_eq!(read("a\trunning\nb\tdisabled"), Ok(vec![RunAnswer::Running, RunAnswer::Disabled]));
        for (text, why) in [
            ("a\tstarted\n", "not answered"),
            ("a\tstarted\na\tstarted\nb\tstarted\n", "twice"),
            ("a\tstarted\nb\tstarted\nc\tstarted\n", "not asked for"),
            ("a\tdone\nb\tstarted\n", "none of"),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_reading_panic_or_shows_control_characters(text in "(?s).{0,300}") {
            if let Err(error) = read_agents(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
            if let Err(error) = read_runs(&text, &[name("a")]) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }

        #[test]
        fn what_is_written_is_one_line_for_each(count in 0usize..100) {
            let agents: Vec<AgentName> = (0..count).map(|n| name(&format!("a{n}/eu-west-1/Widgets"))).collect();
            let text = write_runs(&agents);
            prop_assert_eq!(text.lines().collect::<Vec<_>>(), agents.iter().map(AgentName::as_str).collect::<Vec<_>>());
        }
    }
}
