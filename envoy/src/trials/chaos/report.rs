//! What was found, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::faults::Fault;
use super::findings::Counts;
use super::outages::Effect;
use crate::stack::Stack;

/// What Envoy's memory may grow by, in bytes. While a module is replaced there are two of it, and V8 keeps some of that:
/// it levels off at some 55 MB after five times.
const GROWTH: u64 = 96 << 20;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it was run with.
    pub seed: u64,
    /// The answers.
    pub counts: Counts,
    /// What each kind of fault did.
    pub effects: BTreeMap<Fault, Effect>,
    /// Requests that were let through in minutes in which the cap refused some.
    pub used_up: usize,
    /// Before the first fault.
    pub before: Memory,
    /// At the end.
    pub after: Memory,
    /// How often the module failed.
    pub traps: usize,
    /// What the gate counts as under way at the end.
    pub under_way: u64,
    /// All of it.
    pub took: Duration,
}

/// Resident memory, in bytes; 0 of what has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Envoy's.
    pub envoy: u64,
    /// The upstream's, which is a new process after each time that it was killed.
    pub upstream: u64,
}

// === impl Memory ===

impl Memory {
    /// Now.
    pub fn of(stack: &Stack) -> Self {
        let upstream = stack
            .service()
            .and_then(|(upstream, _)| upstream.resident());
        Self {
            envoy: stack.envoy().resident().unwrap_or_default(),
            upstream: upstream.unwrap_or_default(),
        }
    }
}

// === impl Report ===

impl Report {
    /// Whether nothing was wrong: no answer, no trap, nothing left under way, no memory lost; and after each fault
    /// somebody was served who needs what it was done to.
    pub fn is_right(&self) -> bool {
        self.counts.wrong == 0
            && self.counts.all() > 0
            && !self.effects.is_empty()
            && self
                .effects
                .values()
                .all(|effect| effect.until_good.is_some())
            && self.traps == 0
            && self.under_way == 0
            && self.before.envoy > 0
            && self.after.upstream > 0
            && self.after.envoy <= self.before.envoy + GROWTH
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            right,
            undisturbed,
            excused,
            wrong,
            wrongs,
        } = &self.counts;
        writeln!(
            f,
            "| fault | times | longest until served again | longest until the last refusal |"
        )?;
        writeln!(f, "|---|---:|---:|---:|")?;
        for (fault, effect) in &self.effects {
            let good = effect.until_good.map_or("never".to_owned(), seconds);
            let refused = seconds(effect.until_last_refused);
            writeln!(f, "| {fault} | {} | {good} | {refused} |", effect.times)?;
        }
        let total: u64 = right.values().sum();
        writeln!(f, "\nrequests: {}", self.counts.all())?;
        writeln!(
            f,
            "right answers: {total}, of {} kinds of requests",
            right.len()
        )?;
        writeln!(
            f,
            "of them while something was away that they do not need: {undisturbed}"
        )?;
        writeln!(
            f,
            "others that a fault excuses: {}",
            excused.values().sum::<u64>()
        )?;
        for (outcome, count) in excused {
            writeln!(f, "  {count} × {outcome}")?;
        }
        writeln!(
            f,
            "let through in minutes that were used up: {}",
            self.used_up
        )?;
        writeln!(
            f,
            "traps: {}; still under way: {}",
            self.traps, self.under_way
        )?;
        let megabytes = |memory: Memory| (memory.envoy >> 20, memory.upstream >> 20);
        let ((envoy, upstream), (envoy_after, upstream_after)) =
            (megabytes(self.before), megabytes(self.after));
        writeln!(
            f,
            "Envoy's memory: {envoy} MB before, {envoy_after} MB after"
        )?;
        writeln!(
            f,
            "the upstream's memory: {upstream} MB before, {upstream_after} MB after"
        )?;
        writeln!(f, "wrong answers: {wrong}")?;
        for (wrong, count) in wrongs {
            writeln!(f, "  {count} × {wrong}")?;
        }
        let right = if self.is_right() {
            "nothing wrong"
        } else {
            "WRONG"
        };
        let took = self.took.as_secs();
        writeln!(f, "{right}, in {took} s, with --seed {}", self.seed)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let memory = Memory {
            envoy: 100 << 20,
            upstream: 30 << 20,
        };
        let effect = Effect {
            times: 1,
            until_good: Some(Duration::from_secs(1)),
            until_last_refused: Duration::ZERO,
        };
        Report {
            seed: 1,
            counts: Counts {
                excused: BTreeMap::from([("503".to_owned(), 1)]),
                ..Counts::default()
            },
            effects: BTreeMap::from([(Fault::PostgresKilled, effect)]),
            used_up: 60,
            before: memory,
            after: memory,
            traps: 0,
            under_way: 0,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn whatever_is_wrong_is_told() {
        assert!(report().is_right());
        let spoil: [fn(&mut Report); 7] = [
            |report| report.counts.wrong = 1,
            |report| report.counts = Counts::default(),
            |report| report.traps = 1,
            |report| report.under_way = 1,
            |report| report.effects.clear(),
            |report| {
                for effect in report.effects.values_mut() {
                    effect.until_good = None;
                }
            },
            |report| report.after.envoy *= 2,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut report = report();
            spoil(&mut report);
            assert!(!report.is_right(), "{number}");
            assert!(report.to_string().contains("WRONG"), "{number}");
        }
    }
}
