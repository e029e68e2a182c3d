//! What the host charges: modules each of which does one thing more than the one before, and decides nothing.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::BenchError;
use super::arms::{ARMS, BASELINE};
use super::conditions::Conditions;
use super::contest::Times;
use super::entry::{self, Entry, Question};
use super::ground::Ground;
use super::modules::{self, Module, Step};
use super::report::{self, Measured, Row};
use super::requests::{Probe, Requests, Sends};
use super::statistics::Quartiles;

/// The product, last: what it costs beyond the pieces is its own computing.
const WHOLE: &str = "tollgate cached token";

/// Each with what it does more than the one before.
const STEPS: [(&str, Step); 10] = [
    ("+ told of the request's begin and end", Step::Contexts),
    ("+ asked about the answer's headers", Step::ResponseHeaders),
    ("+ all headers read", Step::Headers),
    ("+ clock", Step::Clock),
    ("+ one header removed, two set", Step::Changes),
    ("+ one filter state", Step::State),
    ("+ three more", Step::States),
    ("+ 256 bytes of shared data read and swapped", Step::Shared),
    ("+ the same at the end", Step::SharedAtEnd),
    (LAST, Step::Fields),
];

const SMALLEST: &str = "smallest";

/// The last of the modules.
const LAST: &str = "+ two fields in the answer";

/// Those that stand for themselves. Nobody who decides by headers can do with less than the last two: what goes on, and
/// what is refused.
const ALL_CALLBACKS: &str = "all callbacks";
const READS: &str = "reads all headers";
const ANSWERS: &str = "reads all headers, answers 403";

/// What was found. Displayed as a table in Markdown.
#[derive(Debug, Serialize)]
pub struct Pieces {
    conditions: Conditions,
    rows: Vec<Piece>,
}

/// One module.
#[derive(Debug, Serialize)]
struct Piece {
    #[serde(flatten)]
    row: Row,
    /// What it costs more than the module before, in the same round.
    more: Option<Quartiles>,
}

/// Measures them.
pub(super) fn measure(
    ground: &Ground<'_>,
    rounds: usize,
    time: Duration,
) -> Result<Pieces, BenchError> {
    let requests = ground.requests();
    let times = Times {
        busy: time,
        paced: Duration::ZERO,
    };
    let mut entries = Vec::new();
    for arm in ARMS {
        if arm.name == BASELINE {
            entries.push(Entry::of(arm, ground.parts(), &requests)?);
        }
    }
    let mut steps = Vec::new();
    entries.push(module(SMALLEST, &Module::smallest(), 200, &requests)?);
    for (name, step) in STEPS {
        steps.push(step);
        entries.push(module(name, &Module::of(&steps), 200, &requests)?);
    }
    for arm in ARMS {
        if arm.name == WHOLE {
            entries.push(Entry::of(arm, ground.parts(), &requests)?);
        }
    }
    let all = Module::all_callbacks();
    entries.push(module(ALL_CALLBACKS, &all, 200, &requests)?);
    let reads = Module::of(&[Step::Headers]);
    entries.push(module(READS, &reads, 200, &requests)?);
    let answers = Module::of(&[Step::Headers, Step::Answer]);
    entries.push(module(ANSWERS, &answers, 403, &requests)?);
    let contestants = ground.compete(entries, rounds, times)?;
    let measured: Vec<_> = contestants.into_iter().map(Measured::from).collect();
    Ok(Pieces {
        conditions: Conditions::now(&ground.envoy, ground.cores, rounds, times),
        rows: pieces(&measured),
    })
}

fn module<'a>(
    name: &str,
    module: &Module,
    status: u16,
    requests: &'a Requests,
) -> Result<Entry<'a>, BenchError> {
    let sends = Sends::KnownTokens;
    Ok(Entry {
        name: name.to_owned(),
        baseline: BASELINE.to_owned(),
        config: modules::load(entry::bare()?, module)?,
        requests: Box::new(requests.of(sends)),
        first: 0,
        questions: vec![Question {
            what: "a request".to_owned(),
            request: requests.probe(Probe::Measured(sends)),
            status,
            code: if status == 403 {
                "account_reserved"
            } else {
                ""
            },
        }],
        closes: false,
    })
}

/// Each held against the one before, but for those that stand for themselves: against the smallest.
fn pieces(measured: &[Measured]) -> Vec<Piece> {
    let before = |position: usize| {
        let name = measured.get(position)?.name.as_str();
        if [ALL_CALLBACKS, READS, ANSWERS].contains(&name) {
            measured.iter().find(|arm| arm.name == SMALLEST)
        } else {
            measured.get(position.checked_sub(1)?)
        }
    };
    let rows = report::rows(measured).into_iter().zip(measured);
    let piece = |(position, (row, arm)): (usize, (Row, &Measured))| Piece {
        row,
        more: before(position)
            .and_then(|before| Quartiles::of(report::differences(&arm.turns, &before.turns))),
    };
    rows.enumerate().map(piece).collect()
}

impl fmt::Display for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.conditions)?;
        writeln!(
            f,
            "| the module | CPU a request | over `{BASELINE}` | more than the one before | middle half |\n\
             |---|--:|--:|--:|--:|"
        )?;
        for Piece { row, more } in &self.rows {
            write!(f, "| {} | {:.1} µs |", row.name, row.cost.median)?;
            match row.added {
                Some(added) => write!(f, " {:.2} µs |", added.median)?,
                None => write!(f, " |")?,
            }
            match more {
                Some(more) => writeln!(
                    f,
                    " {:.2} µs | {:.2} – {:.2} |",
                    more.median, more.low, more.high
                )?,
                None => writeln!(f, " | |")?,
            }
        }
        writeln!(f, "\nThe last three are held against `{SMALLEST}`.")?;
        let added = |name: &str| {
            let piece = self.rows.iter().find(|piece| piece.row.name == name)?;
            piece.row.added.map(|added| added.median)
        };
        if let Some((whole, host)) = added(WHOLE).zip(added(LAST)) {
            writeln!(
                f,
                "Of the {whole:.1} µs of `{WHOLE}`, the host charges {host:.1} for these calls; the other {:.1} are the \
                 module's own, or calls that are not here.",
                whole - host
            )?;
        }
        match self.rows.first() {
            Some(piece) => write!(f, "\n{}", piece.row.noise()),
            None => Ok(()),
        }
    }
}
