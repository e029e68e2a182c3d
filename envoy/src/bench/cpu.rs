//! CPU time of a process, and on which cores it may run.

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
    pub fn read(&self) -> io::Result<Duration> {
        let mut nanoseconds = 0;
        for task in self.tasks()? {
            nanoseconds += on_cpu(&task.join("schedstat"))?;
        }
        Ok(Duration::from_nanos(nanoseconds))
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

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

/// The first field of `/proc/PID/task/TID/schedstat` (`Documentation/scheduler/sched-stats.rst` in Linux).
fn on_cpu(file: &Path) -> io::Result<u64> {
    let text = match fs::read_to_string(file) {
        // The thread has ended since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        text => text?,
    };
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    first
        .parse()
        .map_err(|_| io::Error::other(format!("{}: {text:?}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Instant;

    fn process(schedstats: &[&str]) -> (tempfile::TempDir, Meter) {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in schedstats.iter().enumerate() {
            let task = folder.path().join(number.to_string());
            fs::create_dir(&task).unwrap();
            fs::write(task.join("schedstat"), text).unwrap();
        }
        let tasks = folder.path().to_owned();
        (folder, Meter { tasks })
    }

    #[test]
    fn the_threads_times_are_added() {
        let (_folder, meter) = process(&["1500 7 1\n", "500 0 2\n"]);
        assert_eq!(meter.read().unwrap(), Duration::from_nanos(2000));
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        let (_folder, meter) = process(&["1500 7 1\n", "\n"]);
        let error = meter.read().unwrap_err().to_string();
        assert!(error.contains("schedstat"), "{error}");
    }

    #[test]
    fn a_process_that_is_no_more_is_an_error() {
        let (folder, meter) = process(&["1 1 1"]);
        drop(folder);
        assert!(meter.read().is_err());
    }

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let meter = Meter::of(std::process::id());
        let before = meter.read().unwrap();
        let begun = Instant::now();
        while meter.read().unwrap() - before < Duration::from_millis(20) {
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
        // What the other tests of this process do meanwhile is not ours to know: so no upper bound on sleep.
        thread::sleep(Duration::from_millis(1));
        assert!(meter.read().unwrap() >= before + Duration::from_millis(20));
    }
}
