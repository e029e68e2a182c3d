//! `tollgate bench`: what a request costs, beside everything else that an operator could use.
//!
//! It counts Envoy's CPU time and not requests a second, because the machine may be busy with other things, and
//! compares only what was measured within the same few seconds.

mod arms;
mod conditions;
mod contest;
mod cpu;
mod entry;
mod expected;
mod flat;
mod goals;
mod ground;
mod load;
mod modules;
mod native;
mod pace;
mod pieces;
mod plot;
mod ready;
mod report;
mod requests;
mod statistics;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

pub use arms::{ARMS, Arm, Counting, Filter};
pub use load::LoadError;
pub use native::Rules;
pub use report::Report;
pub use requests::Sends;

use crate::build::{self, BuildError};
use crate::config::ConfigError;
use crate::envoy::EnvoyError;
use crate::issuer::IssuerError;
use crate::process::Tool;
use crate::progress::Progress;
use crate::tools::ToolError;
use ground::Ground;

/// Measures what a request costs in Envoy's CPU time, beside Envoy's own filters, and prints a table
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Bench {
    /// How often each arm has its turn
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long a turn takes; latency is measured for half as long besides
    #[arg(long, value_name = "SECONDS", default_value = "0.75", value_parser = seconds)]
    seconds: Duration,
    /// How often Envoy is started to see how long that takes
    #[arg(long, value_name = "N", default_value_t = 5)]
    starts: usize,
    /// Only the arms whose names contain one of these, and those they are held against
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    arms: Vec<String>,
    /// The arms too that explain what others cost
    #[arg(long)]
    all: bool,
    /// Instead: what the host charges for each thing that a filter does, by modules that do one thing more each
    #[arg(long, conflicts_with_all = ["arms", "all", "flat", "check"])]
    pieces: bool,
    /// Instead: one and 100,000 tokens and accounts, 5 and 500 routes, one and 20 issuers
    #[arg(long, conflicts_with_all = ["arms", "all"])]
    flat: bool,
    /// Writes everything that was measured to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws what the arms add to a request
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pieces", "flat"])]
    svg: Option<PathBuf>,
    /// Fails if a goal is not met
    #[arg(long)]
    check: bool,
}

/// What was found, as it was asked for. Displayed in Markdown.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "each is what its module says")]
pub enum Found {
    Arms(Report),
    Pieces(pieces::Pieces),
    Flat(flat::Flat),
}

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
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// One of our own modules is not WebAssembly.
    #[error("a module of the benchmark cannot be read: {0}")]
    Module(#[from] wat::Error),
    /// No arm is called so.
    #[error("--arms {0}: no arm has that in its name; there are: {names}", names = names())]
    NoArm(String),
    /// An arm's filters do not do their work, so that their time says nothing.
    #[error(
        "{arm}: {what} was answered with {found}, where {expected} was expected; its filters are not what they should be"
    )]
    Wrong {
        arm: String,
        what: String,
        found: String,
        expected: String,
    },
    /// An arm answered wrongly while it was measured.
    #[error("{arm}: {problem}; nothing was measured")]
    Answer { arm: String, problem: LoadError },
    /// Its Envoy ended, or a thread of it, whose time is lost.
    #[error("{0}: Envoy's process, or a thread of it, is no more")]
    Gone(String),
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
    pub fn run(self, tool: &Tool) -> Result<Found, BenchError> {
        let arms = chosen(&self.arms, self.all)?;
        let module = build::filter(&Progress::new())?;
        let ground = Ground::new(tool, &module)?;
        let rounds = usize::from(self.rounds);
        let found = if self.pieces {
            Found::Pieces(pieces::measure(&ground, rounds, self.seconds)?)
        } else if self.flat {
            Found::Flat(flat::measure(&ground, rounds, self.seconds)?)
        } else {
            Found::Arms(ground.measure(&arms, rounds, self.seconds, self.starts)?)
        };
        if let Some(file) = &self.json {
            let text = serde_json::to_string_pretty(&found).map_err(io::Error::from);
            let written = text.and_then(|text| fs::write(file, text));
            written.map_err(system("the JSON file cannot be written"))?;
        }
        if let (Some(file), Found::Arms(report)) = (&self.svg, &found) {
            fs::write(file, report.plot()).map_err(system("the SVG file cannot be written"))?;
        }
        Ok(found)
    }

    /// Whether it is a failure when a goal is not met.
    pub fn checks(&self) -> bool {
        self.check
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
    Ground::new(tool, module)?.measure(arms, rounds, time, 0)
}

// === impl Found ===

impl Found {
    /// Whether all goals are met that were looked at.
    pub fn is_met(&self) -> bool {
        match self {
            Self::Arms(report) => report.is_met(),
            Self::Pieces(_) => true,
            Self::Flat(flat) => flat.is_met(),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arms(report) => report.fmt(f),
            Self::Pieces(pieces) => pieces.fmt(f),
            Self::Flat(flat) => flat.fmt(f),
        }
    }
}

/// The arms with one of these in their names, and those they are held against; the main ones if nothing is asked for.
fn chosen(wanted: &[String], all: bool) -> Result<Vec<Arm>, BenchError> {
    for part in wanted {
        if !ARMS.iter().any(|arm| arm.name.contains(part)) {
            return Err(BenchError::NoArm(part.clone()));
        }
    }
    let is_asked = |arm: &Arm| {
        if wanted.is_empty() {
            all || arm.is_main
        } else {
            wanted.iter().any(|part| arm.name.contains(part))
        }
    };
    let is_wanted = |arm: &Arm| {
        let others = ARMS.iter().filter(|other| is_asked(other));
        is_asked(arm)
            || arm.name == arms::BASELINE
            || others
                .map(|arm| arm.baseline())
                .any(|name| name == arm.name)
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

fn system(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::System { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(wanted: &[&str], all: bool) -> Result<Vec<&'static str>, String> {
        let wanted: Vec<_> = wanted.iter().map(|part| (*part).to_owned()).collect();
        let arms = chosen(&wanted, all).map_err(|error| error.to_string())?;
        Ok(arms.iter().map(|arm| arm.name).collect())
    }

    #[test]
    fn arms_are_chosen_by_parts_of_their_names() {
        assert_eq!(choice(&[], true).unwrap().len(), ARMS.len());
        let main = choice(&[], false).unwrap();
        assert!(
            main.contains(&"lua") && !main.contains(&"lua cached"),
            "{main:?}"
        );
        let found = choice(&["jwt"], false).unwrap();
        assert_eq!(found, ["none", "jwt_authn", "jwt_authn cached"]);
        // With what it is held against.
        let found = choice(&["400"], false).unwrap();
        assert_eq!(found, ["none", "none closing", "tollgate refused 400"]);
        let error = choice(&["jwt", "nginx"], false).unwrap_err();
        assert!(error.contains("--arms nginx"), "{error}");
        assert!(error.contains("`no-op`"), "{error}");
    }

    #[test]
    fn a_turn_has_a_length() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "x", "0", "-1", "61", "nan", "inf"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
