//! Child processes that end when we do, however we end.
//!
//! Each child is started by `tollgate supervise`, a small process of its own that holds one end of a pipe. When
//! the other end closes (because we drop it, exit, panic or are killed), it ends the child and removes its
//! folder. So a test may keep children in a `static`, which is never dropped, and a user may send SIGKILL.

pub mod interrupt;
mod job;
pub mod supervise;

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

pub use job::{Job, Scratch};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How many lines of a child's log an error shows.
const TAIL: usize = 15;

/// The `tollgate` program, which supervises the children.
#[derive(Clone, Debug)]
pub struct Tool(PathBuf);

/// A running child. Dropping it ends it, and removes its folder.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    folder: PathBuf,
    /// Open, so that the last words can be read when the folder is gone already.
    log: File,
    supervisor: std::process::Child,
    /// Closing this asks the supervisor to end the child.
    lifeline: Option<ChildStdin>,
}

/// Why a child is not there.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started at all.
    #[error("{name} could not be started: {source}")]
    Start {
        /// Which child.
        name: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended ({status}) before {what}; the end of its log:\n{tail}")]
    Ended {
        /// Which child.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What was waited for.
        what: &'static str,
        /// The last lines that it wrote.
        tail: String,
    },
    /// The user does not want to wait any longer.
    #[error("interrupted")]
    Interrupted,
    /// It runs, but was not ready in time.
    #[error("{name} runs, but {what} took longer than {seconds} s; the end of its log:\n{tail}")]
    Late {
        /// Which child.
        name: &'static str,
        /// What was waited for.
        what: &'static str,
        /// How long.
        seconds: u64,
        /// The last lines that it wrote.
        tail: String,
    },
}

// === impl Tool ===

impl Tool {
    /// The program at `path`; tests give `env!("CARGO_BIN_EXE_tollgate")`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The program that is running, for the program itself.
    pub fn current() -> io::Result<Self> {
        std::env::current_exe().map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

// === impl Child ===

impl Child {
    /// Everything that the child has written to stdout and stderr.
    pub fn log(&self) -> String {
        let (mut log, mut bytes) = (&self.log, Vec::new());
        // What could not be read is missing in an error's text, and no more.
        let _ = log.rewind().and_then(|()| log.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The child's folder, which goes when the child does.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The child's own number; none if it has ended.
    pub fn pid(&self) -> Option<u32> {
        children_of(self.supervisor.id()).first().copied()
    }

    /// How much of the child is in memory, in bytes; none if it has ended.
    pub fn resident(&self) -> Option<u64> {
        resident(self.pid()?)
    }

    /// Waits until `found` finds something in the child's log or elsewhere; `what` names it in errors.
    ///
    /// # Errors
    ///
    /// [`ProcessError::Ended`] as soon as the child ends, [`ProcessError::Late`] when `patience` is over,
    /// [`ProcessError::Interrupted`] on Ctrl-C.
    pub fn wait_for<T>(
        &mut self,
        what: &'static str,
        patience: Duration,
        mut found: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let deadline = Instant::now() + patience;
        loop {
            // Asked before the log is read, so that the last words of a child that ended are read too.
            let ended = self.supervisor.try_wait().ok().flatten();
            let log = self.log();
            if let Some(found) = found(&log) {
                return Ok(found);
            }
            let (name, tail) = (self.name, tail(&log));
            if let Some(status) = ended {
                return Err(ProcessError::Ended {
                    name,
                    status,
                    what,
                    tail,
                });
            }
            if interrupt::received().is_some() {
                return Err(ProcessError::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(ProcessError::Late {
                    name,
                    what,
                    seconds: patience.as_secs(),
                    tail,
                });
            }
            thread::sleep(POLL);
        }
    }

    /// Why the child is no more, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ProcessError> {
        let status = self.supervisor.try_wait().ok().flatten()?;
        Some(ProcessError::Ended {
            name: self.name,
            status,
            what: "it was stopped",
            tail: tail(&self.log()),
        })
    }

    /// Asks the child to end, without waiting for it; so that several can end at the same time.
    pub fn release(&mut self) {
        self.lifeline = None;
    }

    /// Ends the child and waits until it is gone, and its folder with it.
    pub fn stop(&mut self) -> io::Result<ExitStatus> {
        self.release();
        self.supervisor.wait()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The supervisor kills what does not end by itself, so this comes back.
        let _ = self.stop();
    }
}

/// How a command ended, as a shell says it: 128 and the signal's number for what a signal ended.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The processes that have been started by the process `parent`.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

/// How much of a process is in memory, in bytes; none if it has ended.
pub fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    // proc_pid_status(5): `VmRSS:     66816 kB`.
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Whether the process has not ended.
pub fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the state comes after the name, which is in parentheses; Z: ended, and nobody has asked how.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// `PPid` in proc_pid_status(5).
fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let start = lines.len().saturating_sub(TAIL);
    lines.get(start..).unwrap_or_default().join("\n")
}
