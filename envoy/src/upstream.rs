//! The upstream as a process of its own: the service of `tollgate-upstream`, run by this same program.

use std::fmt;
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};

use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE};
use crate::net::{self, loopback};
use crate::postgres::signal;
use crate::process::{self, Child, Job, ProcessError, Scratch, Tool};
use crate::random;

/// How long the first migrations may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The environment variable with the key of the gate's assertions, as in the reference configuration.
pub const ASSERTION_KEY: &str = "TOLLGATE_ASSERTION_KEY";

/// The environment variable with the credential that the gate shows to the upstream.
pub const INTROSPECTION_TOKEN: &str = "TOLLGATE_INTROSPECTION_TOKEN";

/// The environment variable with the pepper of stored keys.
const KEY_PEPPER: &str = "TOLLGATE_KEY_PEPPER";

/// The environment variable with the secret of the widget's tokens.
const WIDGET_SECRET: &str = "TOLLGATE_WIDGET_SECRET";

/// The option for a page that shows what the gate decides; its value is the URL of Envoy's admin interface.
pub const STATUS_PAGE: &str = "--dev-envoy-admin";

/// The audience of the gate's assertions, as in the reference configuration.
pub const ASSERTION_AUDIENCE: &str = "upstream";

/// Starts it again after a SIGKILL, once the file `resume` is there; and again where it finds no database.
const SCRIPT: &str = r#"
while :; do
    "$@"
    case $? in
    0|143) exit ;;
    137) while [ ! -e resume ]; do sleep 0.01; done; rm -f resume ;;
    *) sleep 0.1 ;;
    esac
done
"#;

/// A running upstream. Dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    child: Child,
    url: String,
    internal_url: String,
    status_url: Option<String>,
    /// Whether a shell starts it again.
    restartable: bool,
}

/// What the upstream knows and nobody else may; some of it the gate too.
#[derive(Clone)]
pub struct Secrets {
    /// The key of the gate's assertions.
    pub assertion_key: String,
    /// The credential that the gate shows to the upstream.
    pub introspection_token: String,
    /// What the upstream hashes stored keys with.
    pub key_pepper: String,
    /// What the key of the widget's tokens is derived from.
    pub widget_secret: String,
}

/// Why the upstream does not run.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Its folder cannot be prepared.
    #[error(
        "the upstream's temporary folder could not be prepared ({0}); make room in it or set TMPDIR to another"
    )]
    Folder(#[from] io::Error),
    /// It does not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What an upstream is started with beside the usual.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Options.
    pub arguments: Vec<String>,
    /// Environment variables, for secrets.
    pub environment: Vec<(String, String)>,
    /// Whether it can be [killed](Upstream::kill) and started again, at the same ports.
    pub restartable: bool,
}

// === impl Upstream ===

impl Upstream {
    /// Starts it on two free ports; ready when this comes back.
    pub fn start(
        tool: &Tool,
        database_url: &str,
        issuer: &str,
        secrets: &Secrets,
    ) -> Result<Self, UpstreamError> {
        let nothing = Additions::default();
        Self::start_with(tool, database_url, issuer, secrets, &nothing)
    }

    /// The same, with more options.
    pub fn start_with(
        tool: &Tool,
        database_url: &str,
        issuer: &str,
        secrets: &Secrets,
        additions: &Additions,
    ) -> Result<Self, UpstreamError> {
        let restartable = additions.restartable;
        let job = if restartable {
            let shell = Job::new("the upstream", "sh").args(["-c", SCRIPT, "sh"]);
            shell.args([tool.path()])
        } else {
            Job::new("the upstream", tool.path())
        };
        let port = || {
            if restartable {
                net::lasting_port()
            } else {
                Ok(0)
            }
        };
        let job = job
            .args(["upstream", "serve"])
            .args(["--listen", &loopback(port()?).to_string()])
            .args(["--internal-listen", &loopback(port()?).to_string()])
            .args(["--issuer", issuer, "--audience", AUDIENCE])
            .args(["--membership-claim", ACCOUNTS_CLAIM])
            .args(["--assertion-key-env", ASSERTION_KEY])
            .args(["--assertion-audience", ASSERTION_AUDIENCE, "--dev"])
            // These are secrets, and every user of the machine sees a process's arguments.
            .env("TOLLGATE_DATABASE_URL", database_url)
            .env(ASSERTION_KEY, &secrets.assertion_key)
            .env(INTROSPECTION_TOKEN, &secrets.introspection_token)
            .env(KEY_PEPPER, &secrets.key_pepper)
            .env(WIDGET_SECRET, &secrets.widget_secret)
            .args(&additions.arguments);
        let environment = additions.environment.iter();
        let mut child = environment
            .fold(job, |job, (name, value)| job.env(name, value))
            .start(tool, Scratch::new()?)?;
        let has_page = additions
            .arguments
            .iter()
            .any(|argument| argument == STATUS_PAGE);
        let (url, internal_url, status_url) = child.wait_for("it was ready", PATIENCE, |log| {
            let internal = after(log, "internal listener on ")?;
            let status = after(log, "status page on ");
            let is_whole = status.is_some() == has_page;
            is_whole.then_some((after(log, "listening on ")?, internal, status))
        })?;
        Ok(Self {
            child,
            url,
            internal_url,
            status_url,
            restartable,
        })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of its internal listener, which has the directory of accounts.
    pub fn internal_url(&self) -> &str {
        &self.internal_url
    }

    /// The page that shows what the gate decides, where it was started with [`STATUS_PAGE`].
    pub fn status_url(&self) -> Option<&str> {
        self.status_url.as_deref()
    }

    /// What it has written.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// How much of it is in memory, in bytes; none if it has ended.
    pub fn resident(&self) -> Option<u64> {
        process::resident(self.pid()?)
    }

    /// Its process's number; none if it has ended.
    pub fn pid(&self) -> Option<u32> {
        let child = self.child.pid()?;
        if self.restartable {
            return process::children_of(child).first().copied();
        }
        Some(child)
    }

    /// Kills it with SIGKILL; gone when this comes back.
    ///
    /// # Errors
    ///
    /// It does not run, or is not [restartable](Additions::restartable).
    pub fn kill(&self) -> io::Result<()> {
        let pid = self.pid().filter(|_| self.restartable);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        signal(pid, Signal::KILL)?;
        let deadline = Instant::now() + PATIENCE;
        while process::is_there(pid) {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Starts it again after [`Self::kill`], without waiting until it is ready.
    pub fn resume(&self) -> io::Result<()> {
        fs::write(self.child.folder().join("resume"), "")
    }

    /// Stops it where it is: it takes connections, and says nothing.
    pub fn stall(&self) -> io::Result<()> {
        signal(self.pid().ok_or(io::ErrorKind::NotFound)?, Signal::STOP)
    }

    /// Lets it go on after [`Self::stall`].
    pub fn go_on(&self) -> io::Result<()> {
        signal(self.pid().ok_or(io::ErrorKind::NotFound)?, Signal::CONT)
    }

    /// Why it is no more, if it has ended by itself.
    pub fn ended(&mut self) -> Option<ProcessError> {
        self.child.ended()
    }

    /// Asks it to end, without waiting.
    pub fn release(&mut self) {
        self.child.release();
    }
}

// === impl Secrets ===

impl Secrets {
    /// New ones.
    pub fn random() -> Self {
        Self {
            assertion_key: random::hex(32),
            introspection_token: random::hex(32),
            key_pepper: random::hex(32),
            widget_secret: random::hex(32),
        }
    }

    /// The gate's part of its environment.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [
            (ASSERTION_KEY, &self.assertion_key),
            (INTROSPECTION_TOKEN, &self.introspection_token),
        ]
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// What the gate would say to the upstream of a request for `account`, signed with its key and good for a minute; none
/// where one of them is no good.
pub fn assertion(key: &str, account: &str, admin: bool) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let assertion = Assertion {
        account: AccountName::parse(account.as_bytes())?,
        subject: "the harness".to_owned(),
        admin,
        credential: CredentialKind::Jwt,
    };
    let key = AssertionKey::new(key.as_bytes()).ok()?;
    key.sign(&assertion, ASSERTION_AUDIENCE, now.as_secs(), 60)
}

/// The rest of a whole line: without its end, the rest of the address may be on its way.
fn after(log: &str, label: &str) -> Option<String> {
    let (_, rest) = log.split_once(label)?;
    rest.split_once('\n').map(|(url, _)| url.to_owned())
}
