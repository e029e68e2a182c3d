//! What was found, as a table.

use std::fmt;
use std::time::Duration;

use super::load::Refused;

/// What memory may differ by, in bytes: the caches' contents differ in size, and Envoy's allocator gives back what is
/// free when it likes.
const NOISE: u64 = 8 << 20;

/// What was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Envoy's memory, before the first request and at each mark.
    pub marks: Vec<Mark>,
    /// How many requests were refused, as they had to be, by code. All others passed.
    pub refused: Refused,
    /// How often the module failed.
    pub traps: usize,
    /// What the gate counts as under way at the end.
    pub under_way: u64,
}

/// Envoy's memory after so many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Answered until then.
    pub requests: u64,
    /// Resident memory, in bytes.
    pub resident: u64,
    /// What Envoy's own code has allocated, in bytes; the modules' memories are not in it.
    pub allocated: u64,
    /// Since the first request.
    pub after: Duration,
}

// === impl Report ===

impl Report {
    /// Whether memory is at the last mark what it was at the first, within noise; and nothing failed.
    pub fn is_right(&self) -> bool {
        let [_, first, .., last] = self.marks.as_slice() else {
            return false;
        };
        let same = |first: u64, last: u64| first > 0 && last <= first + NOISE;
        same(first.resident, last.resident)
            && same(first.allocated, last.allocated)
            && self.traps == 0
            && self.under_way == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| requests | resident | allocated | after |")?;
        writeln!(f, "|---:|---:|---:|---:|")?;
        for mark in &self.marks {
            writeln!(
                f,
                "| {} | {} MB | {} MB | {:.0} s |",
                mark.requests,
                Megabytes(mark.resident),
                Megabytes(mark.allocated),
                mark.after.as_secs_f64()
            )?;
        }
        let requests = self.marks.last().map_or(0, |mark| mark.requests);
        let refused: u64 = self.refused.values().sum();
        writeln!(
            f,
            "\n{} passed; refused, as they had to be:",
            requests - refused
        )?;
        for (code, count) in &self.refused {
            writeln!(f, "  {count} × {code}")?;
        }
        writeln!(
            f,
            "traps: {}; still under way: {}",
            self.traps, self.under_way
        )?;
        let right = if self.is_right() {
            "the same within noise"
        } else {
            "WRONG"
        };
        writeln!(f, "{right} ({} MB)", NOISE >> 20)
    }
}

struct Megabytes(u64);

impl fmt::Display for Megabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10) >> 20;
        write!(f, "{}.{}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(memory: [u64; 4]) -> Report {
        let marks = memory.map(|megabytes| Mark {
            requests: 1,
            resident: megabytes << 20,
            allocated: 1 << 20,
            after: Duration::ZERO,
        });
        Report {
            marks: marks.to_vec(),
            refused: Refused::new(),
            traps: 0,
            under_way: 0,
        }
    }

    #[test]
    fn what_grows_is_wrong() {
        assert!(report([40, 80, 80, 84]).is_right());
        assert!(!report([40, 80, 85, 90]).is_right());
        assert!(!report([0, 0, 0, 0]).is_right());
        let mut other = report([40, 80, 80, 80]);
        other.traps = 1;
        assert!(!other.is_right());
        let mut other = report([40, 80, 80, 80]);
        other.under_way = 1;
        assert!(!other.is_right());
        let mut other = report([40, 80, 80, 80]);
        other.marks[3].allocated = 20 << 20;
        assert!(!other.is_right());
    }
}
