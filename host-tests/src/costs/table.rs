//! The costs that are written down, and what has become of them.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::Cost;
use crate::artifact;

/// The costs of all kinds, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    rows: Vec<(String, Cost)>,
    /// The compiler that the module was built by.
    compiler: String,
}

/// A number that differs from what is written down by more than is let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It costs more.
    Dearer(Difference),
    /// It costs less.
    Cheaper(Difference),
    /// A kind that is not written down.
    New(String),
    /// A kind that is written down, and not counted any more.
    Gone(String),
}

/// One number of one kind, as it was and as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    kind: String,
    number: &'static str,
    was: u64,
    is: u64,
}

/// Why what is written down cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// There is no file.
    #[error("{}: {error}; `cargo costs --write` makes it", path.display())]
    File {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        error: io::Error,
    },
    /// Somebody has edited it.
    #[error("COSTS.md: `{0}` is no row of costs; `cargo costs --write` writes the file anew")]
    Row(String),
}

/// What may come and go without a word: one in so many.
const TOLERANCE: u64 = 20;

/// What stands before the table.
const TITLE: &str = "\
# What each kind of request costs

Instructions of the whole filter as wasmtime counts them, from a request's first header to its end, after some like it:
the same on every machine, so that a change shows which one did it. A callback is a call of the host into the module, a
call one of the module to the host, and an allocation memory that the host has the module make room in for what it
returns. What Envoy itself does, verifying RS256 for one, is not in it. Tokens have 1.2 kB and requests the headers that
Envoy hands on; which request is which is in `src/costs/kinds`.

`cargo costs` compares, and `cargo test` fails when a number has grown by more than 5 %: `cargo costs --write` then
writes the new ones down.
";

// === impl Table ===

impl Table {
    /// What was counted just now.
    pub(super) fn new(rows: impl Iterator<Item = (String, Cost)>) -> Self {
        Self {
            rows: rows.collect(),
            compiler: compiler(),
        }
    }

    /// What is written down.
    pub fn written() -> Result<Self, TableError> {
        let path = path();
        match fs::read_to_string(&path) {
            Ok(text) => Self::read(&text),
            Err(error) => Err(TableError::File { path, error }),
        }
    }

    /// Writes it down.
    pub fn write(&self) -> io::Result<()> {
        fs::write(path(), self.to_string())
    }

    /// Of a kind.
    pub fn cost(&self, kind: &str) -> Option<Cost> {
        let mut rows = self.rows.iter();
        rows.find(|(name, _)| name == kind).map(|(_, cost)| *cost)
    }

    /// The compiler that the module was built by.
    pub fn compiler(&self) -> &str {
        &self.compiler
    }

    /// What differs from what is written down.
    pub fn changes(&self, written: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (kind, is) in &self.rows {
            let Some(was) = written.cost(kind) else {
                changes.push(Change::New(kind.clone()));
                continue;
            };
            let pairs = was.numbers().into_iter().zip(is.numbers());
            for ((was, is), number) in pairs.zip(Cost::NAMES) {
                let difference = Difference {
                    kind: kind.clone(),
                    number,
                    was,
                    is,
                };
                if is > was + was / TOLERANCE {
                    changes.push(Change::Dearer(difference));
                } else if is < was - was / TOLERANCE {
                    changes.push(Change::Cheaper(difference));
                }
            }
        }
        let gone = written.rows.iter().map(|(kind, _)| kind);
        let gone = gone.filter(|kind| self.cost(kind).is_none());
        changes.extend(gone.map(|kind| Change::Gone(kind.clone())));
        changes
    }

    fn read(text: &str) -> Result<Self, TableError> {
        let lines = text.lines().filter(|line| line.starts_with("| "));
        // The first has the columns' names.
        let rows: Result<_, _> = lines.skip(1).map(row).collect();
        let compiler = text
            .lines()
            .find_map(|line| line.strip_prefix("Compiler: "));
        Ok(Self {
            rows: rows?,
            compiler: compiler.unwrap_or_default().to_owned(),
        })
    }
}

fn row(line: &str) -> Result<(String, Cost), TableError> {
    let row = || {
        let cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|');
        let mut cells = cells.map(str::trim);
        let name = cells.next()?.to_owned();
        let numbers: Vec<_> = cells.map(|cell| cell.parse().ok()).collect::<Option<_>>()?;
        Some((name, Cost::of(numbers.try_into().ok()?)))
    };
    row().ok_or_else(|| TableError::Row(line.to_owned()))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\nCompiler: {}\n", self.compiler)?;
        writeln!(f, "| kind | {} |", Cost::NAMES.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(Cost::NAMES.len()))?;
        let mut rows = self.rows.iter();
        rows.try_for_each(|(kind, cost)| writeln!(f, "| {kind} | {cost} |"))
    }
}

// === impl Change ===

impl Change {
    /// Whether it must be looked at before it lands.
    pub const fn is_wrong(&self) -> bool {
        !matches!(self, Self::Cheaper(_))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dearer(difference) | Self::Cheaper(difference) => difference.fmt(f),
            Self::New(kind) => write!(f, "`{kind}` is not written down"),
            Self::Gone(kind) => write!(f, "`{kind}` is written down, and not counted any more"),
        }
    }
}

impl fmt::Display for Difference {
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            number,
            was,
            is,
        } = self;
        write!(f, "`{kind}`: {was} {number} were written down, now {is}")?;
        if *was == 0 {
            return Ok(());
        }
        let change = (*is as f64 / *was as f64 - 1.0) * 100.0;
        write!(f, " ({change:+.1} %)")
    }
}

fn path() -> PathBuf {
    artifact::workspace().join("host-tests/COSTS.md")
}

fn compiler() -> String {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .arg("--version")
        .current_dir(artifact::workspace())
        .output();
    let version = output.map_or_else(|_| Vec::new(), |output| output.stdout);
    String::from_utf8_lossy(&version).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, [u64; 5])]) -> Table {
        let rows = rows.iter();
        Table::new(rows.map(|(name, numbers)| ((*name).to_owned(), Cost::of(*numbers))))
    }

    #[test]
    fn what_is_written_is_read() {
        let table = table(&[("a, b", [1, 2, 3, 4, 5]), ("c", [0; 5])]);
        assert_eq!(Table::read(&table.to_string()).unwrap(), table);
        let broken = table.to_string().replace("| 4 |", "| four |");
        let error = Table::read(&broken).unwrap_err().to_string();
        assert!(error.contains("| a, b | 1 | 2 | 3 | four | 5 |"), "{error}");
    }

    #[test]
    fn more_than_a_twentieth_is_a_change() {
        let written = table(&[("a", [1000, 3, 20, 0, 100])]);
        let changes = |numbers| {
            let changes = table(&[("a", numbers)]).changes(&written).into_iter();
            changes.map(|change| (change.is_wrong(), change.to_string()))
        };
        assert_eq!(changes([1050, 3, 21, 0, 95]).count(), 0);
        let dearer = changes([1051, 4, 20, 1, 100]).map(|(wrong, _)| wrong);
        assert_eq!(dearer.collect::<Vec<_>>(), [true; 3]);
        assert_eq!(
            changes([949, 3, 20, 0, 100]).collect::<Vec<_>>(),
            [(
                false,
                "`a`: 1000 instructions were written down, now 949 (-5.1 %)".to_owned()
            )]
        );
    }

    #[test]
    fn a_kind_is_in_both_or_it_is_a_change() {
        let (a, b) = (table(&[("a", [1; 5])]), table(&[("b", [1; 5])]));
        assert_eq!(
            a.changes(&b),
            [Change::New("a".to_owned()), Change::Gone("b".to_owned())]
        );
    }
}
