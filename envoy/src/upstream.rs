//! The upstream as a process of its own: the service of `tollgate-upstream`, run by this same program.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};

use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE};
use crate::process::{Child, Job, ProcessError, Scratch, Tool};
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

/// The audience of the gate's assertions, as in the reference configuration.
pub const ASSERTION_AUDIENCE: &str = "upstream";

/// A running upstream. Dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    child: Child,
    url: String,
    internal_url: String,
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
        let job = Job::new("the upstream", tool.path())
            .args(["upstream", "serve", "--listen", "127.0.0.1:0"])
            .args(["--internal-listen", "127.0.0.1:0"])
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
        let (url, internal_url) = child.wait_for("it was ready", PATIENCE, |log| {
            let internal = after(log, "internal listener on ")?;
            Some((after(log, "listening on ")?, internal))
        })?;
        Ok(Self {
            child,
            url,
            internal_url,
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

    /// What it has written.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// How much of it is in memory, in bytes; none if it has ended.
    pub fn resident(&self) -> Option<u64> {
        self.child.resident()
    }

    /// Its process's number; none if it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.pid()
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
