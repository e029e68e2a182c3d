//! Everything together: the issuer, PostgreSQL, the upstream and Envoy with the filter.

mod accounts;
mod builder;
mod reload;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub use builder::Builder;

use crate::build::BuildError;
use crate::client::{Origin, Request};
use crate::config::{Config, ConfigError};
use crate::envoy::{Envoy, EnvoyError};
use crate::issuer::{Issuer, IssuerError};
use crate::net;
use crate::postgres::{Postgres, PostgresError};
use crate::process::{ProcessError, Tool};
use crate::server::Server;
use crate::tools::ToolError;
use crate::upstream::{Secrets, Upstream, UpstreamError};

/// The accounts that there are.
pub const ACCOUNTS: [&str; 2] = ["acme", "globex"];

/// A gate that runs, and all that it needs. Dropping it stops everything.
#[derive(Debug)]
pub struct Stack {
    issuer: Issuer,
    envoy: Envoy,
    /// As Envoy has it now.
    config: Mutex<Config>,
    backend: Backend,
    secrets: Secrets,
    module: PathBuf,
    envoy_binary: PathBuf,
    gate: Origin,
}

/// What is behind the gate.
#[derive(Debug)]
enum Backend {
    /// The real service, with its databases.
    Service {
        upstream: Upstream,
        postgres: Postgres,
    },
    /// A server that answers what it received.
    Echo(Server),
    /// Somebody else's.
    Other(SocketAddr),
}

/// Why the stack does not run: one of its parts.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part's own error")]
pub enum StackError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    #[error("the echo upstream cannot listen on a loopback port: {0}")]
    Echo(io::Error),
    /// The listener's port cannot be had.
    #[error("port {0} is in use; stop what listens there, or choose another with --port")]
    PortTaken(u16),
    /// The listener's port is not for everybody.
    #[error("port {0} needs root; choose one from 1024 on with --port")]
    PortPrivileged(u16),
    /// The upstream refused.
    #[error("the upstream did not create the account {account}: {answer}")]
    Account {
        account: &'static str,
        answer: String,
    },
}

// === impl Stack ===

impl Stack {
    /// A stack to be started; `tool` supervises its processes.
    pub fn builder(tool: Tool) -> Builder {
        Builder::new(tool)
    }

    /// The issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Envoy.
    pub fn envoy(&self) -> &Envoy {
        &self.envoy
    }

    /// The key that signs the gate's assertions.
    pub fn assertion_key(&self) -> &str {
        &self.secrets.assertion_key
    }

    /// What the upstream was started with.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The credential that the gate shows at the upstream's internal listener.
    pub fn introspection_token(&self) -> &str {
        &self.secrets.introspection_token
    }

    /// `GET path` through the gate.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Request {
        self.gate.get(path)
    }

    /// `POST path` through the gate.
    pub fn post(&self, path: impl AsRef<[u8]>) -> Request {
        self.gate.post(path)
    }

    /// Any request through the gate.
    pub fn request(&self, method: &str, path: impl AsRef<[u8]>) -> Request {
        self.gate.request(method, path)
    }

    /// Where the gate is.
    pub fn gate(&self) -> Origin {
        self.gate
    }

    /// The upstream's own URL, past the gate.
    pub fn upstream_url(&self) -> String {
        self.backend.url()
    }

    /// The page that shows what the gate decides; none unless the stack was started [with
    /// it](Builder::status_page).
    pub fn status_url(&self) -> Option<String> {
        match &self.backend {
            Backend::Service { upstream, .. } => upstream.status_url().map(str::to_owned),
            Backend::Echo(_) | Backend::Other(_) => None,
        }
    }

    /// The upstream's internal listener; none with another upstream.
    pub fn internal_url(&self) -> Option<&str> {
        match &self.backend {
            Backend::Service { upstream, .. } => Some(upstream.internal_url()),
            Backend::Echo(_) | Backend::Other(_) => None,
        }
    }

    /// The service behind the gate, and its PostgreSQL; none with another upstream.
    pub fn service(&self) -> Option<(&Upstream, &Postgres)> {
        match &self.backend {
            Backend::Service { upstream, postgres } => Some((upstream, postgres)),
            Backend::Echo(_) | Backend::Other(_) => None,
        }
    }

    /// The directory of accounts, which the upstream's internal listener has; none with the echo upstream.
    pub fn directory_url(&self) -> Option<String> {
        let url = self.internal_url()?;
        Some(format!("{url}/internal/directory"))
    }

    /// The module that Envoy runs.
    pub fn module(&self) -> &Path {
        &self.module
    }

    /// The variables that a command gets to find its way around.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Path| path.display().to_string();
        let mut variables = vec![
            ("TOLLGATE_URL", self.envoy.url().to_owned()),
            (
                "TOLLGATE_ENVOY_ADMIN_URL",
                self.envoy.admin_url().to_owned(),
            ),
            ("TOLLGATE_ISSUER_URL", self.issuer.url().to_owned()),
            ("TOLLGATE_UPSTREAM_URL", self.upstream_url()),
            ("TOLLGATE_TOKEN", self.issuer.member("acme")),
            ("TOLLGATE_ADMIN_TOKEN", self.issuer.administrator()),
            ("TOLLGATE_OTHER_TOKEN", self.issuer.member("globex")),
            ("TOLLGATE_WASM", path(&self.module)),
            ("TOLLGATE_ENVOY", path(&self.envoy_binary)),
        ];
        if let Backend::Service { postgres, .. } = &self.backend {
            variables.push(("TOLLGATE_DATABASE_URL", postgres.url()));
        }
        variables
    }

    /// The part that has ended by itself, if one has.
    pub fn ended(&mut self) -> Option<ProcessError> {
        let backend = match &mut self.backend {
            Backend::Service { upstream, postgres } => {
                upstream.ended().or_else(|| postgres.ended())
            }
            Backend::Echo(_) | Backend::Other(_) => None,
        };
        self.envoy.ended().or(backend)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // All at the same time; each field's own drop then waits for its part.
        self.envoy.release();
        if let Backend::Service { upstream, postgres } = &mut self.backend {
            upstream.release();
            postgres.release();
        }
    }
}

// === impl Backend ===

impl Backend {
    fn url(&self) -> String {
        match self {
            Self::Service { upstream, .. } => upstream.url().to_owned(),
            Self::Echo(server) => format!("http://{}", server.address()),
            Self::Other(address) => format!("http://{address}"),
        }
    }

    /// Where the accounts are; an upstream of another kind has none, and answers there too.
    fn accounts_url(&self) -> String {
        match self {
            Self::Service { upstream, .. } => upstream.internal_url().to_owned(),
            Self::Echo(_) | Self::Other(_) => self.url(),
        }
    }
}

// === impl StackError ===

impl From<ConfigError> for StackError {
    fn from(error: ConfigError) -> Self {
        EnvoyError::from(error).into()
    }
}

fn check_port(port: u16) -> Result<(), StackError> {
    if port == 0 {
        return Ok(());
    }
    net::listen(port).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => StackError::PortPrivileged(port),
        _ => StackError::PortTaken(port),
    })
}
