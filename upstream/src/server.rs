//! Starts, serves, and stops.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api::{self, Api};
use crate::database::Databases;
use crate::dev;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::keys::LastUses;
use crate::options::Options;
use crate::secrets::Secrets;
use crate::stop::Stop;
use crate::upkeep;
use crate::widget::token::Tokens;

/// How long requests may still run once the service was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// The service, ready: its system database is up to date and its ports are open.
pub struct Service {
    /// Ends when this is dropped.
    upkeep: JoinSet<()>,
    public: Port,
    internal: Option<Port>,
    /// The page for development.
    status: Option<Port>,
    databases: Databases,
    uses: LastUses,
}

/// An open port, and what answers there.
struct Port {
    listener: Listener,
    app: Router,
}

/// An open port.
struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

/// Runs the service until SIGINT or SIGTERM.
///
/// Once it is ready it prints one line to stdout, `listening on http://ADDRESS`, where there is an internal listener
/// another, `internal listener on http://ADDRESS`, for the page of development `status page on http://ADDRESS/status`, and
/// nothing else ever. Secrets come from the environment variables that
/// the options name.
///
/// # Errors
///
/// What keeps it from starting, in a sentence for whoever started it.
pub async fn serve(options: Options) -> Result<(), Error> {
    let secrets = Secrets::from_environment(&options)?;
    // Listened to from here on: a signal may come as soon as the line is out.
    let mut stop = Stop::new()?;
    let service = Service::start(&options, secrets).await?;
    announce(&service)?;
    service.run(stop.wait()).await
}

// === impl Service ===

impl Service {
    /// Prepares the databases and opens the ports.
    pub async fn start(options: &Options, secrets: Secrets) -> Result<Self, Error> {
        // Neither connects yet.
        let databases = Databases::new(options)?;
        let issuer = Issuer::new(options)?;
        // Before the databases are touched: a second instance by mistake ends here.
        let public = Listener::open("--listen", options.listen).await?;
        let internal = match options.internal_listen.zip(secrets.gate) {
            Some((address, gate)) => {
                Some((Listener::open("--internal-listen", address).await?, gate))
            }
            None => None,
        };
        // The environment can say `TOLLGATE_DEV=false`.
        let status = match options.dev_envoy_admin.filter(|_| options.dev) {
            Some(admin) => Some(Port {
                listener: Listener::open("--dev-status-listen", options.dev_status_listen).await?,
                app: dev::router(admin),
            }),
            None => None,
        };

        databases.prepare().await?;
        let mut upkeep = JoinSet::new();
        upkeep.spawn(upkeep::keep_up(databases.clone()));
        let gate = api::authenticator(secrets.assertion, &options.assertion_audience);
        let gate = match secrets.previous_assertion {
            Some(key) => gate.or_signed_with(key),
            None => gate,
        };
        let uses = LastUses::default();
        let tokens = Tokens::new(options.widget_issuer()?, secrets.widget);
        let api = Api::new(
            databases.clone(),
            issuer,
            secrets.pepper,
            tokens,
            uses.clone(),
            options,
        );
        Ok(Self {
            upkeep,
            databases,
            uses,
            internal: internal.map(|(listener, gate)| Port {
                listener,
                app: api::internal::router(api.clone(), gate),
            }),
            public: Port {
                listener: public,
                app: api::router(api, Arc::new(gate)),
            },
            status,
        })
    }

    /// The address that it listens on, with the port that was free.
    pub fn address(&self) -> SocketAddr {
        self.public.listener.address
    }

    /// The same of the internal listener, where there is one.
    pub fn internal_address(&self) -> Option<SocketAddr> {
        self.internal.as_ref().map(|port| port.listener.address)
    }

    /// Serves until `stop` is done; then ends what still runs, within a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let (databases, uses) = (self.databases.clone(), self.uses.clone());
        let outcome = tokio::select! {
            outcome = self.serve(stop) => outcome,
            // Has no end.
            () = uses.keep_writing(&databases) => Ok(()),
        };
        uses.write_the_last(&databases).await;
        outcome
    }

    async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let (stopped, told) = watch::channel(());
        let public = self.public.serve(told.clone());
        let others = [self.internal, self.status].map(|port| {
            let told = told.clone();
            async move {
                match port {
                    Some(port) => port.serve(told).await,
                    None => Ok(()),
                }
            }
        });
        drop(told);
        let [internal, status] = others;
        let all = async { tokio::try_join!(public, internal, status).map(drop) };
        let mut servers = tokio::spawn(all);
        tokio::select! {
            outcome = &mut servers => return Ok(outcome.map_err(io::Error::other)??),
            () = stop => {}
        }
        tracing::info!("stopping");
        drop(stopped);
        drop(self.upkeep);
        if let Ok(outcome) = tokio::time::timeout(GRACE, &mut servers).await {
            return Ok(outcome.map_err(io::Error::other)??);
        }
        tracing::warn!("stopped with requests still running");
        servers.abort();
        Ok(())
    }
}

// === impl Listener ===

impl Listener {
    async fn open(option: &'static str, address: SocketAddr) -> Result<Self, Error> {
        let failed = |why| Error::Listen {
            option,
            address,
            why,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }
}

// === impl Port ===

impl Port {
    /// Serves until the other end of `told` is dropped, and then what still runs.
    async fn serve(self, mut told: watch::Receiver<()>) -> io::Result<()> {
        let stop = async move {
            // Nothing is ever sent.
            let _ = told.changed().await;
        };
        axum::serve(self.listener.listener, self.app)
            .with_graceful_shutdown(stop)
            .await
    }
}

/// In one piece, for whoever waits for the first line and then looks for the second.
fn announce(service: &Service) -> io::Result<()> {
    let public = format!("listening on http://{}\n", service.address());
    let internal = service.internal_address();
    let internal = internal.map(|address| format!("internal listener on http://{address}\n"));
    let status = service.status.as_ref().map(|port| port.listener.address);
    let status = status.map(|address| format!("status page on http://{address}/status\n"));
    let lines = public + &internal.unwrap_or_default() + &status.unwrap_or_default();
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()
}
