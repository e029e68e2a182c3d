//! A running Envoy, and what it tells of itself.

mod reload;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use reload::ListenerFile;
pub use reload::ReloadError;

use crate::client::Origin;
use crate::config::{Config, ConfigError};
use crate::process::{Child, Job, ProcessError, Scratch, Tool};

/// How long the start may take on a busy machine; compiling the module is the longest part.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a log line or a counter may take to appear.
const SOON: Duration = Duration::from_secs(10);

/// A running Envoy. Dropping it stops it.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    admin: String,
    url: String,
    access_log: PathBuf,
    workers: usize,
    /// The listener's file, if it has one.
    listeners: Option<ListenerFile>,
}

/// Why Envoy does not run.
#[derive(Debug, thiserror::Error)]
pub enum EnvoyError {
    /// Its folder cannot be prepared.
    #[error(
        "Envoy's temporary folder could not be prepared ({0}); make room in it or set TMPDIR to another"
    )]
    Folder(#[from] io::Error),
    /// The reference configuration has changed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It does not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What Envoy is started with besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The program.
    pub binary: &'a Path,
    /// Worker threads; each has a virtual machine of its own.
    pub workers: usize,
    /// Environment variables.
    pub environment: &'a [(&'a str, &'a str)],
    /// Reads the listener from a file, for [`Envoy::reload`]; so long, in whole seconds, connections of a listener that
    /// was replaced may live on.
    pub drain: Option<Duration>,
}

// === impl Envoy ===

impl Envoy {
    /// Starts it; ready when this comes back.
    pub fn start(tool: &Tool, setting: Setting<'_>, config: Config) -> Result<Self, EnvoyError> {
        let scratch = Scratch::new()?;
        let access_log = scratch.path().join("access.log");
        let mut config = config.with_access_log(&access_log)?;
        let mut listeners = None;
        if setting.drain.is_some() {
            let file = scratch.path().join("listeners.json");
            let (rest, text) = config.with_listeners_in(&file)?;
            listeners = Some(ListenerFile::write(file, text)?);
            config = rest;
        }
        fs::write(scratch.path().join("envoy.json"), config.to_json())?;
        let mut job = Job::new("Envoy", setting.binary)
            .args(["--config-path", "envoy.json"])
            .args(["--admin-address-path", "admin"])
            .args(["--concurrency", &setting.workers.to_string()])
            // Several may run on one machine.
            .args(["--disable-hot-restart"])
            .args(["--file-flush-interval-msec", "50"])
            .args(["--log-level", "warning"])
            .args(["--component-log-level", "wasm:info"]);
        if let Some(drain) = setting.drain {
            job = job.args(["--drain-time-s", &drain.as_secs().to_string()]);
        }
        for (name, value) in setting.environment {
            job = job.env(name, value);
        }
        let mut child = job.start(tool, scratch)?;
        let folder = child.folder().to_owned();
        let (admin, url) = child.wait_for("it was ready", PATIENCE, |_| {
            addresses(&folder.join("admin"))
        })?;
        Ok(Self {
            child,
            admin,
            url,
            access_log,
            workers: setting.workers,
            listeners,
        })
    }

    /// Reads a configuration as Envoy does when it starts, and says what is wrong with it.
    ///
    /// # Errors
    ///
    /// The outer: Envoy could not be asked. The inner: its log, when it refuses the configuration.
    pub fn validate(
        setting: Setting<'_>,
        config: &Config,
    ) -> Result<Result<(), String>, EnvoyError> {
        let (taken, log) = Self::try_out(setting, config)?;
        Ok(if taken { Ok(()) } else { Err(log) })
    }

    /// The same; tells whether it is right, and gives the log in any case.
    ///
    /// # Errors
    ///
    /// Envoy could not be asked.
    pub fn try_out(setting: Setting<'_>, config: &Config) -> Result<(bool, String), EnvoyError> {
        let scratch = Scratch::new()?;
        let file = scratch.path().join("envoy.json");
        fs::write(&file, config.to_json())?;
        let output = Command::new(setting.binary)
            .args(["--mode", "validate", "--config-path"])
            .arg(&file)
            .args(["--log-level", "warning"])
            .envs(setting.environment.iter().copied())
            .output()?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.success(), log))
    }

    /// The listener's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The admin interface's URL.
    pub fn admin_url(&self) -> &str {
        &self.admin
    }

    /// Its process; none if it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.pid()
    }

    /// Envoy's log.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// The access log, as far as it is written.
    pub fn access_log(&self) -> String {
        fs::read_to_string(&self.access_log).unwrap_or_default()
    }

    /// The value of a counter or gauge; none if there is no such.
    pub fn stat(&self, name: &str) -> Option<u64> {
        let admin = Origin::parse(&self.admin).ok()?;
        let path = format!("/stats?format=json&filter=^{name}$");
        let answer = admin.get(path).send().ok()?.json();
        let mut stats = answer.get("stats")?.as_array()?.iter();
        // A dot in the filter is any character.
        stats
            .find(|stat| stat.get("name").is_some_and(|found| found == name))?
            .get("value")?
            .as_u64()
    }

    /// How much of it is in memory, in bytes; none if it has ended.
    pub fn resident(&self) -> Option<u64> {
        self.child.resident()
    }

    /// What its own code has allocated, in bytes, without the memories of the modules; none if it does not answer.
    pub fn allocated(&self) -> Option<u64> {
        let admin = Origin::parse(&self.admin).ok()?;
        let memory = admin.get("/memory").send().ok()?.json();
        memory.get("allocated")?.as_str()?.parse().ok()
    }

    /// How often a module has failed in a virtual machine since the start.
    pub fn traps(&self) -> usize {
        // The engine's own words, once for each.
        self.log().matches("Function: ").count()
    }

    /// The first entry of the access log that `matches`, once it is written; none if none comes soon.
    pub fn access(&self, matches: impl Fn(&Value) -> bool) -> Option<Value> {
        let deadline = Instant::now() + SOON;
        loop {
            let log = self.access_log();
            let mut entries = log
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok());
            if let Some(entry) = entries.find(&matches) {
                return Some(entry);
            }
            if Instant::now() > deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The access log's bytes, so far as they are written; they need not be text.
    pub fn access_log_bytes(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.access_log)
    }

    /// Why it is no more, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ProcessError> {
        self.child.ended()
    }

    /// Asks it to end, without waiting.
    pub fn release(&mut self) {
        self.child.release();
    }
}

/// The URLs of the admin interface and of the listener, once all is ready.
fn addresses(admin_file: &Path) -> Option<(String, String)> {
    let admin = fs::read_to_string(admin_file).ok()?;
    let admin = format!("http://{}", admin.trim());
    let origin = Origin::parse(&admin).ok()?;
    let ready = origin.get("/ready").send().ok()?;
    if ready.status != 200 {
        return None;
    }
    let listeners = origin.get("/listeners?format=json").send().ok()?.json();
    let address = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let (host, port) = (address.get("address")?, address.get("port_value")?);
    let url = format!("http://{}:{}", host.as_str()?, port.as_u64()?);
    Some((admin, url))
}
