//! Clouddriver's real agents, scheduler and cache: the harness of `harness/clouddriver`.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::http::Http;
use crate::process::{Launch, Process, folder, pause, with_free_port};
use crate::{CallError, MockAws, Redis, StartError, bridge_plugin, find};

/// Which Clouddriver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Clouddriver 5.90.0, of Spinnaker 1.36.
    Spinnaker136,
    /// Clouddriver 5.76.0, of Spinnaker 1.28.
    Spinnaker128,
}

/// Where a Clouddriver stands.
#[derive(Debug, Default, Clone, Copy)]
pub struct Place<'a> {
    /// The port of its web server, for those who must know it before it starts: see [`free_port`](crate::free_port). Any free one if `None`.
    pub port: Option<u16>,
    /// The port of the forward proxy on loopback that its AWS clients use (`aws.proxy`); the harness's own if `None`. The client of STS ignores that setting, and
    /// uses the harness's own always.
    pub aws_proxy: Option<u16>,
    /// Further Spring properties, as on its command line (`["--redis.scheduler=sort"]`).
    pub settings: &'a [&'a str],
    /// The service's URL for the bridge plugin, which Clouddriver's own plugin loader then loads; without it there is no plugin.
    pub plugin_for: Option<&'a str>,
}

/// Clouddriver's providers whose agents read AWS.
const PROVIDERS: [&str; 2] = [
    "com.netflix.spinnaker.clouddriver.aws.provider.AwsProvider",
    "com.netflix.spinnaker.clouddriver.aws.provider.AwsInfrastructureProvider",
];

/// Where Clouddriver's plugins lie, in its folder.
const PLUGINS: &str = "plugins";

/// How often [`Clouddriver::wait_for_agents`] asks. Agents take seconds for their first run.
const POLL: Duration = Duration::from_millis(250);

/// A Clouddriver that polls a mock AWS through a forward proxy of its own and keeps its cache and locks in a Redis.
///
/// It knows the accounts `prod` (123456789012) and `staging` (222222222222), both in us-west-2.
#[derive(Debug)]
pub struct Clouddriver {
    url: String,
    http: Http,
    process: Process,
    proxy: Process,
    _folder: TempDir,
}

impl Clouddriver {
    /// Starts proxy and Clouddriver, and waits until its web server answers. Agents have not run yet: see [`Clouddriver::wait_for_agents`].
    ///
    /// # Errors
    ///
    /// When its build or Java is missing, or something does not start.
    pub fn start(release: Release, aws: &MockAws, redis: &Redis) -> Result<Self, StartError> {
        Self::start_at(release, aws, redis, &Place::default())
    }

    /// Starts it with further Spring properties, as on its command line (`["--redis.scheduler=sort"]`).
    ///
    /// # Errors
    ///
    /// When its build or Java is missing, or something does not start.
    pub fn start_with(release: Release, aws: &MockAws, redis: &Redis, settings: &[&str]) -> Result<Self, StartError> {
        Self::start_at(release, aws, redis, &Place { settings, ..Place::default() })
    }

    /// Starts it at a place of the caller's choice.
    ///
    /// # Errors
    ///
    /// When its build or Java is missing, or something does not start.
    pub fn start_at(release: Release, aws: &MockAws, redis: &Redis, place: &Place<'_>) -> Result<Self, StartError> {
        let folder = folder(None)?;
        let proxy = start_proxy(aws, &folder)?;
        let own = proxy.json_line("ready")?["port"].to_string();
        let start = |port: u16| {
            let mut launch = java(release, &own, redis, &folder)?;
            launch.arguments.extend(place.settings.iter().map(|&setting| setting.to_owned()));
            if let Some(service) = place.plugin_for {
                launch.arguments.extend(install_plugin(&folder, service)?);
            }
            launch.environment.push((
                "AWS_PROXY_PORT".to_owned(),
                place.aws_proxy.map_or_else(|| own.clone(), |port| port.to_string()),
            ));
            launch.environment.push(("HARNESS_PORT".to_owned(), port.to_string()));
            Ok((port, launch.start(folder.path().join("log"))?))
        };
        let (port, process) = place.port.map_or_else(|| with_free_port(start), start)?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), http: Http::new(), process, proxy, _folder: folder })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The types of all agents that read AWS.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn agents(&self) -> Result<Vec<String>, CallError> {
        let all = self.http.get(&format!("{}/debug/agents", self.url))?;
        Ok(PROVIDERS.iter().flat_map(|&provider| strings(&all[provider])).collect())
    }

    /// The accounts that Clouddriver knows, each as its name and its AWS account's number.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn accounts(&self) -> Result<Vec<(String, String)>, CallError> {
        let all = self.http.get(&format!("{}/credentials?expand=true", self.url))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(all.as_array().into_iter().flatten().map(|one| (text(&one["name"]), text(&one["accountId"]))).collect())
    }

    /// Clouddriver's own account of each agent's last run.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn introspection(&self) -> Result<Value, CallError> {
        self.http.get(&format!("{}/cache/introspection", self.url))
    }

    /// The keys of a namespace of the cache (`"serverGroups"`).
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn keys(&self, namespace: &str) -> Result<Vec<String>, CallError> {
        Ok(strings(&self.http.get(&format!("{}/debug/cache/{namespace}?keys=true", self.url))?))
    }

    /// The namespaces of the cache that AWS agents fill.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn namespaces(&self) -> Result<Vec<String>, CallError> {
        Ok(strings(&self.http.get(&format!("{}/debug/namespaces", self.url))?))
    }

    /// All that a namespace of the cache holds, by key.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn all_cached(&self, namespace: &str) -> Result<Vec<Value>, CallError> {
        let all = self.http.get(&format!("{}/debug/cache/{namespace}", self.url))?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }

    /// What the cache holds under a key: `{"id":…,"attributes":{…},"relationships":{…}}`; `None` if nothing.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn cached(&self, namespace: &str, key: &str) -> Result<Option<Value>, CallError> {
        let url = format!("{}/debug/cache/{namespace}", self.url);
        let found = self.http.query(&url, &[("id", key)])?;
        Ok(found.as_array().and_then(|items| items.first()).cloned())
    }

    /// Has Clouddriver refresh something now, as its users and pipelines do: `POST /cache/aws/{kind}`. Gives what it says that it cached. `headers` are those
    /// that Spinnaker's services send each other, such as the user's name.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone, or its handler fails.
    pub fn refresh(&self, kind: &str, headers: &[(&str, &str)], what: &Value) -> Result<Value, CallError> {
        self.http.post_with(&format!("{}/cache/aws/{kind}", self.url), headers, what)
    }

    /// Has Clouddriver's own classes run an operation, or read what operations read before they act: `POST /debug/operations/{operation}` of
    /// `harness/clouddriver`. `headers` as for [`Clouddriver::refresh`].
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone, or the operation fails.
    pub fn operate(&self, operation: &str, headers: &[(&str, &str)], what: &Value) -> Result<Value, CallError> {
        self.http.post_with(&format!("{}/debug/operations/{operation}", self.url), headers, what)
    }

    /// Waits until every agent that reads AWS has run well once, and gives the types of those that have not after `patience`.
    ///
    /// # Errors
    ///
    /// When Clouddriver is gone.
    pub fn wait_for_agents(&self, patience: Duration) -> Result<Vec<String>, CallError> {
        let mut missing = Vec::new();
        for _ in 0..(patience.as_millis() / POLL.as_millis()) {
            let ran = self.introspection()?;
            let ran: Vec<&str> = ran.as_array().into_iter().flatten().filter_map(|one| one["id"].as_str()).collect();
            missing = self.agents()?;
            missing.retain(|agent| !ran.contains(&agent.as_str()));
            if missing.is_empty() {
                break;
            }
            pause(POLL);
        }
        Ok(missing)
    }

    /// The process id, for tests that stop or kill it.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.log_text()
    }

    /// What its proxy has logged: nothing, if all is well.
    pub fn proxy_log(&self) -> String {
        self.proxy.log_text()
    }
}

/// Puts the plugin where Clouddriver looks for it, and gives the properties that turn it on.
fn install_plugin(folder: &TempDir, service: &str) -> Result<[String; 2], StartError> {
    let plugins = folder.path().join(PLUGINS);
    let zip = bridge_plugin(Some("clouddriver.zip"))?;
    std::fs::create_dir_all(&plugins).map_err(StartError::io("make", &plugins))?;
    std::fs::copy(&zip, plugins.join("clouddriver.zip")).map_err(StartError::io("copy", &zip))?;
    Ok([
        "--spinnaker.extensibility.plugins.AwsEventCache.Bridge.enabled=true".to_owned(),
        format!("--aws-event-cache.base-url={service}"),
    ])
}

fn start_proxy(aws: &MockAws, folder: &TempDir) -> Result<Process, StartError> {
    let mut launch = Launch::new("forward proxy", find::python()?, r#""ready": true"#);
    let to = aws.url().trim_start_matches("http://").to_owned();
    launch.arguments = vec![find::harness_proxy()?.display().to_string(), "--to".to_owned(), to];
    launch.start(folder.path().join("proxy.log"))
}

fn java(release: Release, proxy: &str, redis: &Redis, folder: &TempDir) -> Result<Launch, StartError> {
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 localhost\n").map_err(StartError::io("write", &hosts))?;
    let mut launch =
        Launch::new("Clouddriver", find::program("Java", "AEC_JAVA", "java", &["/usr/bin"])?, "Started HarnessApp in");
    let mut arguments = vec!["-Xmx1g".to_owned(), "-XX:TieredStopAtLevel=1".to_owned()];
    if release == Release::Spinnaker128 {
        // Its Groovy 2.5 casts a map to Optional by reflection, and all of its agents that do so would fail to store.
        arguments.extend(["--add-opens", "java.base/java.util=ALL-UNNAMED"].map(str::to_owned));
    }
    arguments.extend([
        // Any name but localhost fails to resolve: what is not sent to the proxy goes nowhere.
        format!("-Djdk.net.hosts.file={}", hosts.display()),
        // STS ignores aws.proxy.
        "-Dhttps.proxyHost=127.0.0.1".to_owned(),
        format!("-Dhttps.proxyPort={proxy}"),
        "-Dcom.amazonaws.sdk.disableCertChecking=true".to_owned(),
        "-cp".to_owned(),
        find::harness_classpath(release)?,
        "harness.HarnessApp".to_owned(),
        "--spring.profiles.active=roles".to_owned(),
    ]);
    launch.arguments = arguments;
    launch.environment = [
        ("REDIS_URL", redis.url()),
        ("HARNESS_PLUGINS", folder.path().join(PLUGINS).display().to_string()),
        ("AWS_REGION", "us-west-2".to_owned()),
        // Or the SDK asks the metadata address, which here is nobody's or, worse, somebody's.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // Seen: 18 s on an idle machine, 60 s beside other builds.
    launch.patience = Duration::from_secs(240);
    Ok(launch)
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
