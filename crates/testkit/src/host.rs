//! The hosts of `harness/hosts`: JVMs that load the bridge plugin as Gate and Clouddriver do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Launch, Process, folder};
use crate::{StartError, find};

/// Which host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// Gate's surroundings in Spinnaker 1.28: kork 7.136.0 on Spring Boot 2.2.
    GateOldest,
    /// Those of 1.38, the newest whose kork is published: 7.254.0 on Spring Boot 2.7.
    GateNewest,
    /// Those of 2025.4 and later: Spring Boot 3.5 and PF4J, with a small loader in kork's place.
    GateBoot3,
    /// Clouddriver 5.90.0's scheduler, intervals and cache, with agents whose runs tests can foresee.
    Clouddriver,
}

/// How a host is started.
#[derive(Debug, Default, Clone, Copy)]
pub struct HostSettings<'a> {
    /// What is copied into the plugin folder before the start.
    pub plugins: &'a [&'a Path],
    /// Arguments, as Spring properties on the command line (`"--aws-event-cache.base-url=http://…"`).
    pub arguments: &'a [&'a str],
    /// Arguments of the JVM itself (`"-Dname=value"`).
    pub jvm: &'a [&'a str],
    /// Added to the environment.
    pub environment: &'a [(&'a str, &'a str)],
}

/// A running host.
#[derive(Debug)]
pub struct Service {
    port: u16,
    process: Process,
    folder: TempDir,
}

/// A file of the bridge plugin as `cargo xtask setup` builds it: `None` is the bundle, else one of the zips in it (`"gate.zip"`).
///
/// # Errors
///
/// When it is not built.
pub fn bridge_plugin(zip: Option<&str>) -> Result<PathBuf, StartError> {
    find::plugin(zip.unwrap_or(concat!("AwsEventCache.Bridge-", env!("CARGO_PKG_VERSION"), ".zip")))
}

impl Host {
    fn name(self) -> &'static str {
        match self {
            Self::GateOldest => "gate-7.136.0",
            Self::GateNewest => "gate-7.254.0",
            Self::GateBoot3 => "gate-boot3",
            Self::Clouddriver => "clouddriver",
        }
    }

    fn main_class(self) -> &'static str {
        match self {
            Self::GateOldest | Self::GateNewest => "hosts.gate.GateHost",
            Self::GateBoot3 => "hosts.boot3.GateHost",
            Self::Clouddriver => "hosts.clouddriver.ClouddriverHost",
        }
    }

    /// Starts it on a free port of loopback, with the plugin switched on and no repository of plugins, and waits until its web server answers.
    ///
    /// # Errors
    ///
    /// When its build or Java is missing, or it does not start: the error holds the end of its log.
    pub fn start(self, settings: &HostSettings<'_>) -> Result<Service, StartError> {
        let folder = folder(None)?;
        let plugins = folder.path().join("plugins");
        std::fs::create_dir(&plugins).map_err(StartError::io("make", &plugins))?;
        for plugin in settings.plugins {
            let to = plugins.join(plugin.file_name().unwrap_or_default());
            std::fs::copy(plugin, &to).map_err(StartError::io("copy", *plugin))?;
        }
        let process = self.launch(settings, &plugins)?.start(folder.path().join("log"))?;
        let log = process.log_text();
        let port = port(&log).ok_or(StartError::Unexpected { name: self.name(), said: log })?;
        Ok(Service { port, process, folder })
    }

    fn launch(self, settings: &HostSettings<'_>, plugins: &Path) -> Result<Launch, StartError> {
        let java = find::program("Java", "AEC_JAVA", "java", &["/usr/bin"])?;
        // Spring's line "Started GateHost in 3.1 seconds".
        let ready = if self == Self::Clouddriver { "Started ClouddriverHost in" } else { "Started GateHost in" };
        let mut launch = Launch::new(self.name(), java, ready);
        launch.arguments = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"].map(str::to_owned).into();
        launch.arguments.extend(settings.jvm.iter().map(|&argument| argument.to_owned()));
        // As system properties: arguments come before them.
        launch.arguments.extend([
            format!("-Dspinnaker.extensibility.plugins-root-path={}", plugins.display()),
            "-Dspinnaker.extensibility.enable-default-repositories=false".to_owned(),
            "-Dspinnaker.extensibility.plugins.AwsEventCache.Bridge.enabled=true".to_owned(),
            "-cp".to_owned(),
            find::host_classpath(self.name())?,
            self.main_class().to_owned(),
        ]);
        launch.arguments.extend(settings.arguments.iter().map(|&argument| argument.to_owned()));
        launch.environment =
            settings.environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        // Seen: 4 s on an idle machine.
        launch.patience = Duration::from_secs(120);
        Ok(launch)
    }
}

impl Service {
    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All that it has logged.
    pub fn log(&self) -> String {
        self.process.log_text()
    }

    /// Its plugin folder.
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }
}

/// The port that Tomcat says it has taken: `Tomcat started on port(s): 8080 (http)`, or without `(s):`.
fn port(log: &str) -> Option<u16> {
    let after = log.rsplit_once("Tomcat started on port")?.1;
    let digits = after.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_both_forms_of_the_line() {
        assert_eq!(port("x Tomcat started on port(s): 40123 (http) with context path ''"), Some(40123));
        assert_eq!(port("x Tomcat started on port 40124 (http) with context path '/'"), Some(40124));
        assert_eq!(port("Tomcat initialized with port(s): 0 (http)"), None);
    }
}
