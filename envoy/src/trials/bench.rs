//! `tollgate bench`: what a verified token costs, beside Envoy's own filter for JWTs.
//!
//! It counts Envoy's CPU time and not requests a second, because the machine may be busy with other things, and
//! compares only what was measured within the same few seconds.

mod arms;
mod contest;
mod cpu;
mod load;
mod noop;
mod report;
mod requests;
mod statistics;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use arms::{ARMS, Arm, Counting, Filter, Tokens};
pub use load::LoadError;
pub use report::Report;

use crate::build::{self, BuildError};
use crate::envoy::EnvoyError;
use crate::issuer::{Issuer, IssuerError};
use crate::process::Tool;
use crate::progress::Progress;
use crate::tools::{ToolError, Tools};
use contest::Setup;
use cpu::Cores;
use requests::Requests;

/// Measures what a verified token costs in Envoy's CPU time, beside Envoy's own filter, and prints a table
#[derive(Debug, clap::Args)]
pub struct Bench {
    /// How often each arm has its turn
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long a turn takes
    #[arg(long, value_name = "SECONDS", default_value = "0.75", value_parser = seconds)]
    seconds: Duration,
    /// Only the arms whose names contain one of these, and the one without a filter
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    arms: Vec<String>,
    /// Writes everything that was measured to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Before the first round, in turns: V8 compiles what is called often a second time.
const WARM_UP: usize = 4;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the first are the parts' own errors")]
pub enum BenchError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// No arm is called so.
    #[error("--arms {0}: no arm has that in its name; there are: {names}", names = names())]
    NoArm(String),
    /// An arm's filter does not do its work, so that its time says nothing.
    #[error(
        "{arm}: a token with a forged signature was answered with status {found}, where {expected} was expected; the filter is not what it should be"
    )]
    Forged {
        arm: &'static str,
        found: u16,
        expected: u16,
    },
    /// An arm answered wrongly while it was measured.
    #[error("{arm}: {problem}; nothing was measured")]
    Answer {
        arm: &'static str,
        problem: LoadError,
    },
    /// Its Envoy ended, or a thread of it, whose time is lost.
    #[error("{0}: Envoy's process, or a thread of it, is no more")]
    Gone(&'static str),
    /// A file or a call to the system.
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: io::Error,
    },
}

// === impl Bench ===

impl Bench {
    /// Runs it.
    pub fn run(self, tool: &Tool) -> Result<Report, BenchError> {
        let arms = chosen(&self.arms)?;
        let module = build::filter(&Progress::new())?;
        let report = measure(tool, &module, &arms, self.rounds.into(), self.seconds)?;
        if let Some(file) = &self.json {
            write(file, &report).map_err(system("the JSON file cannot be written"))?;
        }
        Ok(report)
    }
}

/// Measures these arms, so many rounds with turns of this length, with the filter's module at `module`.
pub fn measure(
    tool: &Tool,
    module: &Path,
    arms: &[Arm],
    rounds: usize,
    time: Duration,
) -> Result<Report, BenchError> {
    let progress = Progress::new();
    let envoy = Tools::new(progress.clone()).envoy()?;
    let issuer = Issuer::start()?;
    let requests = progress.step("signing tokens", || Requests::new(&issuer));
    let cores = Cores::choose();
    let setup = Setup {
        tool,
        envoy: &envoy,
        module,
        issuer: &issuer,
        cores,
    };
    let step = format!("starting {} Envoys", arms.len());
    let mut contestants = progress.step(&step, || contest::start(setup, arms, &requests))?;
    if let Some(cores) = cores {
        cpu::pin_this_thread(cores.load).map_err(system("no core could be had for the load"))?;
    }
    progress.step("warming up", || {
        contest::run(&mut contestants, WARM_UP, time)
    })?;
    for contestant in &mut contestants {
        contestant.turns.clear();
    }
    let step = format!("measuring: {rounds} rounds of {} turns", arms.len());
    progress.step(&step, || contest::run(&mut contestants, rounds, time))?;
    Ok(Report::new(conditions(rounds, time, cores), &contestants))
}

fn conditions(rounds: usize, time: Duration, cores: Option<Cores>) -> String {
    let place = match cores {
        Some(cores) => format!(
            "Envoy on core {}, the load on core {}",
            cores.envoy, cores.load
        ),
        None => "Envoy and the load on the same core".to_owned(),
    };
    format!(
        "CPU time of Envoy, medians of {rounds} rounds of {} s; one worker, {} connections, {place}; Envoy answers \
         itself (direct response).",
        time.as_secs_f64(),
        load::CONNECTIONS,
    )
}

/// The arms with one of these in their names, after the baseline; all if nothing is asked for.
fn chosen(wanted: &[String]) -> Result<Vec<Arm>, BenchError> {
    for part in wanted {
        if !ARMS.iter().any(|arm| arm.name.contains(part)) {
            return Err(BenchError::NoArm(part.clone()));
        }
    }
    let is_wanted = |arm: &Arm| {
        wanted.is_empty()
            || arm.name == arms::BASELINE
            || wanted.iter().any(|part| arm.name.contains(part))
    };
    Ok(ARMS.into_iter().filter(is_wanted).collect())
}

fn names() -> String {
    ARMS.map(|arm| format!("`{}`", arm.name)).join(" ")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if (0.01..=60.0).contains(&seconds) => Ok(time),
        _ => Err("write a number from 0.01 to 60".to_owned()),
    }
}

fn write(file: &Path, report: &Report) -> io::Result<()> {
    fs::write(file, serde_json::to_string_pretty(report)?)
}

fn system(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::System { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(wanted: &[&str]) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<_> = wanted.iter().map(|part| (*part).to_owned()).collect();
        let arms = chosen(&wanted).map_err(|error| error.to_string())?;
        Ok(arms.iter().map(|arm| arm.name).collect())
    }

    #[test]
    fn arms_are_chosen_by_parts_of_their_names() {
        assert_eq!(choice(&[]).unwrap().len(), ARMS.len());
        let found = choice(&["jwt"]).unwrap();
        assert_eq!(found, ["none", "jwt_authn", "jwt_authn cached"]);
        let error = choice(&["jwt", "lua"]).unwrap_err();
        assert!(error.contains("--arms lua"), "{error}");
        assert!(error.contains("`no-op wasm`"), "{error}");
    }

    #[test]
    fn a_turn_has_a_length() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "x", "0", "-1", "61", "nan", "inf"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
