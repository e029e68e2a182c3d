//! What was found, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::sample::{Expected, Kind};
use super::traffic::Traffic;

/// In Envoy's log when a worker is left without the filter, or a virtual machine has failed.
const FAILURES: [&str; 3] = [
    "Failed to configure thread-local Wasm plugin",
    "unreachable",
    "in-VM panic",
];

/// So much of a problem is shown, in characters.
const SHOWN: usize = 2000;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    seed: u64,
    workers: usize,
    kinds: BTreeMap<Kind, Row>,
    starts: Row,
    /// Answers seen.
    pub requests: u64,
    cut: u64,
    /// Answers that nobody decided on: what they said.
    pub unfiltered: Vec<String>,
    /// What else was not as it should be.
    pub problems: Vec<String>,
}

/// What became of configurations of one kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    /// Right ones, which every worker had then.
    pub taken: u32,
    /// Wrong ones, which no worker had then.
    pub refused: u32,
    slowest: Duration,
}

// === impl Report ===

impl Report {
    pub(super) fn new(seed: u64, workers: usize) -> Self {
        Self {
            seed,
            workers,
            kinds: BTreeMap::new(),
            starts: Row::default(),
            requests: 0,
            cut: 0,
            unfiltered: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Whether all was as it should be.
    pub fn is_right(&self) -> bool {
        self.unfiltered.is_empty() && self.problems.is_empty() && self.requests > 0
    }

    /// Those that were given to an Envoy that runs, of all kinds.
    pub fn reloads(&self) -> Row {
        let mut all = Row::default();
        for row in self.kinds.values() {
            all.taken += row.taken;
            all.refused += row.refused;
            all.slowest = all.slowest.max(row.slowest);
        }
        all
    }

    pub(super) fn add(&mut self, kind: Kind, expected: &Expected, took: Duration) {
        self.kinds.entry(kind).or_default().add(expected, took);
    }

    pub(super) fn add_start(&mut self, expected: &Expected, took: Duration) {
        self.starts.add(expected, took);
    }

    pub(super) fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    pub(super) fn take(&mut self, traffic: &Traffic, log: &str) {
        self.requests += traffic.requests();
        self.cut += traffic.cut();
        self.unfiltered.extend(traffic.unfiltered());
        self.problems.extend(traffic.odd());
        let is_failure = |line: &&str| FAILURES.iter().any(|words| line.contains(words));
        let failures = log.lines().filter(is_failure).map(str::to_owned);
        self.problems.extend(failures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, workers) = (self.seed, self.workers);
        writeln!(f, "configurations of seed {seed}, {workers} workers\n")?;
        writeln!(f, "| configurations | taken | refused | slowest |")?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for kind in Kind::ALL {
            let row = self.kinds.get(&kind).copied().unwrap_or_default();
            writeln!(f, "| {} | {row} |", kind.as_str())?;
        }
        writeln!(f, "| all, under traffic | {} |", self.reloads())?;
        writeln!(f, "| Envoys started | {} |", self.starts)?;
        let (requests, unfiltered) = (self.requests, self.unfiltered.len());
        writeln!(
            f,
            "\n{requests} requests, {unfiltered} unfiltered; {} connections cut with their listener",
            self.cut
        )?;
        for problem in self.unfiltered.iter().chain(&self.problems) {
            let problem: String = problem.chars().take(SHOWN).collect();
            writeln!(f, "WRONG: {problem}")?;
        }
        let right = if self.is_right() {
            "all right"
        } else {
            "WRONG"
        };
        writeln!(f, "{right}")
    }
}

// === impl Row ===

impl Row {
    fn add(&mut self, expected: &Expected, took: Duration) {
        match expected {
            Expected::Taken(_) => self.taken += 1,
            Expected::Refused(_) => self.refused += 1,
        }
        self.slowest = self.slowest.max(took);
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slowest = self.slowest.as_millis();
        write!(f, "{} | {} | {slowest} ms", self.taken, self.refused)
    }
}
