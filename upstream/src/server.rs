//! Starts, serves, and stops.

use std::env;
use std::future::IntoFuture;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tollgate_policy::assertion::AssertionKey;

use crate::api::{self, Api};
use crate::database::{Databases, Server};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::options::Options;

/// How long requests may still run once the service was told to stop.
const GRACE: Duration = Duration::from_secs(10);

/// The service, ready: its databases are up to date and its port is open.
pub struct Service {
    listener: TcpListener,
    address: SocketAddr,
    app: Router,
}

/// Runs the service until SIGINT or SIGTERM.
///
/// Once it is ready it prints one line to stdout, `listening on http://ADDRESS`, and nothing else ever. The
/// assertion key comes from the environment variable that the options name.
///
/// # Errors
///
/// What keeps it from starting, in a sentence for whoever started it.
pub async fn serve(options: Options) -> Result<(), Error> {
    let key = assertion_key(&options.assertion_key_env)?;
    // Listened to from here on: a signal may come as soon as the line is out.
    let stop = Stop::new()?;
    let service = Service::start(&options, key).await?;
    announce(service.address())?;
    service.run(stop.wait()).await
}

// === impl Service ===

impl Service {
    /// Prepares the databases and opens the port.
    pub async fn start(options: &Options, key: AssertionKey) -> Result<Self, Error> {
        let server = Server::new(&options.database_url)?;
        let issuer = Issuer::new(options)?;
        // Before the databases are touched: a second instance by mistake ends here.
        let address = options.listen;
        let listen = |why| Error::Listen { address, why };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let databases = Databases::new(server, options);
        databases.prepare().await?;
        let gate = api::authenticator(key, &options.assertion_audience);
        let app = api::router(Api::new(databases, issuer, options.dev), Arc::new(gate));
        Ok(Self {
            listener,
            address,
            app,
        })
    }

    /// The address that it listens on, with the port that was free.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then ends what still runs, within a bounded time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        let (stopped, told) = oneshot::channel::<()>();
        let graceful = async {
            // Either way it is time to stop.
            let _ = told.await;
        };
        let server = axum::serve(self.listener, self.app).with_graceful_shutdown(graceful);
        let mut server = tokio::spawn(server.into_future());
        tokio::select! {
            outcome = &mut server => return Ok(outcome.map_err(io::Error::other)??),
            () = stop => {}
        }
        tracing::info!("stopping");
        drop(stopped);
        if let Ok(outcome) = tokio::time::timeout(GRACE, &mut server).await {
            return Ok(outcome.map_err(io::Error::other)??);
        }
        tracing::warn!("stopped with requests still running");
        server.abort();
        Ok(())
    }
}

fn assertion_key(variable: &str) -> Result<AssertionKey, Error> {
    let key = env::var_os(variable).ok_or_else(|| Error::KeyMissing(variable.to_owned()))?;
    AssertionKey::new(key.as_encoded_bytes()).map_err(|why| Error::KeyWeak {
        variable: variable.to_owned(),
        why,
    })
}

fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on http://{address}")?;
    stdout.flush()
}

/// The signals that end the service.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

// === impl Stop ===

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
