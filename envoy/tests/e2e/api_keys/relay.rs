//! A way to the upstream that a test can cut.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tollgate_envoy::server::{Listening, Server};

/// A running one. Whoever comes before it leads anywhere is turned away.
pub struct Relay {
    server: Option<Server>,
    address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    target: OnceLock<SocketAddr>,
    /// How many connections are still to be closed when a request comes.
    broken: AtomicUsize,
}

// === impl Relay ===

impl Relay {
    /// Starts one on a free loopback port.
    pub fn start() -> io::Result<Self> {
        let listening = Listening::new()?;
        let mut relay = Self {
            server: None,
            address: listening.address()?,
            way: Arc::default(),
        };
        relay.serve(listening)?;
        Ok(relay)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it lead there, from now on.
    pub fn lead_to(&self, target: SocketAddr) {
        self.way.target.set(target).unwrap();
    }

    /// Closes so many new connections when a request comes, unanswered.
    pub fn break_next(&self, connections: usize) {
        self.way.broken.store(connections, Ordering::Relaxed);
    }

    /// How many of them are still to come.
    pub fn unbroken(&self) -> usize {
        self.way.broken.load(Ordering::Relaxed)
    }

    /// Cuts all connections; nobody listens there any more.
    pub fn cut(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Leads there again.
    pub fn mend(&mut self) -> io::Result<()> {
        self.serve(Listening::at(self.address)?)
    }

    fn serve(&mut self, listening: Listening) -> io::Result<()> {
        let way = Arc::clone(&self.way);
        self.server = Some(listening.run(|listener| relay(listener, way))?);
        Ok(())
    }
}

async fn relay(listener: TcpListener, way: Arc<Way>) {
    while let Ok((mut from, _)) = listener.accept().await {
        let one_less = |broken: usize| broken.checked_sub(1);
        let (order, broken) = (Ordering::Relaxed, &way.broken);
        if broken.fetch_update(order, order, one_less).is_ok() {
            tokio::spawn(async move { from.read(&mut [0; 4096]).await });
        } else if let Some(target) = way.target.get().copied() {
            tokio::spawn(async move {
                let mut to = TcpStream::connect(target).await?;
                copy_bidirectional(&mut from, &mut to).await
            });
        }
    }
}
