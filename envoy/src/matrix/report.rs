//! What came of it, as a table.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The tests in one version of Envoy.
#[derive(Debug)]
pub struct Run {
    version: &'static str,
    passed: usize,
    /// Those that did not pass, and those that did not come to an end.
    failed: usize,
    names: Vec<String>,
    took: Duration,
    log: PathBuf,
}

/// All versions.
#[derive(Debug)]
pub struct Report {
    /// Oldest first.
    pub runs: Vec<Run>,
}

// === impl Run ===

impl Run {
    /// Of so many tests, from what they said.
    pub(super) fn read(
        version: &'static str,
        tests: usize,
        took: Duration,
        said: &str,
        log: &Path,
    ) -> Self {
        let with = |end: &'static str| {
            let name = move |line: &str| {
                let rest = line.strip_prefix("test ")?;
                Some(rest.strip_suffix(end)?.to_owned())
            };
            said.lines().filter_map(name).collect::<Vec<_>>()
        };
        let passed = with(" ... ok").len();
        Self {
            version,
            passed,
            failed: tests.saturating_sub(passed),
            names: with(" ... FAILED"),
            took,
            log: log.to_owned(),
        }
    }
}

// === impl Report ===

impl Report {
    /// Whether every test passed in every version.
    pub fn is_right(&self) -> bool {
        self.runs
            .iter()
            .all(|run| run.failed == 0 && run.passed > 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| Envoy | passed | failed | time |")?;
        writeln!(f, "|---|--:|--:|--:|")?;
        for run in &self.runs {
            let (version, seconds) = (run.version, run.took.as_secs());
            let (passed, failed) = (run.passed, run.failed);
            writeln!(f, "| {version} | {passed} | {failed} | {seconds} s |")?;
        }
        for run in self.runs.iter().filter(|run| run.failed > 0) {
            let log = run.log.display();
            writeln!(f, "\nEnvoy {}, failed ({log} has all):", run.version)?;
            for name in &run.names {
                writeln!(f, "    {name}")?;
            }
            if run.names.len() < run.failed {
                writeln!(f, "    {} without a result", run.failed - run.names.len())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &str) -> Report {
        let log = Path::new("/log");
        let run = Run::read("1.36.4", 2, Duration::from_secs(61), said, log);
        Report { runs: vec![run] }
    }

    #[test]
    fn all_that_passed_is_right() {
        let report = read("running 2 tests\ntest a::b ... ok\ntest c::d ... ok\n");
        assert!(report.is_right());
        assert!(report.to_string().ends_with("| 1.36.4 | 2 | 0 | 61 s |\n"));
    }

    #[test]
    fn what_failed_or_did_not_end_is_not() {
        let report = read("test a::b ... FAILED\n");
        assert!(!report.is_right());
        let text = report.to_string();
        assert!(text.contains("| 1.36.4 | 0 | 2 |"), "{text}");
        assert!(
            text.contains("    a::b\n    1 without a result\n"),
            "{text}"
        );
    }
}
