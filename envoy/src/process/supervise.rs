//! `tollgate supervise`: runs one command, and ends it when whoever started us is gone.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, fs, thread};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::exit_code;

/// How long a command has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Runs a command until it ends, or until our stdin closes.
#[derive(Debug, clap::Args)]
pub struct Supervise {
    /// What to read instead of stdin, which is the command's then
    #[arg(long)]
    lifeline: Option<PathBuf>,
    /// Leaves the command in our process group, which may be the terminal's; its own children are its own then
    #[arg(long)]
    foreground: bool,
    /// A folder to remove when the command has ended
    #[arg(long)]
    remove: Vec<PathBuf>,
    /// The signal that asks the command to end
    #[arg(long, value_enum, default_value_t = StopSignal::Term)]
    signal: StopSignal,
    /// The user to run the command as, UID:GID
    #[arg(long)]
    user: Option<User>,
    /// The command
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// A signal that asks a program to end in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StopSignal {
    /// SIGTERM, what most programs expect.
    Term,
    /// SIGINT, by which PostgreSQL ends without waiting for its clients.
    Int,
}

/// A user and group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// Not `UID:GID`.
#[derive(Debug, thiserror::Error)]
#[error("write UID:GID, two numbers")]
pub struct UserError;

// === impl StopSignal ===

impl StopSignal {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::Int => "int",
        }
    }

    fn signal(self) -> Signal {
        match self {
            Self::Term => Signal::TERM,
            Self::Int => Signal::INT,
        }
    }
}

// === impl User ===

impl User {
    /// The user `nobody`, from `/etc/passwd`, or the number that it has on most systems.
    pub fn nobody() -> Self {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let mut users = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == "nobody").then_some(())?;
            let (uid, gid) = (fields.nth(1)?, fields.next()?);
            format!("{uid}:{gid}").parse().ok()
        });
        users.next().unwrap_or(Self {
            uid: 65534,
            gid: 65534,
        })
    }
}

impl FromStr for User {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let (uid, gid) = text.split_once(':').ok_or(UserError)?;
        Ok(Self {
            uid: uid.parse().map_err(|_| UserError)?,
            gid: gid.parse().map_err(|_| UserError)?,
        })
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

// === impl Supervise ===

impl Supervise {
    /// Runs the command; its status is ours.
    pub fn run(self) -> ExitCode {
        let outcome = self.supervise();
        for folder in &self.remove {
            remove(folder);
        }
        match outcome {
            Ok(status) => ExitCode::from(exit_code(status)),
            Err(error) => {
                eprintln!("{}: {error}", Path::new(&self.program()).display());
                ExitCode::from(127)
            }
        }
    }

    fn supervise(&self) -> io::Result<ExitStatus> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut child = self.spawn()?;
        let pid = Pid::from_child(&child);
        let watched = runtime.block_on(self.watch(pid));
        // The command has ended but is not reaped yet, so its number, which is the group's, is nobody else's.
        self.kill(pid, Signal::KILL);
        let status = child.wait();
        watched.and(status)
    }

    fn program(&self) -> OsString {
        self.command.first().cloned().unwrap_or_default()
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(self.program());
        command.args(self.command.iter().skip(1));
        if self.lifeline.is_none() {
            command.stdin(Stdio::null());
        }
        if !self.foreground {
            command.process_group(0);
        }
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command.spawn()
    }

    /// Comes back when the command has ended: by itself, or because it has to.
    async fn watch(&self, pid: Pid) -> io::Result<()> {
        let mut ended = in_thread(move || wait_without_reaping(pid));
        let mut lifeline: Box<dyn Read + Send> = match &self.lifeline {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        };
        let orphaned = in_thread(move || lifeline.read_to_end(&mut Vec::new()));
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = &mut ended => return Ok(()),
            _ = orphaned => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        self.kill(pid, self.signal.signal());
        if tokio::time::timeout(GRACE, &mut ended).await.is_err() {
            self.kill(pid, Signal::KILL);
            let _ = ended.await;
        }
        Ok(())
    }

    /// The command, and all that it has started where they have a group of their own.
    fn kill(&self, pid: Pid, signal: Signal) {
        // It may be gone already.
        let _ = if self.foreground {
            kill_process(pid, signal)
        } else {
            kill_process_group(pid, signal)
        };
    }
}

/// Runs `wait` in a thread of its own and tells when it has come back.
fn in_thread<T>(wait: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<()> {
    let (done, receiver) = oneshot::channel();
    thread::spawn(move || {
        wait();
        let _ = done.send(());
    });
    receiver
}

/// Waits until the process ends and leaves it a zombie, whose number nobody else gets.
fn wait_without_reaping(pid: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
}

/// Removes a folder, also while a process that was just killed still writes its last file there.
fn remove(folder: &Path) {
    for _ in 0..100 {
        match fs::remove_dir_all(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}
