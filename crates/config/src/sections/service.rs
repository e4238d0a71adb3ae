//! `store`, `catalog` and `log`.

use std::path::PathBuf;

use crate::mistake::nearest;
use crate::scalar::{Bad, Scalar, read_words};
use crate::schema::{Default, Effect::Reload, Effect::Restart, Form, Key};
use crate::section::Section;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "store",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "What must outlive a restart: owed refreshes, overrides, audit, recent events.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "store.path",
        form: Form::Text("the path of a file"),
        default: Default::Is("/var/lib/aws-event-cache/state.redb"),
        what: "The file; its folder must be there and writable. It stays below some tens of megabytes. If it is lost everything is refreshed once.",
        when: "You keep state elsewhere.",
        effect: Restart,
    },
    Key {
        path: "catalog",
        form: Form::Section,
        default: Default::None("the shipped catalogue only"),
        what: "What is known about kinds and agents.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "catalog.folder",
        form: Form::Text("the path of a folder"),
        default: Default::None("the shipped catalogue only"),
        what: "Kinds and agents of your own (`kinds/*.yaml`, `agents/*.yaml`, `services/*.yaml`); one of a shipped name replaces it.",
        when: "A Clouddriver plugin brings its own agents, or a shipped file does not fit your Clouddriver.",
        effect: Restart,
    },
    Key {
        path: "log",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "The log, which goes to standard error.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "log.format",
        form: Form::Words(LOG_FORMATS),
        default: Default::Is("json"),
        what: "`json` for machines, `text` for people.",
        when: "You read it yourself.",
        effect: Restart,
    },
    Key {
        path: "log.level",
        form: Form::Text(
            "a level (off, error, warn, info, debug, trace), or several for parts: info,aws_event_cache_intake=debug",
        ),
        default: Default::Is("info"),
        what: "What is logged. Can also be changed at run time through the API.",
        when: "You look for something.",
        effect: Reload,
    },
];

/// The log's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For machines.
    Json,
    /// For people.
    Text,
}

read_words! {
    LOG_FORMATS for LogFormat { "json" => LogFormat::Json, "text" => LogFormat::Text }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Its form.
    pub format: LogFormat,
    /// Level, or levels of parts, in the form of tracing's `EnvFilter`.
    pub level: String,
}

/// Levels of tracing.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

struct Level(String);

impl Scalar for Level {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        for directive in text.split(',') {
            let (target, level) = directive.rsplit_once('=').unwrap_or(("", directive));
            let target_fits = target.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
            if !target_fits || !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
                let bad = Bad::new(format!("is not {}", form.describe()));
                return Err(Bad { nearest: nearest(level, LEVELS), ..bad });
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// What these sections say.
pub(crate) struct Service {
    pub(crate) store: PathBuf,
    pub(crate) catalog: Option<PathBuf>,
    pub(crate) log: LogSettings,
}

/// Reads the sections.
pub(crate) fn read(root: &Section<'_>) -> Option<Service> {
    let store = root.section("store").value("path");
    let catalog = root.section("catalog").value("folder");
    let log = root.section("log");
    let (format, level) = (log.value("format"), log.value::<Level>("level").map(|level| level.0));
    Some(Service { store: store?, catalog, log: LogSettings { format: format?, level: level? } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_taken_for_all_and_for_parts() {
        let form = Form::Text("a level");
        for text in ["info", "INFO", "warn,aws_event_cache_intake=debug", "off,a::b=trace"] {
            assert!(Level::read(text, true, &form).is_ok(), "{text}");
        }
        assert_eq!(Level::read("inof", true, &form).err().unwrap().nearest.as_deref(), Some("info"));
        for text in ["", "verbose", "a b=info", "info,"] {
            assert!(Level::read(text, true, &form).is_err(), "{text}");
        }
    }
}
