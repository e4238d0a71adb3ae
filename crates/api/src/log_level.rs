//! The log level, which can be turned while the service runs, and the installation of the log itself.

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, fmt as log_format, reload};
use utoipa::ToSchema;

use crate::audit::{self, Action};
use crate::body::{Body, Fields};
use crate::error::{ApiError, Invalid, nearest};
use crate::refresh::Asked;
use crate::state::ApiState;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Most parts of one log level: enough to name every crate of ours, too few to slow every log line down.
const PARTS_LIMIT: usize = 32;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A checked log level: `info`, or `info,aws_event_cache_engine=debug`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLevel {
    text: String,
    targets: Targets,
}

/// A log level that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is not a log level: write off, error, warn, info, debug or trace, or module=level, joined by commas")]
pub struct BadLogLevel {
    /// The part that is wrong.
    pub part: String,
    /// The level that was most likely meant.
    pub nearest: Option<String>,
}

impl FromStr for LogLevel {
    type Err = BadLogLevel;

    /// Stricter than the log library, which takes a misspelt level for the name of a module and then logs everything of it.
    fn from_str(text: &str) -> Result<Self, BadLogLevel> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let all = &parts[..parts.len().min(PARTS_LIMIT + 1)];
        for (n, part) in all.iter().enumerate() {
            let (module, level) = part.split_once('=').map_or((None, *part), |(module, level)| (Some(module), level));
            let named = module
                .is_none_or(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b)));
            if n == PARTS_LIMIT || !named || !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
                return Err(BadLogLevel { part: crate::error::cut(part), nearest: nearest(level, LEVELS) });
            }
        }
        let targets =
            Targets::from_str(text).map_err(|_| BadLogLevel { part: crate::error::cut(text), nearest: None })?;
        Ok(Self { text: parts.join(","), targets })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

type Turn = dyn Fn(Targets) -> Result<(), reload::Error> + Send + Sync;

/// Turns the log level. Cheap to clone; all clones turn the same log.
#[derive(Clone)]
pub struct Handle {
    now: Arc<RwLock<LogLevel>>,
    turn: Arc<Turn>,
}

impl Handle {
    /// The level now.
    pub fn level(&self) -> LogLevel {
        self.now.read().clone()
    }

    /// Turns it; log lines from now on follow.
    ///
    /// # Errors
    /// [`reload::Error`] when the log is gone, at the end of the process.
    pub fn set(&self, level: LogLevel) -> Result<(), reload::Error> {
        let mut now = self.now.write();
        (self.turn)(level.targets.clone())?;
        *now = level;
        Ok(())
    }
}

/// A filter for a log of one's own, and the handle that turns it.
pub fn filter<S: Subscriber>(level: LogLevel) -> (reload::Layer<Targets, S>, Handle) {
    let (layer, reload) = reload::Layer::new(level.targets.clone());
    let turn = Arc::new(move |targets| reload.reload(targets));
    (layer, Handle { now: Arc::new(RwLock::new(level)), turn })
}

/// Installs this process's log, written to standard error so that a command's own output stays clean.
///
/// # Errors
/// [`TryInitError`] when a log is installed already.
pub fn install(format: LogFormat, level: LogLevel) -> Result<Handle, TryInitError> {
    let (filter, handle) = filter(level);
    tracing_subscriber::registry().with(writer(format, std::io::stderr).with_filter(filter)).try_init()?;
    Ok(handle)
}

fn writer<S, W>(format: LogFormat, to: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Colours are for a person's terminal; in a file or a collector they are noise.
    let writer = log_format::layer().with_writer(to).with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => writer.boxed(),
        LogFormat::Json => writer.json().flatten_event(true).with_span_list(false).boxed(),
    }
}

/// The log level.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LevelBody {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, or `module=level`, joined by commas.
    #[schema(example = "info,aws_event_cache_engine=debug")]
    level: String,
}

impl Fields for LevelBody {
    const FIELDS: &'static [&'static str] = &["level"];
}

/// The log level now
#[utoipa::path(get, path = "/v1/log-level", operation_id = "getLogLevel", tag = "service", responses((status = 200, description = "The level", body = LevelBody)))]
pub(crate) async fn show(State(state): State<ApiState>) -> Json<LevelBody> {
    Json(LevelBody { level: state.log_level().level().to_string() })
}

/// Turn the log level
///
/// Until the next restart.
#[utoipa::path(put, path = "/v1/log-level", operation_id = "setLogLevel", tag = "service", request_body = LevelBody, responses(
    (status = 200, description = "Log lines follow from now on", body = LevelBody),
))]
pub(crate) async fn set(
    State(state): State<ApiState>,
    asked: Asked,
    Body(body): Body<LevelBody>,
) -> Result<Json<LevelBody>, ApiError> {
    let level: LogLevel = body
        .level
        .parse()
        .map_err(|bad: BadLogLevel| Invalid::new("level", bad.to_string()).value(&bad.part).nearest(bad.nearest))?;
    let text = level.to_string();
    audit::note(&state, &asked, None, Action::LogLevel, format!("from {} to {text}", state.log_level().level())).await;
    state
        .log_level()
        .set(level)
        .map_err(|error| ApiError::Unavailable(format!("the log cannot be turned: {error}")))?;
    Ok(Json(LevelBody { level: text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_levels_of_modules_are_taken() {
        for good in ["info", "WARN", "off", "info,aws_event_cache_engine=debug", "warn, a::b=trace"] {
            assert!(good.parse::<LogLevel>().is_ok(), "{good}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_with_the_nearest_one() {
        let bad = "info,engine=debgu".parse::<LogLevel>().unwrap_err();
        assert_eq!((bad.part.as_str(), bad.nearest.as_deref()), ("engine=debgu", Some("debug")));
        for bad in ["", "inf0", ",", "=info", "a b=info", "a=b=info", &"info,".repeat(100)] {
            assert!(bad.parse::<LogLevel>().is_err(), "{bad}");
        }
    }

    #[test]
    fn turning_the_level_changes_what_is_logged() {
        let (filter, handle) = filter("info".parse().unwrap());
        let subscriber =
            tracing_subscriber::registry().with(log_format::layer().with_writer(std::io::sink).with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            assert!(!tracing::enabled!(tracing::Level::DEBUG));
            handle.set("debug".parse().unwrap()).unwrap();
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            assert_eq!(handle.level().to_string(), "debug");
        });
    }

    #[test]
    fn a_json_log_is_one_object_a_line_whatever_is_logged() {
        let written = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let to = Arc::clone(&written);
        let subscriber = tracing_subscriber::registry().with(writer(LogFormat::Json, move || Sink(Arc::clone(&to))));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(who = "a\nb\"c", "first\nline");
            tracing::info!("second");
        });
        let text = String::from_utf8(written.lock().clone()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((lines.len(), &lines[0]["level"], &lines[0]["who"]), (2, &"WARN".into(), &"a\nb\"c".into()));
    }

    struct Sink(Arc<parking_lot::Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
