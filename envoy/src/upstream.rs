//! The upstream as a process of its own: the service of `tollgate-upstream`, run by this same program.

use std::io;
use std::time::Duration;

use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE};
use crate::process::{Child, Job, ProcessError, Scratch, Tool};

/// How long the first migrations may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The environment variable with the key of the gate's assertions, as in the reference configuration.
pub const ASSERTION_KEY: &str = "TOLLGATE_ASSERTION_KEY";

/// A running upstream. Dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    child: Child,
    url: String,
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
    /// Starts it on a free port; ready when this comes back.
    pub fn start(
        tool: &Tool,
        database_url: &str,
        issuer: &str,
        assertion_key: &str,
    ) -> Result<Self, UpstreamError> {
        let mut child = Job::new("the upstream", tool.path())
            .args(["upstream", "serve", "--listen", "127.0.0.1:0"])
            .args(["--issuer", issuer, "--audience", AUDIENCE])
            .args(["--membership-claim", ACCOUNTS_CLAIM])
            .args(["--assertion-key-env", ASSERTION_KEY])
            .args(["--assertion-audience", "upstream", "--dev"])
            // Both are secrets, and every user of the machine sees a process's arguments.
            .env("TOLLGATE_DATABASE_URL", database_url)
            .env(ASSERTION_KEY, assertion_key)
            .start(tool, Scratch::new()?)?;
        let url = child.wait_for("it was ready", PATIENCE, |log| {
            // A whole line: the rest of the address may be on its way.
            let (_, rest) = log.split_once("listening on ")?;
            rest.split_once('\n').map(|(url, _)| url.to_owned())
        })?;
        Ok(Self { child, url })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
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
