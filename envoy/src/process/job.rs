//! What to start: a program, its arguments and environment, its folder, and how it ends.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::supervise::{StopSignal, User};
use super::{Child, ProcessError, Tool};

/// A temporary folder: a child's own once the child is started.
#[derive(Debug)]
pub struct Scratch(TempDir);

/// A program to start under supervision.
#[derive(Debug)]
pub struct Job {
    name: &'static str,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stop: StopSignal,
    user: Option<User>,
}

// === impl Scratch ===

impl Scratch {
    /// A new folder that only we may enter.
    pub fn new() -> io::Result<Self> {
        tempfile::Builder::new()
            .prefix("tollgate-")
            .tempdir()
            .map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

// === impl Job ===

impl Job {
    /// `program`, called `name` in errors. It is stopped by SIGTERM.
    pub fn new(name: &'static str, program: impl AsRef<OsStr>) -> Self {
        Self {
            name,
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            stop: StopSignal::Term,
            user: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable to those that we have ourselves.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Another signal to stop it by.
    #[must_use]
    pub fn stop_by(mut self, signal: StopSignal) -> Self {
        self.stop = signal;
        self
    }

    /// Another user to run it as, which takes root.
    #[must_use]
    pub fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Starts it in `scratch`, which is removed when it has ended.
    pub fn start(self, tool: &Tool, scratch: Scratch) -> Result<Child, ProcessError> {
        let name = self.name;
        self.spawn(tool, scratch)
            .map_err(|source| ProcessError::Start { name, source })
    }

    fn spawn(self, tool: &Tool, scratch: Scratch) -> io::Result<Child> {
        let path = scratch.path().join("log");
        let log = File::create(&path)?;
        let mut command = Command::new(tool.path());
        command
            .args(["supervise", "--signal", self.stop.name(), "--remove"])
            .arg(scratch.path());
        if let Some(user) = self.user {
            command.arg("--user").arg(user.to_string());
        }
        let mut supervisor = command
            .arg("--")
            .arg(self.program)
            .args(self.args)
            .envs(self.env)
            .current_dir(scratch.path())
            // A Ctrl-C in the terminal is for us; the children end when we say so.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Child {
            name: self.name,
            log: File::open(path)?,
            lifeline: supervisor.stdin.take(),
            supervisor,
            folder: scratch.0.keep(),
        })
    }
}
