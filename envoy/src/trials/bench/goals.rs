//! What it should cost at most, and whether it does.

use std::fmt;

use serde::Serialize;

use super::arms::{NATIVE, NATIVE_CACHED, NO_OP, NO_OP_ALL};
use super::ready::Starts;
use super::report::Row;

/// One thing that was aimed at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Goal {
    /// What is compared with what.
    pub what: String,
    /// What was found; none if it was not measured.
    pub figure: Option<f64>,
    /// What it should be at most.
    pub limit: f64,
    /// In what: nothing for ratios.
    pub unit: &'static str,
    /// None if it was not measured.
    pub is_met: Option<bool>,
}

/// The goals as a table in Markdown.
pub(super) struct Table<'a>(pub &'a [Goal]);

const CACHED: &str = "tollgate cached token";

/// What an arm adds, in how many times what another one adds.
const RATIOS: [(&str, &str, f64); 9] = [
    (CACHED, NATIVE, 0.35),
    (CACHED, NATIVE_CACHED, 1.3),
    (CACHED, NO_OP, 1.6),
    ("tollgate new token", NATIVE, 1.2),
    ("tollgate refused 400", NO_OP, 1.1),
    ("tollgate refused 401", NO_OP, 1.1),
    ("tollgate refused 403", NO_OP, 1.1),
    ("tollgate 429", CACHED, 1.0),
    ("tollgate public", NO_OP, 1.1),
];

/// The module's bytes, the memory of a worker at rest, and how much later Envoy is ready.
const MODULE: f64 = 400.0;
const MEMORY: f64 = 4.0;
const LATER: f64 = 0.3;

/// All goals, by what was measured; `module` is its size in bytes.
pub(super) fn of(rows: &[Row], starts: Option<&Starts>, module: Option<u64>) -> Vec<Goal> {
    let added = |name: &str| {
        let row = rows.iter().find(|row| row.name == name)?;
        row.added.map(|added| added.median)
    };
    let ratio = |arm: &str, to: &str, limit| {
        let figure = added(arm)
            .zip(added(to))
            .map(|(part, whole)| times(part, whole));
        Goal::new(format!("{arm} / {to}"), figure, limit, "")
    };
    let mut goals = Vec::new();
    for (arm, to, limit) in RATIOS {
        goals.push(ratio(arm, to, limit));
        if to == NO_OP {
            goals.push(ratio(arm, NO_OP_ALL, limit));
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a file is not that long")]
    let size = module.map(|bytes| bytes as f64 / 1024.0);
    goals.push(Goal::new("the module".to_owned(), size, MODULE, " KiB"));
    let memory = starts.map(|starts| starts.worker_memory);
    let what = "a worker's memory at rest".to_owned();
    goals.push(Goal::new(what, memory, MEMORY, " MiB"));
    let later = starts.map(Starts::later);
    let what = "ready later than without".to_owned();
    goals.push(Goal::new(what, later, LATER, " s"));
    goals
}

/// How many times the whole the part is; no number where noise has left nothing of the whole, which meets no goal.
fn times(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

// === impl Goal ===

impl Goal {
    pub(super) fn new(what: String, figure: Option<f64>, limit: f64, unit: &'static str) -> Self {
        Self {
            what,
            figure,
            limit,
            unit,
            is_met: figure.map(|figure| figure <= limit),
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| goal | found | at most | met |\n|---|--:|--:|---|")?;
        for goal in self.0 {
            let Goal {
                what, limit, unit, ..
            } = goal;
            match goal.figure {
                Some(figure) => write!(f, "| {what} | {figure:.2}{unit} | {limit}{unit} |")?,
                None => write!(f, "| {what} | | {limit}{unit} |")?,
            }
            let met = match goal.is_met {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not measured",
            };
            writeln!(f, " {met} |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_up_to_its_limit() {
        let goal = |figure| Goal::new("a / b".to_owned(), figure, 1.5, "");
        assert_eq!(goal(Some(1.5)).is_met, Some(true));
        assert_eq!(goal(Some(1.51)).is_met, Some(false));
        assert_eq!(goal(Some(f64::NAN)).is_met, Some(false));
        assert_eq!(goal(None).is_met, None);
        let table = Table(&[goal(Some(1.0)), goal(Some(2.0)), goal(None)]).to_string();
        assert_eq!(
            table,
            "| goal | found | at most | met |\n|---|--:|--:|---|\n\
             | a / b | 1.00 | 1.5 | yes |\n| a / b | 2.00 | 1.5 | no |\n| a / b | | 1.5 | not measured |\n"
        );
    }

    #[test]
    fn what_adds_nothing_is_no_yardstick() {
        assert!((times(3.0, 2.0) - 1.5).abs() < 1e-9);
        for whole in [0.0, -0.2, f64::NAN] {
            let goal = Goal::new("a / b".to_owned(), Some(times(16.0, whole)), 1.6, "");
            assert_eq!(goal.is_met, Some(false), "{whole}");
        }
    }

    #[test]
    fn every_goal_names_arms_that_there_are() {
        for (arm, to, _) in RATIOS {
            for name in [arm, to] {
                assert!(
                    super::super::ARMS.iter().any(|arm| arm.name == name),
                    "{name}"
                );
            }
        }
    }
}
