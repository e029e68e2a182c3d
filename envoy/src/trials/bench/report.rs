//! The result: what a request costs, what of it is the filters', and how that compares with the others'.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::arms::{NATIVE, NATIVE_CACHED, NO_OP, NO_OP_ALL};
use super::conditions::Conditions;
use super::contest::{Contestant, Turn};
use super::goals::{self, Goal};
use super::ready::Starts;
use super::statistics::{Quartiles, per_mille};

/// What the others are compared with.
pub(super) const YARDSTICKS: [&str; 4] = [NO_OP, NO_OP_ALL, NATIVE, NATIVE_CACHED];

/// What was measured. Displayed as a table in Markdown.
#[derive(Debug, Serialize)]
pub struct Report {
    conditions: Conditions,
    arms: Vec<Row>,
    starts: Option<Starts>,
    goals: Vec<Goal>,
}

/// One arm. All times are microseconds a request; those of CPU are Envoy's alone.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub name: String,
    /// The arm that it is held against.
    pub baseline: String,
    /// CPU time of all of Envoy.
    pub cost: Quartiles,
    /// What it costs more than the baseline in the same round.
    pub added: Option<Quartiles>,
    /// What is added, divided by what a yardstick adds: the medians.
    pub ratios: BTreeMap<&'static str, f64>,
    /// The same round by round.
    pub paired: BTreeMap<&'static str, Quartiles>,
    /// Answers a second, with all connections busy.
    pub rate: f64,
    /// How much of its turns Envoy ran, and what sends requests did, at the median.
    pub busy: f64,
    pub load_busy: f64,
    /// At the fixed rate, from the moment when the request was due.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// Envoy's memory at the end, in bytes.
    pub resident: Option<u64>,
    turns: Vec<Turn>,
}

/// What is known of one arm.
pub(super) struct Measured {
    pub name: String,
    pub baseline: String,
    pub turns: Vec<Turn>,
    pub latencies: Vec<f64>,
    pub resident: Option<u64>,
}

// === impl Report ===

impl Report {
    pub(super) fn new(
        conditions: Conditions,
        contestants: Vec<Contestant<'_>>,
        starts: Option<Starts>,
        module: Option<u64>,
    ) -> Self {
        let measured: Vec<_> = contestants.into_iter().map(Measured::from).collect();
        let arms = rows(&measured);
        let goals = goals::of(&arms, starts.as_ref(), module);
        Self {
            conditions,
            arms,
            starts,
            goals,
        }
    }

    /// Whether all goals are met that could be looked at.
    pub fn is_met(&self) -> bool {
        self.goals.iter().all(|goal| goal.is_met != Some(false))
    }

    /// A plot of what the arms add.
    pub fn plot(&self) -> String {
        super::plot::draw(&self.arms)
    }
}

impl From<Contestant<'_>> for Measured {
    fn from(contestant: Contestant<'_>) -> Self {
        Self {
            resident: contestant.envoy.resident(),
            name: contestant.name,
            baseline: contestant.baseline,
            turns: contestant.turns,
            latencies: contestant.latencies,
        }
    }
}

/// The table's lines, in the order of the arms.
pub(super) fn rows(measured: &[Measured]) -> Vec<Row> {
    let yardsticks: Vec<_> = YARDSTICKS
        .into_iter()
        .filter_map(|name| {
            let each = added(measured, name);
            Some((name, Quartiles::of(each.iter().copied())?, each))
        })
        .collect();
    let row = |arm: &Measured| {
        let each = added(measured, &arm.name);
        let all = Quartiles::of(each.iter().copied());
        let mut ratios = BTreeMap::new();
        let mut paired = BTreeMap::new();
        for (name, whole, wholes) in &yardsticks {
            if let Some(part) = all {
                ratios.insert(*name, part.median / whole.median);
            }
            let both = each.iter().zip(wholes).map(|(part, whole)| part / whole);
            if let Some(quartiles) = Quartiles::of(both) {
                paired.insert(*name, quartiles);
            }
        }
        let median = |figure: fn(&Turn) -> f64| {
            Quartiles::of(arm.turns.iter().map(figure)).map(|quartiles| quartiles.median)
        };
        Some(Row {
            name: arm.name.clone(),
            baseline: arm.baseline.clone(),
            cost: Quartiles::of(arm.turns.iter().map(Turn::cost))?,
            added: all,
            ratios,
            paired,
            rate: median(Turn::rate)?,
            busy: median(|turn| turn.cpu.as_secs_f64() / turn.wall.as_secs_f64())?,
            load_busy: median(|turn| turn.load.as_secs_f64() / turn.wall.as_secs_f64())?,
            p50: per_mille(&arm.latencies, 500),
            p99: per_mille(&arm.latencies, 990),
            resident: arm.resident,
            turns: arm.turns.clone(),
        })
    };
    measured.iter().filter_map(row).collect()
}

/// What the arm of this name costs more than its baseline, round by round; nothing where one of them is not there.
pub(super) fn added(measured: &[Measured], name: &str) -> Vec<f64> {
    let find = |name: &str| measured.iter().find(|arm| arm.name == name);
    let arm = find(name).filter(|arm| arm.name != arm.baseline);
    match arm.and_then(|arm| Some((arm, find(&arm.baseline)?))) {
        Some((arm, baseline)) => differences(&arm.turns, &baseline.turns),
        None => Vec::new(),
    }
}

/// Round by round.
pub(super) fn differences(turns: &[Turn], baseline: &[Turn]) -> Vec<f64> {
    let both = turns.iter().zip(baseline);
    both.map(|(turn, base)| turn.cost() - base.cost()).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.conditions)?;
        write!(f, "| arm | CPU a request | added | middle half |")?;
        let yardsticks: Vec<_> = YARDSTICKS
            .into_iter()
            .filter(|name| self.arms.iter().any(|arm| arm.name == *name))
            .collect();
        for name in &yardsticks {
            write!(f, " × {name} |")?;
        }
        writeln!(f, " a second | p50 | p99 | memory |")?;
        writeln!(
            f,
            "|---|--:|--:|--:|{}--:|--:|--:|--:|",
            "--:|".repeat(yardsticks.len())
        )?;
        for row in &self.arms {
            write!(f, "| {} | {:.1} µs |", row.name, row.cost.median)?;
            match row.added {
                Some(added) => write!(
                    f,
                    " {:.1} µs | {:.1} – {:.1} |",
                    added.median, added.low, added.high
                )?,
                None => write!(f, " | |")?,
            }
            for name in &yardsticks {
                match row.ratios.get(name) {
                    Some(ratio) => write!(f, " {ratio:.2} |")?,
                    None => write!(f, " |")?,
                }
            }
            write!(f, " {:.0} |", row.rate)?;
            for latency in [row.p50, row.p99] {
                match latency {
                    Some(micros) => write!(f, " {micros:.0} µs |")?,
                    None => write!(f, " |")?,
                }
            }
            match row.resident {
                Some(bytes) => writeln!(f, " {} MB |", bytes / 1_000_000)?,
                None => writeln!(f, " |")?,
            }
        }
        if let Some(row) = self.arms.first() {
            write!(f, "\n{}", row.noise())?;
        }
        if let Some(starts) = &self.starts {
            write!(f, "\n{starts}")?;
        }
        write!(f, "\n{}", goals::Table(&self.goals))
    }
}

impl Row {
    /// How quiet the machine was, and who was busy.
    pub(super) fn noise(&self) -> String {
        format!(
            "Noise: `{}` took {:.1} – {:.1} µs (middle half); Envoy ran {:.0} % of its time, and what sent the requests \
             {:.0} %.\n",
            self.name,
            self.cost.low,
            self.cost.high,
            self.busy * 100.0,
            self.load_busy * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Turns of 1000 requests that cost so many microseconds each.
    fn arm<const N: usize>(name: &str, costs: [u64; N]) -> Measured {
        let turns = costs.map(|cost| Turn {
            requests: 1000,
            cpu: Duration::from_millis(cost),
            load: Duration::from_millis(1),
            wall: Duration::from_secs(1),
        });
        Measured {
            name: name.to_owned(),
            baseline: "none".to_owned(),
            turns: turns.to_vec(),
            latencies: Vec::new(),
            resident: None,
        }
    }

    #[test]
    fn what_is_added_is_taken_round_by_round() {
        // The machine is twice as slow in the second round, which no ratio should show.
        let rows = rows(&[
            arm("none", [10, 20, 10]),
            arm("native", [50, 100, 50]),
            arm("ours", [20, 40, 20]),
        ]);
        let [none, native, ours] = rows.as_slice() else {
            panic!("{rows:?}");
        };
        assert!(none.added.is_none() && none.ratios.is_empty());
        let median = |row: &Row| row.added.map(|added| (added.low, added.median, added.high));
        assert_eq!(median(native), Some((40.0, 40.0, 60.0)));
        assert_eq!(median(ours), Some((10.0, 10.0, 15.0)));
        assert_eq!(ours.ratios.get("native"), Some(&0.25));
        let paired = ours.paired.get("native").unwrap();
        assert_eq!((paired.low, paired.high), (0.25, 0.25));
        assert_eq!(ours.ratios.get("no-op"), None);
        assert!((none.rate - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn an_arm_without_its_baseline_has_its_cost_only() {
        let rows = rows(&[arm("ours", [10])]);
        assert!(rows.first().unwrap().added.is_none());
    }
}
