//! How a stack is started: its parts at the same time where they do not need each other.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::{Backend, Stack, StackError, accounts, check_port};
use crate::client::Origin;
use crate::config::{Config, ConfigError};
use crate::envoy::{Envoy, EnvoyError, Setting};
use crate::issuer::Issuer;
use crate::net;
use crate::postgres::Postgres;
use crate::process::Tool;
use crate::progress::Progress;
use crate::tools::Tools;
use crate::upstream::{Additions, STATUS_PAGE, Secrets, Upstream};
use crate::{build, echo};

/// What a stack shall be. The defaults are the demo's.
pub struct Builder {
    tool: Tool,
    progress: Progress,
    module: Option<PathBuf>,
    workers: usize,
    port: u16,
    behind: Behind,
    drain: Option<Duration>,
    changes: Vec<Change>,
    upstream: Additions,
    durable: bool,
    status_page: bool,
}

/// What shall be behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    Service,
    Echo,
    Other(SocketAddr),
}

type Change = Box<dyn FnOnce(Config, &Issuer) -> Result<Config, ConfigError>>;

// === impl Builder ===

impl Builder {
    pub(super) fn new(tool: Tool) -> Self {
        Self {
            tool,
            progress: Progress::new(),
            module: None,
            workers: 2,
            port: 0,
            behind: Behind::Service,
            drain: None,
            changes: Vec::new(),
            upstream: Additions::default(),
            durable: false,
            status_page: false,
        }
    }

    /// Shows the progress here.
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }

    /// A module that is built already, instead of building the filter.
    #[must_use]
    pub fn module(mut self, path: impl Into<PathBuf>) -> Self {
        self.module = Some(path.into());
        self
    }

    /// Envoy's worker threads.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The listener's port; 0 takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// An upstream that answers what it received, instead of the real one with its databases.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.behind = Behind::Echo;
        self
    }

    /// Gives the real upstream more options.
    #[must_use]
    pub fn upstream_arguments<T: Into<String>>(
        mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into);
        self.upstream.arguments.extend(arguments);
        self
    }

    /// A PostgreSQL that can be [killed](Postgres::kill) and started again.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// The same, and an upstream that can be [killed](Upstream::kill) and started again, at its ports.
    #[must_use]
    pub fn restartable(mut self) -> Self {
        self.upstream.restartable = true;
        self.durable()
    }

    /// The caller's own upstream, instead of the real one with its databases.
    #[must_use]
    pub fn upstream(mut self, address: SocketAddr) -> Self {
        self.behind = Behind::Other(address);
        self
    }

    /// Lets [`Stack::reload`] replace the listener; connections to the old one may then live on so long, in whole
    /// seconds.
    #[must_use]
    pub fn reloadable(mut self, drain: Duration) -> Self {
        self.drain = Some(drain);
        self
    }

    /// Has the upstream show what the gate decides, at [`Stack::status_url`].
    #[must_use]
    pub fn status_page(mut self) -> Self {
        self.status_page = true;
        self
    }

    /// Changes the filter's configuration.
    #[must_use]
    pub fn policy(self, change: impl FnOnce(&mut Value) + 'static) -> Self {
        self.policy_for(|policy, _| change(policy))
    }

    /// Changes the filter's configuration, knowing the issuer that runs already.
    #[must_use]
    pub fn policy_for(mut self, change: impl FnOnce(&mut Value, &Issuer) + 'static) -> Self {
        self.changes.push(Box::new(|mut config, issuer| {
            change(config.policy()?, issuer);
            Ok(config)
        }));
        self
    }

    /// Changes what else Envoy is told.
    #[must_use]
    pub fn config(
        mut self,
        change: impl FnOnce(Config) -> Result<Config, ConfigError> + 'static,
    ) -> Self {
        self.changes.push(Box::new(|config, _| change(config)));
        self
    }

    /// The same, knowing the issuer that runs already.
    #[must_use]
    pub fn config_for(
        mut self,
        change: impl FnOnce(Config, &Issuer) -> Result<Config, ConfigError> + 'static,
    ) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Starts everything; ready when this comes back.
    pub fn start(mut self) -> Result<Stack, StackError> {
        check_port(self.port)?;
        if self.status_page {
            // The upstream starts first, and must know where Envoy will be.
            let port = net::lasting_port().map_err(EnvoyError::from)?;
            let admin = format!("http://{}", net::loopback(port));
            let arguments = [STATUS_PAGE.to_owned(), admin];
            self.upstream.arguments.extend(arguments);
            self = self.config(move |config| config.with_admin_port(port));
        }
        let module = match &self.module {
            Some(module) => module.clone(),
            None => build::filter(&self.progress)?,
        };
        let tools = Tools::new(self.progress.clone());
        let (tool, progress) = (&self.tool, &self.progress);
        let (binary, issuer, postgres) = thread::scope(|scope| {
            let binary = scope.spawn(|| tools.envoy());
            let postgres = || start_postgres(tool, &tools, progress, self.durable);
            let postgres = (self.behind == Behind::Service).then(|| scope.spawn(postgres));
            let issuer = Issuer::start();
            let postgres = postgres.map(join);
            Ok::<_, StackError>((join(binary)?, issuer?, postgres.transpose()?))
        })?;

        let secrets = Secrets::random();
        let backend = self.start_backend(postgres, &issuer, &secrets)?;
        self.start_envoy(backend, issuer, binary, module, secrets)
    }

    fn start_backend(
        &self,
        postgres: Option<Postgres>,
        issuer: &Issuer,
        secrets: &Secrets,
    ) -> Result<Backend, StackError> {
        let Some(postgres) = postgres else {
            return match self.behind {
                Behind::Other(address) => Ok(Backend::Other(address)),
                _ => echo::start().map(Backend::Echo).map_err(StackError::Echo),
            };
        };
        let upstream = self.progress.step("starting the upstream", || {
            let (tool, url) = (&self.tool, postgres.url());
            let upstream = Upstream::start_with(tool, &url, issuer.url(), secrets, &self.upstream)?;
            accounts::create(
                Origin::parse(upstream.url()).map_err(EnvoyError::from)?,
                &secrets.assertion_key,
            )?;
            Ok::<_, StackError>(upstream)
        })?;
        Ok(Backend::Service { upstream, postgres })
    }

    fn start_envoy(
        self,
        backend: Backend,
        issuer: Issuer,
        binary: PathBuf,
        module: PathBuf,
        secrets: Secrets,
    ) -> Result<Stack, StackError> {
        let config = configuration(&backend, &issuer, &module, self.port, self.changes)?;
        let setting = Setting {
            binary: &binary,
            workers: self.workers,
            environment: &secrets.environment(),
            drain: self.drain,
        };
        let envoy = self.progress.step("starting Envoy", || {
            Envoy::start(&self.tool, setting, config.clone())
        })?;
        let gate = Origin::parse(envoy.url()).map_err(EnvoyError::from)?;
        Ok(Stack {
            gate,
            issuer,
            envoy,
            config: Mutex::new(config),
            backend,
            secrets,
            module,
            envoy_binary: binary,
        })
    }
}

fn start_postgres(
    tool: &Tool,
    tools: &Tools,
    progress: &Progress,
    durable: bool,
) -> Result<Postgres, StackError> {
    let programs = tools.postgres()?;
    progress.step("starting PostgreSQL", || {
        Ok(if durable {
            Postgres::start_durable(tool, &programs)?
        } else {
            Postgres::start(tool, &programs)?
        })
    })
}

/// The reference configuration for these parts, after the changes.
fn configuration(
    backend: &Backend,
    issuer: &Issuer,
    module: &Path,
    port: u16,
    changes: Vec<Change>,
) -> Result<Config, StackError> {
    let upstream = address(&backend.url())?;
    let mut config = Config::reference()?
        .on_loopback(port)?
        .with_module(module)?
        .with_cluster("upstream", upstream)?
        .with_cluster("accounts", address(&backend.accounts_url())?)?
        .with_cluster("zitadel", address(issuer.url())?)?
        .with_issuer(issuer.url())?;
    if !matches!(backend, Backend::Service { .. }) {
        // Nobody knows which accounts there are, nor has tokens for visitors.
        let policy = config.policy()?;
        if let Some(directory) = policy.pointer_mut("/accounts/directory") {
            *directory = Value::Null;
        }
        if let Some(issuers) = policy.pointer_mut("/issuers").and_then(Value::as_array_mut) {
            issuers.truncate(1);
        }
    }
    for change in changes {
        config = change(config, issuer)?;
    }
    Ok(config)
}

fn address(url: &str) -> Result<SocketAddr, StackError> {
    Ok(Origin::parse(url).map_err(EnvoyError::from)?.address())
}

fn join<T, E: Into<StackError>>(
    thread: ScopedJoinHandle<'_, Result<T, E>>,
) -> Result<T, StackError> {
    match thread.join() {
        Ok(result) => result.map_err(Into::into),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("port", &self.port)
            .field("behind", &self.behind)
            .finish_non_exhaustive()
    }
}
