//! What a storm has shown, in one table.

use std::fmt;
use std::time::Duration;

use super::aftermath::Aftermath;
use super::tally::Tally;
use super::witness::Arrived;

/// What Envoy's memory may grow by after a quarter of the requests, in bytes: the noise of its allocator.
const NOISE: u64 = 32 << 20;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    pub(super) seed: u64,
    pub(super) with_traps: bool,
    /// How many requests asked for a trap.
    pub(super) traps: u64,
    pub(super) tally: Tally,
    pub(super) arrived: Arrived,
    pub(super) aftermath: Aftermath,
    /// Envoy's resident memory after a quarter of the requests, and in the end, in bytes.
    pub(super) memory: (u64, u64),
    pub(super) took: Duration,
}

// === impl Report ===

impl Report {
    /// Whether nothing passed that must not, nothing failed that was not made to, and all is at rest.
    pub fn is_right(&self) -> bool {
        self.problems().is_empty()
    }

    /// What is wrong.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                problems.push(what.to_owned());
            }
        };
        let Self {
            tally,
            arrived,
            aftermath,
            ..
        } = self;
        check(
            arrived.wrong == 0,
            "requests arrived that must not, or not like this",
        );
        check(
            tally.wrong == 0,
            "requests were answered as the rules do not have it",
        );
        check(
            arrived.public > 0 && arrived.verified > 0 && arrived.with_trailers > 0,
            "nothing arrived of some kind: this says nothing",
        );
        check(aftermath.not_at_rest.is_empty(), "not all is at rest");
        let (good, passed) = aftermath.good;
        check(good == passed, "good requests do not pass afterwards");
        let has_failed = aftermath.failures > 0;
        if self.with_traps {
            check(has_failed, "no virtual machine failed: this says nothing");
            check(
                tally.excused < tally.requests() / 2,
                "most requests met a virtual machine that had failed",
            );
        } else {
            check(
                !has_failed && aftermath.reloads == 0,
                "virtual machines have failed",
            );
            check(
                arrived.verified <= aftermath.forwarded && arrived.public <= aftermath.public,
                "more arrived than the filter has let through",
            );
            let (before, after) = self.memory;
            check(
                before > 0 && after.saturating_sub(before) <= NOISE,
                "Envoy's memory has grown",
            );
        }
        problems
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tally,
            arrived,
            aftermath,
            ..
        } = self;
        let mut row = |name: &str, value: String| writeln!(f, "{name:<42} {value:>12}");
        let megabytes = |bytes: u64| format!("{} MB", bytes >> 20);
        row("requests", tally.requests().to_string())?;
        row("  over HTTP/1.1, answered", tally.over_1.to_string())?;
        row("  over HTTP/2, answered", tally.over_2.to_string())?;
        row("  whose client hung up", tally.given_up.to_string())?;
        for (outcome, count) in &tally.outcomes {
            row(&format!("    {outcome}"), count.to_string())?;
        }
        row("  answered wrongly", tally.wrong.to_string())?;
        row("  met a failed machine", tally.excused.to_string())?;
        row("arrived, public", arrived.public.to_string())?;
        row("arrived, verified", arrived.verified.to_string())?;
        row("  with trailers", arrived.with_trailers.to_string())?;
        row("arrived wrongly", arrived.wrong.to_string())?;
        row("traps that were asked for", self.traps.to_string())?;
        row("failures in Envoy's log", aftermath.failures.to_string())?;
        row(
            "virtual machines made anew, or not yet",
            aftermath.reloads.to_string(),
        )?;
        for (name, value) in &aftermath.not_at_rest {
            row(&format!("not at rest: {name}"), value.to_string())?;
        }
        let (good, passed) = aftermath.good;
        row(
            "good requests afterwards that pass",
            format!("{passed} of {good}"),
        )?;
        row("Envoy's memory after a quarter", megabytes(self.memory.0))?;
        row("Envoy's memory in the end", megabytes(self.memory.1))?;
        for example in arrived.examples.iter().chain(&tally.examples) {
            writeln!(f, "{example}")?;
        }
        for problem in self.problems() {
            writeln!(f, "WRONG: {problem}")?;
        }
        let seed = self.seed;
        writeln!(f, "seed {seed}, in {:.1} s", self.took.as_secs_f64())
    }
}
