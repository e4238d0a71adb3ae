//! The answer arm's part of the configuration, for its crates.

use aws_event_cache_answer as answer;
use aws_event_cache_clock::Clock;
use aws_event_cache_config::AnswerSettings;
use aws_event_cache_proxy as proxy;
use url::Url;

use super::SettingsError;

/// What is kept, and for how long.
pub(crate) fn answers(config: &AnswerSettings) -> answer::Settings {
    answer::Settings {
        capacity: config.memory,
        largest: config.largest_answer,
        admission: config.admission,
        stale_if_error: config.stale_if_error,
        accounts_of_keys: config.keys.iter().map(|(key, account)| (key.into(), account.clone())).collect(),
    }
}

/// The listener, and the way to AWS.
pub(crate) fn proxy(config: &AnswerSettings) -> Result<proxy::Settings, SettingsError> {
    let credentials = config.credentials.as_ref().map(|credentials| proxy::ProxyCredentials {
        username: credentials.username.clone(),
        password: credentials.password.expose().to_owned(),
    });
    let way_out = config.upstream.proxy.as_ref().map(|url| Url::parse(url.expose())).transpose();
    Ok(proxy::Settings {
        hosts: proxy::HostRules {
            extra_suffixes: config.hosts.suffixes.clone(),
            tunnel: config.hosts.tunnel.clone(),
            tunnel_private: config.hosts.tunnel_private.clone(),
        },
        upstream: proxy::UpstreamSettings {
            endpoint: config.upstream.endpoint.clone(),
            proxy: way_out.map_err(|source| SettingsError::value("answer.upstream.proxy", source))?,
            extra_roots: config.upstream.roots.clone(),
            ..proxy::UpstreamSettings::default()
        },
        authority: config.ca.clone(),
        tls_names: config.names.clone(),
        credentials,
        budget: budget(config),
        ..proxy::Settings::new(config.listen)
    })
}

/// Everything that starting would refuse, without opening anything.
pub(crate) fn check(config: &AnswerSettings) -> Result<(), SettingsError> {
    if config.mode.is_none() {
        return Ok(());
    }
    proxy(config)?;
    if let Some(folder) = &config.ca {
        let shown = proxy::ca::show(folder, Clock::wall().now());
        let shown = shown.map_err(|source| SettingsError::value("answer.ca", source))?;
        let wanted = config.names.iter().chain(&config.hosts.suffixes);
        if let Some(name) = wanted.into_iter().find(|name| !may_sign(&shown.current.names, name)) {
            return Err(SettingsError::value("answer.ca", proxy::ca::CaError::NotPermitted(name.clone())));
        }
    }
    Ok(())
}

/// Whether one of the permitted names covers this one. Addresses are left to the start.
fn may_sign(permitted: &[String], name: &str) -> bool {
    let covers = |of: &String| name == of || name.strip_suffix(of.as_str()).is_some_and(|rest| rest.ends_with('.'));
    name.parse::<std::net::IpAddr>().is_ok() || permitted.iter().any(covers)
}

/// How much of AWS's rates forwarded calls may use.
pub(crate) fn budget(config: &AnswerSettings) -> proxy::BudgetSettings {
    proxy::BudgetSettings { share: config.budget.share, hold: config.budget.hold }
}
