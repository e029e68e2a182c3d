//! Where and when something was measured.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

use super::cpu::Cores;
use super::{contest::Times, load, pace};

/// What a figure depends on besides the programs. Displayed in a sentence or two.
#[derive(Debug, Serialize)]
pub(super) struct Conditions {
    /// UTC, `2026-11-23`.
    date: String,
    processor: String,
    /// How many there are.
    cores: usize,
    kernel: String,
    /// As it says itself.
    envoy: String,
    command: String,
    /// How it was measured, in words.
    method: String,
}

// === impl Conditions ===

impl Conditions {
    pub(super) fn now(envoy: &Path, cores: Option<Cores>, rounds: usize, times: Times) -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let models = processors.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        let models: Vec<String> = models.collect();
        Self {
            date: today(),
            processor: models
                .first()
                .cloned()
                .unwrap_or_else(|| "unknown".to_owned()),
            cores: models.len(),
            kernel: kernel.trim().to_owned(),
            envoy: version(envoy),
            command: command(),
            method: method(cores, rounds, times),
        }
    }
}

impl std::fmt::Display for Conditions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{}: {} cores of {}, Linux {}, Envoy {}, `{}`. {}",
            self.date,
            self.cores,
            self.processor,
            self.kernel,
            self.envoy,
            self.command,
            self.method
        )
    }
}

fn method(cores: Option<Cores>, rounds: usize, times: Times) -> String {
    let place = match cores {
        Some(cores) => format!(
            "Envoy on core {}, the load on core {}",
            cores.envoy, cores.load
        ),
        None => "Envoy and the load on the same core".to_owned(),
    };
    let latency = if times.paced.is_zero() {
        String::new()
    } else {
        format!(
            ", latency in as many of {} s at {} requests a second",
            times.paced.as_secs_f64(),
            pace::RATE
        )
    };
    format!(
        "Medians of {rounds} rounds of {} s{latency}; one worker, {} connections, {place}; Envoy answers itself \
         (direct response).",
        times.busy.as_secs_f64(),
        load::CONNECTIONS,
    )
}

/// `1.40.0` of `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`.
fn version(envoy: &Path) -> String {
    let output = Command::new(envoy).arg("--version").output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    let version = said.split_once("version: ").map(|(_, rest)| rest);
    let number = version.and_then(|version| version.split('/').nth(1));
    number.unwrap_or("unknown").to_owned()
}

/// As it would be written here, without the program's folder.
fn command() -> String {
    let arguments: Vec<_> = env::args().skip(1).collect();
    ["cargo tollgate", &arguments.join(" ")].join(" ")
}

/// `2026-11-23`; by UTC.
fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}
