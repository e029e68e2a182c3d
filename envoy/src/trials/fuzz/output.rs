//! What libFuzzer says when it ends.

use std::fmt;
use std::path::PathBuf;

/// What came of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Inputs that were tried.
    pub runs: u64,
    /// In a second.
    pub speed: u64,
    /// Branches that were reached.
    pub edges: u64,
    /// The same with how often they were taken, and how near comparisons came to being equal.
    pub features: u64,
    /// Inputs that reached something new.
    pub new: u64,
    /// The input that stopped it.
    pub crash: Option<PathBuf>,
    /// What was said then.
    pub why: String,
    /// The command that stops it again.
    pub reproduce: Option<String>,
}

// === impl Outcome ===

impl Outcome {
    /// Reads what was written to stderr.
    pub fn read(said: &str) -> Self {
        let number = |name: &str| {
            let line = said.lines().rev().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.trim().parse().ok());
            number.unwrap_or_default()
        };
        // Such as `#33700	DONE   cov: 3496 ft: 23382 corp: 1689/54Kb …`, and the same line for every new input.
        let progress = said.lines().rev().find(|line| line.contains(" ft: "));
        let behind = |name: &str| {
            let mut words = progress.unwrap_or_default().split_whitespace();
            words.find(|word| *word == name);
            words.next().and_then(|word| word.parse().ok())
        };
        let crash = said
            .lines()
            .rev()
            .find_map(|line| Some(line.split_once("Test unit written to ")?.1));
        Self {
            runs: number("stat::number_of_executed_units:"),
            speed: number("stat::average_exec_per_sec:"),
            new: number("stat::new_units_added:"),
            edges: behind("cov:").unwrap_or_default(),
            features: behind("ft:").unwrap_or_default(),
            crash: crash.map(PathBuf::from),
            why: why(said),
            reproduce: None,
        }
    }
}

/// What a panic said, or libFuzzer itself (`ERROR: libFuzzer: timeout after 10 seconds`).
fn why(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let begin = lines
        .iter()
        .rposition(|line| {
            line.contains("panicked at") || line.contains("ERROR: libFuzzer: timeout")
        })
        .or_else(|| lines.iter().position(|line| line.contains("ERROR: ")));
    let told = lines.into_iter().skip(begin.unwrap_or(usize::MAX));
    let told = told
        .take_while(|line| !line.starts_with("stack backtrace:") && !line.starts_with("note: "));
    told.take(6).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = if self.crash.is_some() { "1 CRASH" } else { "-" };
        let Self {
            runs,
            speed,
            edges,
            features,
            new,
            ..
        } = self;
        write!(
            f,
            "{runs:>11} {speed:>8} {edges:>6} {features:>8} {new:>6}  {found}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_good_run_is_read() {
        let outcome = Outcome::read(
            "#512\tNEW    cov: 3490 ft: 23000 corp: 1/2b lim: 4 exec/s: 3 rss: 5Mb L: 1/1 MS: 1 -\n\
             #33700\tDONE   cov: 3496 ft: 23382 corp: 1689/54Kb lim: 65 exec/s: 5616 rss: 51Mb\n\
             Done 33700 runs in 6 second(s)\n\
             stat::number_of_executed_units: 33700\n\
             stat::average_exec_per_sec:     5616\n\
             stat::new_units_added:          2029\n",
        );
        assert_eq!((outcome.runs, outcome.speed), (33_700, 5616));
        assert_eq!((outcome.edges, outcome.features), (3496, 23_382));
        assert_eq!((outcome.new, outcome.crash), (2029, None));
    }

    #[test]
    fn what_stopped_it_is_read() {
        let outcome = Outcome::read(
            "thread '<unnamed>' (1) panicked at policy/properties/src/json.rs:21:13:\n\
             assertion `left == right` failed\n\
             stack backtrace:\n   0: x\n\
             ==1== ERROR: libFuzzer: deadly signal\n\
             artifact_prefix='/t/'; Test unit written to /t/crash-752a\n\
             stat::number_of_executed_units: 12\n",
        );
        assert_eq!(outcome.crash, Some(PathBuf::from("/t/crash-752a")));
        assert!(
            outcome.why.ends_with("`left == right` failed"),
            "{}",
            outcome.why
        );
        assert_eq!(outcome.runs, 12);
    }
}
