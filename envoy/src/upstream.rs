//! The upstream as a process of its own: the service of `tollgate-upstream`, run by this same program.

use std::fmt;
use std::io;
use std::time::Duration;

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
    key_pepper: String,
    widget_secret: String,
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

// === impl Upstream ===

impl Upstream {
    /// Starts it on two free ports; ready when this comes back.
    pub fn start(
        tool: &Tool,
        database_url: &str,
        issuer: &str,
        secrets: &Secrets,
    ) -> Result<Self, UpstreamError> {
        let mut child = Job::new("the upstream", tool.path())
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

/// The rest of a whole line: without its end, the rest of the address may be on its way.
fn after(log: &str, label: &str) -> Option<String> {
    let (_, rest) = log.split_once(label)?;
    rest.split_once('\n').map(|(url, _)| url.to_owned())
}
