//! An HTTP server inside our own process, on a free loopback port.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::net::loopback;

/// How long the end may take. Requests are cut off, so this is for what they do in threads of their own.
const STOP: Duration = Duration::from_secs(5);

/// A running server, in threads of its own, so that synchronous code can have one. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Always there until the drop.
    runtime: Option<Runtime>,
}

/// A port that is listened on, before it is known what answers there.
#[derive(Debug)]
pub struct Listening(std::net::TcpListener);

// === impl Listening ===

impl Listening {
    /// On a free port.
    pub fn new() -> io::Result<Self> {
        Self::at(loopback(0))
    }

    /// At a place that may have been left a moment ago.
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Where.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Lets `app` answer.
    pub fn serve(self, app: Router) -> io::Result<Server> {
        self.run(|listener| async move {
            // It ends with its runtime only.
            let _ = axum::serve(listener, app).await;
        })
    }

    /// Lets `serve` take the connections.
    pub fn run<F>(self, serve: impl FnOnce(TcpListener) -> F) -> io::Result<Server>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let address = self.address()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(self.0)?
        };
        runtime.spawn(serve(listener));
        Ok(Server {
            address,
            runtime: Some(runtime),
        })
    }
}

// === impl Server ===

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it; when this comes back, nobody listens there any more.
    pub fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A request that is being answered, slowly perhaps because a test wanted it so, is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
