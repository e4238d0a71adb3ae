//! Where the lock store is: the URLs that Spinnaker's users have in their files, JDBC's among them.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use reqwest::Url;
use sqlx::ConnectOptions;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The forms taken, for errors.
const FORMS: &str = "redis://, rediss://, mysql://, mariadb://, jdbc:mysql://, jdbc:mariadb://, postgresql://, postgres:// or jdbc:postgresql://";

/// Settings of the lock store.
#[derive(Clone, Default)]
pub struct LockStoreSettings {
    /// `redis://`, `rediss://`, `mysql://`, `mariadb://`, `postgres://`, `postgresql://`, the last four also as `jdbc:`.
    pub url: String,
    /// User name, where the URL has none (Clouddriver: `sql.connectionPools.default.user`).
    pub user: Option<String>,
    /// Password, where the URL has none.
    pub password: Option<String>,
    /// `sql.table-namespace` of Clouddriver, if it is set there.
    pub namespace: Option<Namespace>,
    /// A PEM file with the certificate authority of the database, for `sslmode=verify-ca` and `verify-full`. Redis uses the machine's.
    pub ca_file: Option<std::path::PathBuf>,
    /// Names this process in the locks it writes, such as host name and process id.
    pub instance: String,
}

impl fmt::Debug for LockStoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("LockStoreSettings").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Clouddriver's `sql.table-namespace`, safe as a part of an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(String);

impl FromStr for Namespace {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let fits = (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(BadAddress::Namespace(text.chars().take(80).collect())) }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Settings that make no sense. The URL is never shown whole, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// The URL has another form.
    #[error("the lock store's URL begins with {0:?}; it must begin with {FORMS}")]
    Form(String),
    /// It begins well, but cannot be read as a URL.
    #[error("the lock store's URL cannot be read: {0}")]
    Url(String),
    /// A database URL without a database.
    #[error(
        "the lock store's URL names no database: add /clouddriver, or how Clouddriver's database is called, after the host"
    )]
    NoDatabase,
    /// A namespace that is not an identifier.
    #[error("the lock store's table namespace {0:?} is not 1 to 40 letters, digits and underscores")]
    Namespace(String),
    /// A TLS mode that is unknown.
    #[error("the lock store's URL: {0:?} is not a TLS mode (disable, prefer, require, verify-ca, verify-full)")]
    TlsMode(String),
}

/// A lock store's address, ready to connect.
pub enum Address {
    /// Redis or Valkey.
    Redis(Url),
    /// MySQL or MariaDB.
    MySql(Box<MySqlConnectOptions>),
    /// PostgreSQL.
    Postgres(Box<PgConnectOptions>),
}

impl LockStoreSettings {
    /// Reads the URL.
    ///
    /// # Errors
    /// [`BadAddress`] when it has another form than those listed there.
    pub fn address(&self) -> Result<Address, BadAddress> {
        let text = self.url.trim();
        let (scheme, _) = text.split_once("://").ok_or_else(|| BadAddress::Form(shown(text)))?;
        match scheme {
            "redis" | "rediss" => Ok(Address::Redis(self.parse(text)?)),
            "mysql" | "mariadb" | "jdbc:mysql" | "jdbc:mariadb" => self.mysql(text),
            "postgres" | "postgresql" | "jdbc:postgresql" => self.postgres(text),
            other => Err(BadAddress::Form(shown(other))),
        }
    }

    /// The URL with user and password of their own fields filled in, and those of JDBC's parameters.
    fn parse(&self, text: &str) -> Result<Url, BadAddress> {
        let plain = text.strip_prefix("jdbc:").unwrap_or(text);
        let mut url = Url::parse(plain).map_err(|e| BadAddress::Url(e.to_string()))?;
        let parameter =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let (user, password) = (parameter("user"), parameter("password"));
        let cannot = |()| BadAddress::Url("it has no host".to_owned());
        if let Some(user) = self.user.clone().or(user).filter(|_| url.username().is_empty()) {
            url.set_username(&user.replace('%', "%25")).map_err(cannot)?;
        }
        if let Some(password) = self.password.clone().or(password).filter(|_| url.password().is_none()) {
            // The rest of what must be escaped, the setter escapes itself.
            url.set_password(Some(&password.replace('%', "%25"))).map_err(cannot)?;
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BadAddress::Url("it has no host".to_owned()));
        }
        Ok(url)
    }

    fn mysql(&self, text: &str) -> Result<Address, BadAddress> {
        let url = self.parse(text)?;
        let mut options = MySqlConnectOptions::new().host(host(&url)).port(url.port().unwrap_or(3306));
        options = options.database(&database(&url)?).ssl_mode(mysql_tls(&url)?);
        if !url.username().is_empty() {
            options = options.username(&decoded(url.username()));
        }
        if let Some(password) = url.password() {
            options = options.password(&decoded(password));
        }
        if let Some(file) = &self.ca_file {
            options = options.ssl_ca(file);
        }
        Ok(Address::MySql(Box::new(options.disable_statement_logging())))
    }

    fn postgres(&self, text: &str) -> Result<Address, BadAddress> {
        let url = self.parse(text)?;
        // Without the environment's PG* variables and ~/.pgpass: only what the configuration says.
        let mut options = PgConnectOptions::new_without_pgpass().host(host(&url)).port(url.port().unwrap_or(5432));
        options = options.database(&database(&url)?).ssl_mode(postgres_tls(&url)?);
        if !url.username().is_empty() {
            options = options.username(&decoded(url.username()));
        }
        if let Some(password) = url.password() {
            options = options.password(&decoded(password));
        }
        if let Some(file) = &self.ca_file {
            options = options.ssl_root_cert(Path::new(file));
        }
        if let Some(schema) = parameter(&url, &["currentSchema"]) {
            options = options.options([("search_path", schema)]);
        }
        Ok(Address::Postgres(Box::new(options.disable_statement_logging())))
    }
}

/// A scheme, or what stands in its place: cut, and without what may be a password.
fn shown(text: &str) -> String {
    text.split(['@', '/']).next().unwrap_or_default().chars().take(40).collect()
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

fn database(url: &Url) -> Result<String, BadAddress> {
    let name = url.path().trim_matches('/');
    if name.is_empty() { Err(BadAddress::NoDatabase) } else { Ok(decoded(name)) }
}

fn parameter(url: &Url, names: &[&str]) -> Option<String> {
    let (_, value) = url.query_pairs().find(|(key, _)| names.iter().any(|name| key.eq_ignore_ascii_case(name)))?;
    Some(value.into_owned())
}

/// MySQL's and MariaDB's JDBC parameters, of several generations.
fn mysql_tls(url: &Url) -> Result<MySqlSslMode, BadAddress> {
    if let Some(mode) = parameter(url, &["sslmode", "ssl-mode"]) {
        return match tls_word(&mode).as_str() {
            "disable" | "disabled" => Ok(MySqlSslMode::Disabled),
            "prefer" | "preferred" => Ok(MySqlSslMode::Preferred),
            "require" | "required" | "trust" => Ok(MySqlSslMode::Required),
            "verifyca" => Ok(MySqlSslMode::VerifyCa),
            "verifyfull" | "verifyidentity" => Ok(MySqlSslMode::VerifyIdentity),
            _ => Err(BadAddress::TlsMode(mode)),
        };
    }
    let is = |names, value: &str| parameter(url, names).is_some_and(|v| v.eq_ignore_ascii_case(value));
    Ok(match () {
        () if is(&["useSSL"], "false") => MySqlSslMode::Disabled,
        () if is(&["verifyServerCertificate"], "true") => MySqlSslMode::VerifyCa,
        () if is(&["requireSSL"], "true") || is(&["useSSL"], "true") => MySqlSslMode::Required,
        () => MySqlSslMode::Preferred,
    })
}

fn postgres_tls(url: &Url) -> Result<PgSslMode, BadAddress> {
    let Some(mode) = parameter(url, &["sslmode"]) else {
        let required = parameter(url, &["ssl"]).is_some_and(|v| v != "false");
        return Ok(if required { PgSslMode::Require } else { PgSslMode::Prefer });
    };
    match tls_word(&mode).as_str() {
        "disable" => Ok(PgSslMode::Disable),
        "allow" => Ok(PgSslMode::Allow),
        "prefer" => Ok(PgSslMode::Prefer),
        "require" => Ok(PgSslMode::Require),
        "verifyca" => Ok(PgSslMode::VerifyCa),
        "verifyfull" => Ok(PgSslMode::VerifyFull),
        _ => Err(BadAddress::TlsMode(mode)),
    }
}

fn tls_word(mode: &str) -> String {
    mode.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase()
}

/// Undoes `%xx`. Bytes that are no text are kept out rather than guessed.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        let hex = (first == b'%').then(|| tail.get(..2)).flatten().and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> LockStoreSettings {
        LockStoreSettings { url: url.to_owned(), ..LockStoreSettings::default() }
    }

    #[test]
    fn jdbc_urls_of_mysql_and_mariadb_are_taken_as_they_stand_in_clouddrivers_file() {
        for url in [
            "jdbc:mysql://db.example.com:3307/clouddriver?useSSL=false&useUnicode=true",
            "jdbc:mariadb://db.example.com:3307/clouddriver",
            "mysql://db.example.com:3307/clouddriver",
        ] {
            let mut settings = settings(url);
            settings.user = Some("clouddriver_service".to_owned());
            settings.password = Some("p@ss/w:rd%41".to_owned());
            let Ok(Address::MySql(options)) = settings.address() else { panic!("{url}") };
            assert_eq!((options.get_host(), options.get_port()), ("db.example.com", 3307));
            assert_eq!(options.get_database(), Some("clouddriver"));
            assert_eq!(options.get_username(), "clouddriver_service");
            let text = options.to_url_lossy();
            assert_eq!(decoded(text.password().unwrap()), "p@ss/w:rd%41");
        }
    }

    #[test]
    fn user_and_password_may_stand_in_the_url_or_in_jdbcs_parameters() {
        for url in [
            "postgresql://user:secret@db:5433/clouddriver?sslmode=require",
            "jdbc:postgresql://db:5433/clouddriver?user=user&password=secret&sslmode=require",
        ] {
            let Ok(Address::Postgres(options)) = settings(url).address() else { panic!("{url}") };
            assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("db", 5433, "user"));
            assert_eq!(options.get_database(), Some("clouddriver"));
            assert!(matches!(options.get_ssl_mode(), PgSslMode::Require));
        }
    }

    #[test]
    fn the_url_in_the_file_wins_over_the_separate_user() {
        let mut settings = settings("redis://:inurl@redis:6380/2");
        settings.password = Some("other".to_owned());
        let Ok(Address::Redis(url)) = settings.address() else { panic!() };
        assert_eq!(url.as_str(), "redis://:inurl@redis:6380/2");
    }

    #[test]
    fn what_is_no_lock_store_is_refused_with_the_forms_and_without_the_password() {
        for url in ["http://user:secret@host/x", "jdbc:h2:mem:x", "user:secret@host", "jdbc:mysql:loadbalance://a,b/c"]
        {
            let Err(error) = settings(url).address() else { panic!("{url}") };
            assert!(error.to_string().contains("jdbc:mysql://") && !error.to_string().contains("secret@"), "{error}");
        }
        assert!(matches!(settings("mysql://host").address(), Err(BadAddress::NoDatabase)));
        assert!(matches!(settings("mysql://h/d?sslMode=maybe").address(), Err(BadAddress::TlsMode(_))));
    }

    #[test]
    fn a_namespace_is_an_identifier_or_refused() {
        assert_eq!("blue_2".parse::<Namespace>().unwrap().to_string(), "blue_2");
        for bad in ["", "a-b", "x; DROP TABLE", "a`", "é", &"x".repeat(41)] {
            assert!(bad.parse::<Namespace>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tls_modes_of_every_jdbc_generation_are_understood() {
        let mode = |query: &str| mysql_tls(&Url::parse(&format!("mysql://h/d{query}")).unwrap()).unwrap();
        assert!(matches!(mode(""), MySqlSslMode::Preferred));
        assert!(matches!(mode("?useSSL=false"), MySqlSslMode::Disabled));
        assert!(matches!(mode("?useSSL=true&requireSSL=true"), MySqlSslMode::Required));
        assert!(matches!(mode("?sslMode=VERIFY_IDENTITY"), MySqlSslMode::VerifyIdentity));
        assert!(matches!(mode("?sslMode=verify-ca"), MySqlSslMode::VerifyCa));
    }
}
