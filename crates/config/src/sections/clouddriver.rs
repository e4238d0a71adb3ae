//! `clouddriver` and `drive`: where Clouddriver is, where its agents' locks are, and what may be done to them.

use std::path::PathBuf;
use std::time::Duration;

use aws_event_cache_model::{DriveMode, StockPolling};
use url::Url;

use crate::address::HttpUrl;
use crate::scalar::{self, Bad, Scalar, read_words};
use crate::schema::{Default, Effect::Reload, Effect::Restart, Form, Key};
use crate::secret::Secret;
use crate::section::Section;
use crate::sections::answer::is_alone;
use crate::sections::intake::header_secret;

/// The keys.
pub(crate) const KEYS: &[Key] = &[
    Key {
        path: "clouddriver",
        form: Form::Section,
        default: Default::None("nothing can be driven or discovered"),
        what: "Where Clouddriver is and how it polls when left alone.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "clouddriver.url",
        form: Form::Text("an http or https URL such as http://spin-clouddriver-caching:7002"),
        default: Default::None("accounts are not discovered and on-demand calls are not made"),
        what: "Clouddriver's address. With a caching deployment of its own, that one.",
        when: "Always.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.user",
        form: Form::Text("a Spinnaker user"),
        default: Default::None("calls carry no user"),
        what: "Sent as `X-SPINNAKER-USER`, for a Clouddriver that asks Fiat who may see which account.",
        when: "Fiat is on; the user needs read access to all accounts.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore",
        form: Form::Section,
        default: Default::None("agents can neither be run nor held, only on-demand calls are made"),
        what: "How agents are run and held. Where Clouddriver's agent scheduler keeps its locks, `redis` or `sql`, whichever scheduler is on; or `plugin`, the bridge plugin in Clouddriver.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.redis",
        form: Form::Secret("a redis:// or rediss:// URL"),
        default: Default::None("the scheduler is not Redis"),
        what: "The Redis of Clouddriver's default scheduler (`redis.connection` there). It may be shared: only exact agent names are touched.",
        when: "`redis.scheduler.enabled` is true there, which it is unless the SQL scheduler is on.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.sql",
        form: Form::Text(
            "a JDBC or plain URL such as jdbc:mysql://HOST:3306/clouddriver or postgresql://HOST/clouddriver",
        ),
        default: Default::None("the scheduler is not SQL"),
        what: "The database of Clouddriver's SQL scheduler, which holds the table `cats_agent_locks`. The JDBC URL may be copied from Clouddriver; of its parameters those about TLS (`sslMode`, `useSSL` and the like) are heeded.",
        when: "`sql.scheduler.enabled` is true there.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.plugin",
        form: Form::Section,
        default: Default::None("the plugin is not used"),
        what: "Run and hold agents through the bridge plugin instead of the locks: for schedulers whose locks cannot be driven (`cats.pubsub`), or where we may not have access to the lock store. `plugin: {}` is enough where one replica of Clouddriver caches. Agents are then polled every 100 s at the least, however long the cadence.",
        when: "",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.plugin.urls",
        form: Form::Values("http or https URLs such as http://spin-clouddriver-caching-headless:7002"),
        default: Default::None("clouddriver.url"),
        what: "Every replica of Clouddriver that caches. A host name with several addresses, such as that of a headless Service, stands for a replica at each. Behind any other Service one replica is seen at a time, which is right for one replica only.",
        when: "More than one replica caches.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.plugin.secret",
        form: Form::Secret("at least 16 printable ASCII characters without spaces"),
        default: Default::None("calls carry none"),
        what: "Sent to the plugin as `X-AWS-Event-Cache-Secret` (`aws-event-cache.secret` there).",
        when: "The plugin has one.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.username",
        form: Form::Text("a user name"),
        default: Default::None("the store's default"),
        what: "The user at the lock store. In a database it needs SELECT, UPDATE and DELETE on the lock table; INSERT is optional and lets agents with long runs be held.",
        when: "The lock store asks who we are.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.password",
        form: Form::Secret("a password"),
        default: Default::None("no password"),
        what: "The user's password.",
        when: "The user has one.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.tableNamespace",
        form: Form::Text("a word of letters, digits and _"),
        default: Default::None("the table has no suffix"),
        what: "Suffix of the table (`sql.table-namespace` there).",
        when: "Clouddriver has one.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.lockStore.ca",
        form: Form::Text("the path of a PEM file"),
        default: Default::None("the system's certificate authorities"),
        what: "The certificate authority of the database, where the URL asks for its certificate to be verified (`sslMode=VERIFY_CA` or `VERIFY_IDENTITY`, `verify-ca` or `verify-full`).",
        when: "The database has a certificate of your own or of RDS.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.cacheStore",
        form: Form::Words(CACHE_STORES),
        default: Default::None("the same as the lock store, else sql"),
        what: "Where Clouddriver's cache lives; on-demand calls have different effects in the two.",
        when: "Cache and scheduler are in different stores.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.stockInterval",
        form: Form::Duration { least: 5.0, most: 3_600.0 },
        default: Default::Is("30s"),
        what: "How often Clouddriver polls by itself (`redis.poll.intervalSeconds` or `sql.agent.poll.interval-seconds` there). No agent is ever forced more often than this.",
        when: "Clouddriver is set to another interval.",
        effect: Restart,
    },
    Key {
        path: "clouddriver.stockTimeout",
        form: Form::Duration { least: 30.0, most: 7_200.0 },
        default: Default::Is("300s"),
        what: "How long a running agent's lock lasts (`redis.poll.timeoutSeconds` or `sql.agent.poll.timeout-seconds` there): it is how a running agent is told from a waiting one.",
        when: "Clouddriver is set to another time-out. A wrong value here makes running agents look idle.",
        effect: Restart,
    },
    Key {
        path: "drive",
        form: Form::Section,
        default: Default::None("its keys' defaults"),
        what: "What may be done to Clouddriver.",
        when: "",
        effect: Reload,
    },
    Key {
        path: "drive.mode",
        form: Form::Words(scalar::DRIVE_MODES),
        default: Default::Is("enforce"),
        what: "`enforce` runs and holds agents; `observe` decides and reports everything and touches nothing; `off` plans nothing.",
        when: "You try the service in production (`observe`), or want to stop it without stopping the process (`off`).",
        effect: Reload,
    },
];

/// Where Clouddriver's cache lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStore {
    /// MySQL, MariaDB or PostgreSQL.
    Sql,
    /// Redis.
    Redis,
}

read_words! {
    CACHE_STORES for CacheStore { "sql" => CacheStore::Sql, "redis" => CacheStore::Redis }
}

/// Clouddriver.
#[derive(Debug, Clone)]
pub struct ClouddriverSettings {
    /// Its address.
    pub url: Option<Url>,
    /// The user that calls name.
    pub user: Option<String>,
    /// How its agents are run and held.
    pub lock_store: Option<LockStore>,
    /// How it polls when left alone.
    pub stock: StockPolling,
    /// Where its cache lives.
    pub cache_store: CacheStore,
}

/// How Clouddriver's agents are run and held.
#[derive(Debug, Clone)]
pub enum LockStore {
    /// By their locks.
    Locks(LockStoreSettings),
    /// By the bridge plugin.
    Plugin(PluginSettings),
}

/// The bridge plugin in Clouddriver.
#[derive(Debug, Clone)]
pub struct PluginSettings {
    /// Replicas: http or https, at least one, each once.
    pub urls: Vec<Url>,
    /// What our calls prove themselves with; fits into a header.
    pub secret: Option<Secret>,
}

/// Where Clouddriver's agents' locks are.
#[derive(Debug, Clone)]
pub struct LockStoreSettings {
    /// Which scheduler's.
    pub scheduler: Scheduler,
    /// The address: for Redis checked to be `redis://` or `rediss://` (it may hold a password), for SQL as [`Scheduler::Sql`] says.
    pub url: Secret,
    /// User.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Suffix of the table, checked to be 1 to 40 letters, digits and `_`.
    pub table_namespace: Option<String>,
    /// PEM file of the database's certificate authority; it can be read.
    pub ca: Option<PathBuf>,
}

/// Clouddriver's schedulers that can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// The default Redis scheduler.
    Redis,
    /// The SQL scheduler: the URL's scheme is `mysql`, `mariadb`, `postgres` or `postgresql`, with or without `jdbc:` before it; it names a database and holds
    /// no password.
    Sql,
}

/// Address of a database, as a JDBC URL or a plain one.
struct SqlUrl(String);

impl Scalar for SqlUrl {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let bad = || Bad::new(format!("is not {}", form.describe()));
        let plain = text.strip_prefix("jdbc:").unwrap_or(text);
        let scheme = plain.split(':').next().unwrap_or_default();
        if !matches!(scheme, "mysql" | "mariadb" | "postgresql" | "postgres") {
            return Err(bad().help("Clouddriver's SQL scheduler runs on MySQL, MariaDB and PostgreSQL"));
        }
        let url = Url::parse(plain).map_err(|_| bad())?;
        let is_credential = |key: &str| ["user", "password"].iter().any(|word| key.eq_ignore_ascii_case(word));
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query_pairs().any(|(key, _)| is_credential(&key))
        {
            // Said without the value: it holds the password.
            return Err(Bad { hide: true, ..Bad::new("holds a user or password; set username and password instead") });
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad());
        }
        let database = url.path().trim_matches('/');
        if database.is_empty() || database.contains('/') {
            return Err(bad().help("the database's name must follow the host"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A suffix that becomes part of a table's name, so nothing but word characters.
struct Namespace(String);

impl Scalar for Namespace {
    fn read(text: &str, _: bool, form: &Form) -> Result<Self, Bad> {
        let valid =
            !text.is_empty() && text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if valid { Ok(Self(text.to_owned())) } else { Err(Bad::new(format!("is not {}", form.describe()))) }
    }
}

/// Reads both sections.
pub(crate) fn read(root: &Section<'_>) -> (Option<ClouddriverSettings>, Option<DriveMode>) {
    let section = root.section("clouddriver");
    let mode = root.section("drive").value::<DriveMode>("mode");
    let url = section.value::<HttpUrl>("url").map(|url| url.0);
    let user = section.value("user");
    let lock_store = lock_store(&section, url.as_ref());
    let (interval, lifetime) = (section.value::<Duration>("stockInterval"), section.value::<Duration>("stockTimeout"));
    let stock = interval.zip(lifetime).map(|(interval, timeout)| StockPolling { interval, timeout });
    if stock.is_some_and(|stock| stock.timeout <= stock.interval) {
        let (at, order) = if section.has("stockTimeout") {
            ("stockTimeout", "longer than stockInterval")
        } else {
            ("stockInterval", "shorter than stockTimeout")
        };
        section.wrong(at, format!("must be {order}, or running agents cannot be told from waiting ones"));
    }
    let of_lock_store = match &lock_store {
        Some(LockStore::Locks(LockStoreSettings { scheduler: Scheduler::Redis, .. })) => CacheStore::Redis,
        _ => CacheStore::Sql,
    };
    let cache_store = section.value("cacheStore").unwrap_or(of_lock_store);
    need(root, &section, mode, url.is_some());
    let settings = || Some(ClouddriverSettings { url, user, lock_store, stock: stock?, cache_store });
    (settings(), mode)
}

/// What must or should be there for what is wanted.
fn need(root: &Section<'_>, section: &Section<'_>, mode: Option<DriveMode>, has_url: bool) {
    let accounts = root.section("accounts");
    // Beside an answer arm that is alone, discovery is wanted only where it is asked for.
    let discover = accounts.value::<bool>("discover") == Some(true) && (accounts.has("discover") || !is_alone(root));
    if !section.has("url") && discover {
        section.wrong(
            "url",
            "must be given, since accounts.discover is on; set it, or turn discovery off and list the accounts",
        );
    } else if !section.has("url") && !section.has("lockStore") && mode.is_some_and(|mode| mode != DriveMode::Off) {
        section.wrong("url", "must be given, or clouddriver.lockStore: there is nothing to drive");
    }
    if mode == Some(DriveMode::Enforce) && !section.has("lockStore") && has_url {
        section.doubtful("lockStore", "is not set: agents can neither be run nor held, so only on-demand calls are made, and Clouddriver polls as often as before");
    }
}

/// The ways, of which one is to be given.
const WAYS: [&str; 3] = ["redis", "sql", "plugin"];

fn lock_store(section: &Section<'_>, clouddriver: Option<&Url>) -> Option<LockStore> {
    let store = section.section("lockStore");
    let locks = locks(&store);
    let plugin = plugin(&store, clouddriver);
    let given: Vec<&str> = WAYS.into_iter().filter(|way| store.has(way)).collect();
    match given[..] {
        [] => {
            if section.has("lockStore") {
                store.wrong("", "must hold redis, sql or plugin");
            }
            None
        }
        ["plugin"] => {
            for key in ["username", "password", "tableNamespace", "ca"].into_iter().filter(|key| store.has(key)) {
                store.wrong(key, "belongs to redis or sql and has no meaning for plugin");
            }
            plugin.map(LockStore::Plugin)
        }
        [_] => locks.map(LockStore::Locks),
        [first, second, ..] => {
            store.wrong(second, format!("stands beside {first}: {}", one_of(second)));
            None
        }
    }
}

fn one_of(second: &str) -> &'static str {
    match second {
        "plugin" => "give the lock store, which can hold agents longer, or the plugin where its locks cannot be driven",
        _ => "give the one whose scheduler is on in Clouddriver",
    }
}

fn plugin(store: &Section<'_>, clouddriver: Option<&Url>) -> Option<PluginSettings> {
    let plugin = store.section("plugin");
    let mut urls: Vec<Url> = Vec::new();
    for (HttpUrl(url), _) in plugin.values::<HttpUrl>("urls") {
        if urls.contains(&url) {
            plugin.wrong("urls", format!("holds {url} twice"));
        } else {
            urls.push(url);
        }
    }
    let secret = header_secret(&plugin, "secret");
    if plugin.is_empty_list("urls") {
        plugin.wrong("urls", "holds no URL; leave it out to use clouddriver.url");
    } else if store.has("plugin") && !plugin.has("urls") {
        match clouddriver {
            Some(url) => urls.push(url.clone()),
            None => plugin.wrong("urls", "must be given, or clouddriver.url: there is nothing to ask"),
        }
    }
    (!urls.is_empty()).then_some(PluginSettings { urls, secret })
}

fn locks(store: &Section<'_>) -> Option<LockStoreSettings> {
    let redis = redis(store);
    let sql = store.value::<SqlUrl>("sql").map(|url| Secret::new(url.0));
    let username = store.value("username");
    let password = store.secret("password");
    let namespace = store.value::<Namespace>("tableNamespace");
    let ca = crate::files::readable(store, "ca");
    if store.is_plain("password") {
        store.doubtful("password", "stands here in plain text; use {file: PATH} or {env: NAME}");
    }
    let (scheduler, url) = if store.has("redis") { (Scheduler::Redis, redis) } else { (Scheduler::Sql, sql) };
    if store.has("sql") && store.has("redis") {
        return None;
    }
    if scheduler == Scheduler::Redis {
        for key in ["tableNamespace", "ca"].into_iter().filter(|key| store.has(key)) {
            store.wrong(key, "belongs to sql and has no meaning for redis");
        }
    }
    Some(LockStoreSettings { scheduler, url: url?, username, password, table_namespace: namespace.map(|n| n.0), ca })
}

fn redis(store: &Section<'_>) -> Option<Secret> {
    let secret = store.secret("redis")?;
    let url =
        Url::parse(secret.expose()).ok().filter(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host());
    let Some(url) = url else {
        store.wrong("redis", "is not a redis:// or rediss:// URL such as redis://spin-redis:6379");
        return None;
    };
    if url.password().is_some() && store.is_plain("redis") {
        store.doubtful("redis", "holds a password in plain text; set password, or use {file: PATH} or {env: NAME}");
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form::Text("a JDBC URL");

    #[test]
    fn jdbc_urls_are_taken_as_clouddriver_has_them() {
        for text in [
            "jdbc:mysql://db.example:3307/clouddriver?useSSL=true&serverTimezone=UTC",
            "jdbc:mariadb://db/cd",
            "postgresql://db/cd",
        ] {
            assert_eq!(SqlUrl::read(text, true, &FORM).ok().unwrap().0, text);
        }
    }

    #[test]
    fn urls_with_credentials_without_a_database_or_of_others_are_refused() {
        for text in [
            "jdbc:mysql://u:p@db/cd",
            "jdbc:mysql://db/cd?user=a&password=b",
            "jdbc:mysql://db",
            "jdbc:h2:mem:x",
            "jdbc:oracle://db/x",
            "db",
        ] {
            assert!(SqlUrl::read(text, true, &FORM).is_err(), "{text}");
        }
        let bad = SqlUrl::read("jdbc:mysql://u:hunter2@db/cd", true, &FORM).err().unwrap();
        assert!(bad.hide);
    }
}
