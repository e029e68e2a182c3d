//! A PostgreSQL of our own: a new cluster in a temporary folder, on a free loopback port, with a password.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::net;
use crate::process::supervise::{StopSignal, User};
use crate::process::{self, Child, Job, ProcessError, Scratch, Tool};
use crate::random;
use crate::tools::PostgresTools;

/// The system database, which the upstream creates when it starts.
const DATABASE: &str = "kataven-admin";

/// The superuser.
const USER: &str = "tollgate";

/// How long initdb and the start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often another port is tried.
const ATTEMPTS: usize = 5;

/// A running PostgreSQL. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    port: u16,
    password: String,
}

/// Why PostgreSQL does not run.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Its folder cannot be prepared.
    #[error(
        "PostgreSQL's temporary folder could not be prepared ({0}); make room in it or set TMPDIR to another"
    )]
    Folder(#[from] io::Error),
    /// PostgreSQL refuses to run as root, and nobody else can reach the temporary folder.
    #[error("PostgreSQL must run as the user `nobody`, who cannot enter {}; set TMPDIR to a folder that everybody can enter", .0.display())]
    Unreachable(PathBuf),
    /// It does not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What one attempt came to.
enum Started {
    Ready,
    PortTaken,
}

// === impl Postgres ===

impl Postgres {
    /// The superuser.
    pub(crate) const USER: &str = USER;

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn password(&self) -> &str {
        &self.password
    }

    /// Makes a cluster and starts it; ready when this comes back.
    pub fn start(tool: &Tool, tools: &PostgresTools) -> Result<Self, PostgresError> {
        Self::attempt(tool, tools, "once")
    }

    /// The same, and it can be [killed](Self::kill) and started again; what it has acknowledged is there then.
    pub fn start_durable(tool: &Tool, tools: &PostgresTools) -> Result<Self, PostgresError> {
        Self::attempt(tool, tools, "again")
    }

    fn attempt(tool: &Tool, tools: &PostgresTools, times: &str) -> Result<Self, PostgresError> {
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            let mut postgres = Self::launch(tool, tools, times)?;
            match postgres.ready() {
                Ok(Started::Ready) => return Ok(postgres),
                Ok(Started::PortTaken) if attempts > 0 => {}
                Ok(Started::PortTaken) => {
                    return Err(io::Error::from(io::ErrorKind::AddrInUse).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The system database's URL, with user and password.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same at another port, where a proxy is.
    pub(crate) fn url_at(&self, port: u16) -> String {
        let password = &self.password;
        format!("postgres://{USER}:{password}@127.0.0.1:{port}/{DATABASE}")
    }

    /// Kills the server with SIGKILL, as a machine that has no memory left does; gone when this comes back. Its clients
    /// have not been told anything.
    ///
    /// # Errors
    ///
    /// It does not run, or is not one of [`Self::start_durable`].
    pub fn kill(&self) -> io::Result<()> {
        let pid = self.pid()?;
        let children = process::children_of(pid);
        signal(pid, Signal::KILL)?;
        // They end by themselves when they notice, and keep the memory until then that the next server needs.
        let deadline = Instant::now() + PATIENCE;
        while process::is_there(pid) || children.iter().any(|child| process::is_there(*child)) {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Whether it lets clients in.
    pub fn lets_in(&self) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let url = self.url();
        let connect = tokio_postgres::connect(&url, tokio_postgres::NoTls);
        runtime.is_ok_and(|runtime| runtime.block_on(connect).is_ok())
    }

    /// Stops it where it is: it takes connections, and says nothing.
    pub fn freeze(&self) -> io::Result<()> {
        signal(self.pid()?, Signal::STOP)
    }

    /// Lets it go on after [`Self::freeze`].
    pub fn thaw(&self) -> io::Result<()> {
        signal(self.pid()?, Signal::CONT)
    }

    /// Stops all of it where it is, the sessions too: nothing that was asked is answered.
    pub fn stall(&self) -> io::Result<()> {
        let pid = self.pid()?;
        // In this order: it begins no session after.
        signal(pid, Signal::STOP)?;
        Self::sessions(pid, Signal::STOP)
    }

    /// Lets it go on after [`Self::stall`].
    pub fn go_on(&self) -> io::Result<()> {
        let pid = self.pid()?;
        Self::sessions(pid, Signal::CONT)?;
        signal(pid, Signal::CONT)
    }

    /// Sends a signal to all processes of the server but the first.
    fn sessions(pid: u32, wanted: Signal) -> io::Result<()> {
        for child in process::children_of(pid) {
            match signal(child, wanted) {
                // It has ended since.
                Err(_) if !process::is_there(child) => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn pid(&self) -> io::Result<u32> {
        let lines = fs::read_to_string(self.child.folder().join("data/postmaster.pid"))?;
        let pid = lines.lines().next().and_then(|line| line.parse().ok());
        pid.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Starts it again after [`Self::kill`], without waiting until it is ready.
    pub fn resume(&self) -> io::Result<()> {
        fs::write(self.child.folder().join("resume"), "")
    }

    /// Why it is no more, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ProcessError> {
        self.child.ended()
    }

    /// Asks it to end, without waiting.
    pub fn release(&mut self) {
        self.child.release();
    }

    fn launch(tool: &Tool, tools: &PostgresTools, times: &str) -> Result<Self, PostgresError> {
        let port = match times {
            "again" => net::lasting_port()?,
            _ => net::free_port()?,
        };
        let password = random::hex(16);
        let scratch = Scratch::new()?;
        let password_file = scratch.path().join("password");
        fs::write(&password_file, &password)?;
        fs::set_permissions(&password_file, Permissions::from_mode(0o600))?;
        let user = rustix::process::geteuid().is_root().then(User::nobody);
        let bin = match user {
            None => tools.bin.clone(),
            Some(user) => give_to(user, tools, scratch.path(), &password_file)?,
        };
        // One command for both, so that one supervisor watches over the folder from its first file to its last.
        let child = Job::new("PostgreSQL", "sh")
            .args(["-c", SCRIPT, "sh"])
            .args([bin.as_os_str(), port.to_string().as_ref(), times.as_ref()])
            .stop_by(StopSignal::Int)
            .user(user)
            .start(tool, scratch)?;
        Ok(Self {
            child,
            port,
            password,
        })
    }

    fn ready(&mut self) -> Result<Started, ProcessError> {
        self.child.wait_for("it was ready", PATIENCE, |log| {
            if log.contains("ready to accept connections") {
                Some(Started::Ready)
            } else if log.contains("Address already in use") {
                Some(Started::PortTaken)
            } else {
                None
            }
        })
    }
}

/// Arguments: the folder of the programs, the port, and whether it is started `again` after a SIGKILL, once the file
/// `resume` is there. Nothing waits for a disk: the data is worth nothing after a crash of the machine, and of the server
/// only where it is started again.
const SCRIPT: &str = r#"
"$1/initdb" --pgdata=data --username=tollgate --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --no-locale --no-sync >initdb.log 2>&1 || { cat initdb.log; exit 1; }
rm password
bin=$1 port=$2
case $3 in again) commit=on ;; *) commit=off ;; esac
set -- -D data -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c max_connections=100 -c shared_buffers=16MB -c dynamic_shared_memory_type=mmap \
    -c fsync=off -c synchronous_commit=$commit -c full_page_writes=off \
    -c lc_messages=C -c log_min_messages=warning
[ $commit = on ] || exec "$bin/postgres" "$@"
while "$bin/postgres" "$@"; [ $? -eq 137 ]; do
    while [ ! -e resume ]; do sleep 0.01; done
    rm -f resume
done
"#;

pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidData)?;
    Ok(kill_process(pid, signal)?)
}

/// Gives the folder to `user`, and returns a folder of programs that the user can reach.
fn give_to(
    user: User,
    tools: &PostgresTools,
    folder: &Path,
    password_file: &Path,
) -> Result<PathBuf, PostgresError> {
    for path in [folder, password_file] {
        chown(path, Some(user.uid), Some(user.gid))?;
    }
    if !folder.parent().is_none_or(is_open_to_all) {
        return Err(PostgresError::Unreachable(folder.to_owned()));
    }
    match &tools.whole {
        Some(whole) if !is_open_to_all(&tools.bin) => {
            let copy = folder.join("programs");
            copy_all(whole, &copy)?;
            let bin = tools.bin.strip_prefix(whole).unwrap_or(Path::new(""));
            Ok(copy.join(bin))
        }
        _ => Ok(tools.bin.clone()),
    }
}

/// Everybody may enter the folder and all those above it.
fn is_open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|folder| {
        fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
    })
}

pub(crate) fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
