//! SIGHUP: reads the configuration again and passes on what can change while running. A file with mistakes changes nothing.

use std::path::Path;

use aws_event_cache_api::check_listener;
use aws_event_cache_config::Config;
use aws_event_cache_config::schema::Effect;

use super::parts::Service;
use crate::settings::{self, SettingsError};

pub(crate) async fn reload(service: &Service, file: &Path) {
    match try_reload(service, file).await {
        Ok(changed) if changed.is_empty() => tracing::info!("the configuration was read again; nothing has changed"),
        Ok(changed) => tracing::info!(changed = changed.join(", "), "the configuration was read again"),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the configuration stays as it was");
        }
    }
}

/// The keys that took effect.
async fn try_reload(service: &Service, file: &Path) -> Result<Vec<String>, SettingsError> {
    let loaded = settings::load(file)?;
    let (old, new) = (service.config(), loaded.config);
    // Everything that can fail comes first, so that a reload is done as a whole or not at all.
    let accounts = settings::accounts(&new, service.client.clone())?;
    let tokens = settings::tokens(&new)?;
    check_listener(old.server.listen, &tokens).map_err(|error| SettingsError::refused("server.tokens", error))?;
    let level = new.log.level.parse();
    let level = level
        .map_err(|error: aws_event_cache_api::log_level::BadLogLevel| SettingsError::refused("log.level", error))?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let mut changed = Vec::new();
    for change in Config::reloadable_difference(&old, &new) {
        match change.effect {
            Effect::Restart => tracing::warn!(key = change.key, "this key takes effect at the next start"),
            Effect::Reload => changed.push(change.key),
        }
    }
    service.feed.set(accounts);
    service.engine.set_profiles(settings::profiles(&new));
    service.environments.send_replace(new.profiles.keys().cloned().collect());
    service.state.set_tokens(tokens);
    if service.log.set(level).is_err() {
        tracing::warn!("the log level could not be turned");
    }
    // The switch goes first: from then on nothing is touched that the new mode forbids.
    service.mode.send_replace(new.mode);
    service.engine.set_mode(new.mode);
    match &service.arm {
        Some(arm) => arm.set(&new.answer).await,
        None if new.answer.mode.is_some() => tracing::warn!(
            key = "answer.mode",
            "the answer arm was off at the start, so it takes effect at the next one"
        ),
        None => {}
    }
    service.set_config(new);
    Ok(changed)
}
