//! The result: what a request costs, what of it is the filter's, and how that compares with Envoy's own.

use std::fmt;

use serde::Serialize;

use super::arms::{BASELINE, YARDSTICK};
use super::contest::{Contestant, Turn};
use super::statistics::Quartiles;

/// What was measured. Displayed as a table in Markdown.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Under which conditions, in words.
    conditions: String,
    arms: Vec<Row>,
}

/// One arm. All times are microseconds of CPU time a request.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    /// All of Envoy.
    cost: Quartiles,
    /// What it costs more than Envoy without the filter in the same round.
    share: Option<Quartiles>,
    /// The medians of the shares, divided.
    of_yardstick: Option<f64>,
    /// The shares of the same round, divided.
    paired: Option<Quartiles>,
    /// How much of its turns Envoy ran, at the median; the rest was others' on the same core.
    busy: f64,
    turns: Vec<Turn>,
}

// === impl Report ===

impl Report {
    pub(super) fn new(conditions: String, contestants: &[Contestant<'_>]) -> Self {
        let measured: Vec<_> = contestants
            .iter()
            .map(|contestant| (contestant.arm.name, &*contestant.turns))
            .collect();
        Self {
            conditions,
            arms: rows(&measured),
        }
    }
}

impl Row {
    /// How quiet the machine was.
    fn noise(&self) -> String {
        format!(
            "Noise: `{}` took {:.1} – {:.1} µs (middle half), and ran {:.0} % of its time.\n",
            self.name,
            self.cost.low,
            self.cost.high,
            self.busy * 100.0
        )
    }
}

fn rows(measured: &[(&'static str, &[Turn])]) -> Vec<Row> {
    let costs = |wanted: &str| {
        let (_, turns) = measured.iter().find(|(name, _)| *name == wanted)?;
        Some(turns.iter().map(Turn::cost).collect::<Vec<_>>())
    };
    let baseline = costs(BASELINE).unwrap_or_default();
    let yardstick = differences(&costs(YARDSTICK).unwrap_or_default(), &baseline);
    let row = |(name, turns): &(&'static str, &[Turn])| {
        let cost: Vec<_> = turns.iter().map(Turn::cost).collect();
        let shares = match *name {
            BASELINE => Vec::new(),
            _ => differences(&cost, &baseline),
        };
        let share = Quartiles::of(shares.iter().copied());
        let whole = Quartiles::of(yardstick.iter().copied());
        let busy = turns
            .iter()
            .map(|turn| turn.cpu.as_secs_f64() / turn.wall.as_secs_f64());
        Some(Row {
            name,
            cost: Quartiles::of(cost)?,
            share,
            of_yardstick: share
                .zip(whole)
                .map(|(part, whole)| part.median / whole.median),
            paired: Quartiles::of(
                shares
                    .iter()
                    .zip(&yardstick)
                    .map(|(part, whole)| part / whole),
            ),
            busy: Quartiles::of(busy)?.median,
            turns: turns.to_vec(),
        })
    };
    measured.iter().filter_map(row).collect()
}

/// Round by round.
fn differences(costs: &[f64], baseline: &[f64]) -> Vec<f64> {
    costs
        .iter()
        .zip(baseline)
        .map(|(cost, base)| cost - base)
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.conditions)?;
        writeln!(
            f,
            "| arm | µs a request | of it the filter's | middle half | × {YARDSTICK} | paired, middle half |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|")?;
        for row in &self.arms {
            write!(f, "| {} | {:.1} |", row.name, row.cost.median)?;
            match row.share {
                Some(share) => write!(
                    f,
                    " {:.1} | {:.1} – {:.1} |",
                    share.median, share.low, share.high
                )?,
                None => write!(f, " | |")?,
            }
            match row.of_yardstick.zip(row.paired) {
                Some((ratio, paired)) => writeln!(
                    f,
                    " {ratio:.2} | {:.2} ({:.2} – {:.2}) |",
                    paired.median, paired.low, paired.high
                )?,
                None => writeln!(f, " | |")?,
            }
        }
        match self.arms.iter().find(|row| row.name == BASELINE) {
            Some(row) => write!(f, "\n{}", row.noise()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Turns of 1000 requests that cost so many microseconds each.
    fn turns<const N: usize>(costs: [u64; N]) -> [Turn; N] {
        costs.map(|cost| Turn {
            requests: 1000,
            cpu: Duration::from_millis(cost),
            wall: Duration::from_secs(1),
        })
    }

    #[test]
    fn shares_are_taken_round_by_round() {
        // The machine is twice as slow in the second round, which no ratio should show.
        let (none, jwt, ours) = (
            turns([10, 20, 10]),
            turns([50, 100, 50]),
            turns([20, 40, 20]),
        );
        let arms = rows(&[("none", &none), ("jwt_authn", &jwt), ("ours", &ours)]);
        let report = Report {
            conditions: "Here.".to_owned(),
            arms,
        };
        let expected = "Here.\n\n\
            | arm | µs a request | of it the filter's | middle half | × jwt_authn | paired, middle half |\n\
            |---|--:|--:|--:|--:|--:|\n\
            | none | 10.0 | | | | |\n\
            | jwt_authn | 50.0 | 40.0 | 40.0 – 60.0 | 1.00 | 1.00 (1.00 – 1.00) |\n\
            | ours | 20.0 | 10.0 | 10.0 – 15.0 | 0.25 | 0.25 (0.25 – 0.25) |\n\n\
            Noise: `none` took 10.0 – 15.0 µs (middle half), and ran 1 % of its time.\n";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn without_the_yardstick_there_are_no_ratios() {
        let (none, ours) = (turns([10]), turns([20]));
        let arms = rows(&[("none", &none), ("ours", &ours)]);
        assert!(
            arms.iter()
                .all(|row| row.paired.is_none() && row.of_yardstick.is_none())
        );
        assert!(arms.last().unwrap().share.is_some());
    }
}
