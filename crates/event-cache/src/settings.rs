//! From the configuration to the settings of each part. Nothing is decided here; every line carries one value from where it is written to where it is used.

pub(crate) mod answer;

use std::fs;
use std::path::{Path, PathBuf};

use aws_event_cache_api as api;
use aws_event_cache_clouddriver as clouddriver;
use aws_event_cache_config as config;
use aws_event_cache_engine::profiles::Profiles;
use aws_event_cache_intake as intake;
use aws_event_cache_model::{SpinnakerAccount, StockPolling};
use aws_event_cache_sqs as sqs;

use clouddriver::Declared;
use config::Config;

/// A value that the configuration took and another part refuses, or a file that has changed since it was checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The configuration file has mistakes.
    #[error(transparent)]
    Config(#[from] config::ConfigErrors),
    /// A file that the configuration names cannot be read.
    #[error("{key}: {} cannot be read", .file.display())]
    File {
        key: &'static str,
        file: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Clouddriver's own file cannot be understood.
    #[error("accounts.file: {} cannot be used", .file.display())]
    Yaml {
        file: PathBuf,
        #[source]
        source: clouddriver::BadYaml,
    },
    /// A part refuses a value.
    #[error("{key}")]
    Value {
        key: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SettingsError {
    /// A value that is sound by itself, but not here.
    pub(crate) fn refused(key: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::value(key, source)
    }

    fn value(key: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Value { key, source: source.into() }
    }
}

/// Reads the configuration file with the process's own environment and files.
pub(crate) fn load(file: &Path) -> Result<config::Loaded, SettingsError> {
    Ok(Config::load(file, &config::Outside::process())?)
}

/// Whether Clouddriver is asked for its accounts.
pub(crate) fn discovers(config: &Config) -> bool {
    config.accounts.discover && config.clouddriver.url.is_some()
}

/// Whether anything tells which accounts there are. The answer arm alone needs none.
pub(crate) fn expects_accounts(config: &Config) -> bool {
    discovers(config) || config.accounts.file.is_some() || !config.accounts.list.is_empty()
}

pub(crate) fn profiles(config: &Config) -> Profiles {
    Profiles { by_environment: config.profiles.clone(), fallback: config.fallback.clone() }
}

pub(crate) fn stock(config: &Config) -> StockPolling {
    config.clouddriver.stock
}

fn read(key: &'static str, file: &Path) -> Result<String, SettingsError> {
    fs::read_to_string(file).map_err(|source| SettingsError::File { key, file: file.to_owned(), source })
}

fn read_all(key: &'static str, files: &[PathBuf]) -> Result<Vec<String>, SettingsError> {
    files.iter().map(|file| read(key, file)).collect()
}

/// Accounts that the configuration lists or that Clouddriver's own file names, their environments decided as while running.
pub(crate) fn configured_accounts(config: &Config) -> Result<Vec<SpinnakerAccount>, SettingsError> {
    let (accounts, _) = clouddriver::merge(&declared(config)?, &[], &environments(config));
    Ok(accounts.iter().cloned().collect())
}

fn declared(config: &Config) -> Result<Vec<Declared>, SettingsError> {
    let mut declared: Vec<Declared> = match &config.accounts.file {
        Some(file) => {
            let text = read("accounts.file", file)?;
            let yaml = clouddriver::aws_accounts_yaml(&text)
                .map_err(|source| SettingsError::Yaml { file: file.clone(), source })?;
            yaml.warnings.iter().for_each(|warning| tracing::warn!(file = %file.display(), "{warning}"));
            yaml.accounts
        }
        None => Vec::new(),
    };
    declared.retain(|account| !config.accounts.list.iter().any(|listed| listed.name == account.name));
    declared.extend(config.accounts.list.iter().map(|account| Declared {
        name: account.name.clone(),
        provider: account.provider,
        account: account.account.clone(),
        regions: account.regions.clone(),
        environment: None,
        assume_role: account.assume_role.clone(),
        lambda: Some(account.lambda),
    }));
    Ok(declared)
}

fn environments(config: &Config) -> clouddriver::Environments {
    let rule = |pattern: &str, environment: &aws_event_cache_model::Environment| {
        let accounts = pattern.parse().ok()?;
        Some(clouddriver::EnvironmentRule { accounts, environment: environment.clone() })
    };
    let rules = config.accounts.rules.iter().filter_map(|r| rule(&r.pattern, &r.environment)).collect();
    clouddriver::Environments {
        rules,
        known: config.profiles.keys().cloned().collect(),
        fallback: config.fallback.clone(),
    }
}

/// Where the accounts come from.
pub(crate) fn accounts(
    config: &Config,
    client: Option<std::sync::Arc<clouddriver::Clouddriver>>,
) -> Result<clouddriver::AccountsSettings, SettingsError> {
    Ok(clouddriver::AccountsSettings {
        configured: declared(config)?,
        environments: environments(config),
        clouddriver: client.filter(|_| config.accounts.discover),
    })
}

/// How Clouddriver is reached.
pub(crate) fn client(config: &Config) -> Option<clouddriver::ClouddriverSettings> {
    let url = config.clouddriver.url.as_ref()?;
    Some(clouddriver::ClouddriverSettings {
        url: url.to_string(),
        user: config.clouddriver.user.clone(),
        headers: Vec::new(),
    })
}

/// Where Clouddriver's locks are. `instance` names this process in the locks that it writes.
pub(crate) fn locks(
    config: &Config,
    instance: &str,
) -> Result<Option<clouddriver::lock_store::LockStoreSettings>, SettingsError> {
    let Some(config::LockStore::Locks(store)) = &config.clouddriver.lock_store else { return Ok(None) };
    let namespace = store.table_namespace.as_deref().map(str::parse).transpose();
    Ok(Some(clouddriver::lock_store::LockStoreSettings {
        url: store.url.expose().to_owned(),
        user: store.username.clone(),
        password: store.password.as_ref().map(|password| password.expose().to_owned()),
        namespace: namespace.map_err(|source| SettingsError::value("clouddriver.lockStore.tableNamespace", source))?,
        ca_file: store.ca.clone(),
        instance: instance.to_owned(),
    }))
}

/// The bridge plugin, if that is what agents are run and held by.
pub(crate) fn plugin(config: &Config) -> Option<clouddriver::plugin::PluginSettings> {
    let Some(config::LockStore::Plugin(plugin)) = &config.clouddriver.lock_store else { return None };
    Some(clouddriver::plugin::PluginSettings {
        urls: plugin.urls.clone(),
        secret: plugin.secret.as_ref().map(|secret| secret.expose().to_owned()),
    })
}

pub(crate) fn cache_store(config: &Config) -> clouddriver::CacheStore {
    match config.clouddriver.cache_store {
        config::CacheStore::Sql => clouddriver::CacheStore::Sql,
        config::CacheStore::Redis => clouddriver::CacheStore::Redis,
    }
}

/// The rules for SNS messages.
pub(crate) fn intake(config: &Config) -> Result<intake::Settings, SettingsError> {
    let sns = &config.intake.sns;
    let topics = sns.topics.iter().map(|arn| {
        let topic = arn.as_str().parse::<intake::Topic>();
        let topic = topic.map_err(|source| SettingsError::value("intake.sns.topics", source))?;
        Ok(intake::AllowedTopic { topic, require_v2: false })
    });
    Ok(intake::Settings {
        paths: if sns.enabled { sns.paths.clone() } else { Vec::new() },
        topics: topics.collect::<Result<_, SettingsError>>()?,
        topic_accounts: sns.accounts.clone(),
        require_v2: sns.require_signature_v2,
        max_age: sns.max_age,
        strict_age: sns.too_old == config::TooOld::Refuse,
        verify_queue_envelopes: sns.verify_queue_envelopes,
        relay_secret: config.intake.relay_secret.as_ref().map(|s| intake::RelaySecret(s.expose().to_owned())),
        raw: sns.raw.as_ref().map(raw),
        endpoint_base: sns.endpoint.as_ref().map(base),
        ..intake::Settings::default()
    })
}

fn base(url: &url::Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn raw(raw: &config::RawSettings) -> intake::RawDelivery {
    intake::RawDelivery {
        path: raw.path.clone(),
        secret: raw.secret.expose().to_owned(),
        user: raw.username.clone(),
        password: raw.password.expose().to_owned(),
    }
}

/// How signing certificates are fetched and checked.
pub(crate) fn certificates(config: &Config) -> Result<intake::CertsSettings, SettingsError> {
    let certificates = &config.intake.sns.certificates;
    let pinned = certificates.pinned.iter();
    let pinned = pinned.map(|(digits, file)| Ok((digits.clone(), read("intake.sns.certificates.pinned", file)?)));
    Ok(intake::CertsSettings {
        chain: match certificates.chain {
            config::ChainCheck::Required => intake::ChainCheck::Required,
            config::ChainCheck::NameOnly => intake::ChainCheck::NameOnly,
        },
        extra_roots: read_all("intake.sns.certificates.extraRoots", &certificates.extra_roots)?,
        intermediates: read_all("intake.sns.certificates.intermediates", &certificates.intermediates)?,
        pinned: pinned.collect::<Result<_, SettingsError>>()?,
        extra_names: certificates.extra_names.clone(),
        endpoint_base: config.intake.sns.endpoint.as_ref().map(base),
        proxy: certificates.proxy.as_ref().map(ToString::to_string),
        ..intake::CertsSettings::default()
    })
}

pub(crate) fn queues(config: &Config) -> Vec<sqs::QueueSettings> {
    config.intake.queues.iter().map(queue).collect()
}

fn queue(queue: &config::QueueSettings) -> sqs::QueueSettings {
    sqs::QueueSettings {
        region: Some(queue.region.clone()),
        endpoint: queue.endpoint.as_ref().map(base),
        role: queue
            .assume_role
            .as_ref()
            .map(|arn| sqs::AssumeRole { arn: arn.clone(), external_id: queue.external_id.clone() }),
        visibility: queue.visibility,
        batches: usize::try_from(queue.batches).unwrap_or(usize::MAX),
        ..sqs::QueueSettings::new(queue.url.as_str())
    }
}

pub(crate) fn tokens(config: &Config) -> Result<api::Tokens, SettingsError> {
    let token = |token: &config::TokenSettings| {
        let role = match token.role {
            config::Role::Read => api::Role::Read,
            config::Role::Refresh => api::Role::Refresh,
            config::Role::Operate => api::Role::Operate,
            config::Role::Admin => api::Role::Admin,
        };
        api::Token::new(&token.name, role, &token.sha256)
    };
    let tokens = config.server.tokens.iter().map(token).collect::<Result<Vec<_>, _>>();
    tokens.and_then(api::Tokens::new).map_err(|source| SettingsError::value("server.tokens", source))
}

pub(crate) fn api(config: &Config) -> api::Settings {
    api::Settings {
        scheme: if config.server.tls.is_some() { api::Scheme::Https } else { api::Scheme::Http },
        trusted_proxies: config.server.trusted_proxies.clone(),
        open_health: config.server.open_health,
        open_metrics: config.server.open_metrics,
    }
}
