//! CPU time of a process, and on which cores it may run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A process whose CPU time is read.
#[derive(Debug)]
pub struct Meter {
    /// `/proc/PID/task`.
    tasks: PathBuf,
}

/// What each thread of a process had used at a moment, in nanoseconds, by the thread's path.
#[derive(Debug)]
pub struct Reading(BTreeMap<PathBuf, u64>);

/// A core for Envoy and another for what sends requests, so that neither takes the other's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cores {
    /// The number of the one for requests.
    pub load: usize,
    /// The number of Envoy's.
    pub envoy: usize,
}

// === impl Meter ===

impl Meter {
    /// For a process that runs.
    pub fn of(pid: u32) -> Self {
        Self {
            tasks: format!("/proc/{pid}/task").into(),
        }
    }

    /// What its threads have used so far, user and system, to the nanosecond. Exact while they sleep: of a thread
    /// that runs, the time since the scheduler last looked at it is missing.
    pub fn read(&self) -> io::Result<Reading> {
        let mut threads = BTreeMap::new();
        for task in self.tasks()? {
            let time = on_cpu(&task.join("schedstat"))?;
            threads.insert(task, time);
        }
        Ok(Reading(threads))
    }

    /// Lets all its threads run on one core only.
    pub fn pin(&self, core: usize) -> io::Result<()> {
        for task in self.tasks()? {
            let name = task.file_name().and_then(|name| name.to_str());
            let thread = name
                .and_then(|name| name.parse().ok())
                .and_then(Pid::from_raw);
            sched_setaffinity(thread, &only(core))?;
        }
        Ok(())
    }

    fn tasks(&self) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.tasks)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    }
}

// === impl Reading ===

impl Reading {
    /// What all threads together have used since an earlier reading; none where one of them has ended, because nobody
    /// knows what it used until then.
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        if earlier.0.keys().any(|thread| !self.0.contains_key(thread)) {
            return None;
        }
        let sum = |reading: &Self| reading.0.values().sum::<u64>();
        sum(self)
            .checked_sub(sum(earlier))
            .map(Duration::from_nanos)
    }
}

// === impl Cores ===

impl Cores {
    /// The first and the last that we may use; none if there is only one.
    pub fn choose() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let load = cores.next()?;
        let envoy = cores.next_back()?;
        Some(Self { load, envoy })
    }
}

/// Lets the calling thread run on one core only.
pub fn pin_this_thread(core: usize) -> io::Result<()> {
    Ok(sched_setaffinity(None, &only(core))?)
}

/// What the calling thread has used so far; nothing where the system does not say.
pub fn used_by_this_thread() -> Duration {
    on_cpu(Path::new("/proc/thread-self/schedstat")).map_or(Duration::ZERO, Duration::from_nanos)
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

/// The first field of `/proc/PID/task/TID/schedstat` (`Documentation/scheduler/sched-stats.rst` in Linux).
fn on_cpu(file: &Path) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    first
        .parse()
        .map_err(|_| io::Error::other(format!("{}: {text:?}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::Instant;

    fn read(schedstats: &[(u32, &str)]) -> io::Result<Reading> {
        let folder = tempfile::tempdir().unwrap();
        for (thread, text) in schedstats {
            let task = folder.path().join(thread.to_string());
            fs::create_dir(&task).unwrap();
            fs::write(task.join("schedstat"), text).unwrap();
        }
        let tasks = folder.path().to_owned();
        let Reading(threads) = Meter { tasks }.read()?;
        // Each call has a folder of its own, and a process has one.
        let number = |task: PathBuf| task.file_name().map(PathBuf::from).unwrap();
        let threads = threads.into_iter();
        Ok(Reading(
            threads.map(|(task, time)| (number(task), time)).collect(),
        ))
    }

    #[test]
    fn the_threads_times_are_added() {
        let before = read(&[(1, "1500 7 1\n"), (2, "500 0 2\n")]).unwrap();
        for (now, expected) in [
            (vec![(1, "1500 7 1\n"), (2, "500 0 2\n")], Some(0)),
            (vec![(1, "1900 9 2\n"), (2, "501 0 3\n")], Some(401)),
            // A thread that began since has used its time since.
            (
                vec![(1, "1500 7 1\n"), (2, "500 0 2\n"), (3, "30 0 1\n")],
                Some(30),
            ),
            // One that ended is not to be guessed.
            (vec![(1, "9900 7 1\n")], None),
        ] {
            let since = read(&now).unwrap().since(&before);
            assert_eq!(since, expected.map(Duration::from_nanos), "{now:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        let error = read(&[(1, "1500 7 1\n"), (2, "\n")]).unwrap_err();
        assert!(error.to_string().contains("schedstat"), "{error}");
    }

    #[test]
    fn a_process_that_is_no_more_is_an_error() {
        let mut child = Command::new("true").spawn().unwrap();
        let meter = Meter::of(child.id());
        child.wait().unwrap();
        assert!(meter.read().is_err());
    }

    #[test]
    fn a_process_that_works_uses_time() {
        let mut child = Command::new("sh")
            .args(["-c", "while true; do :; done"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let meter = Meter::of(child.id());
        let (before, begun) = (meter.read().unwrap(), Instant::now());
        let used = || meter.read().unwrap().since(&before).unwrap();
        while used() < Duration::from_millis(20) && begun.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(1));
        }
        let (used, elapsed) = (used(), begun.elapsed());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used >= Duration::from_millis(20), "{used:?}");
        // One thread cannot use more than there was; the scheduler's clock is another one.
        assert!(
            used <= elapsed + Duration::from_millis(20),
            "{used:?} in {elapsed:?}"
        );
    }
}
