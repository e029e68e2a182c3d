//! A way to the upstream that a test can cut.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tollgate_envoy::server::{Listening, Server};

/// A running one. Whoever comes before it leads anywhere is turned away.
pub struct Relay {
    server: Option<Server>,
    address: SocketAddr,
    target: Arc<OnceLock<SocketAddr>>,
}

// === impl Relay ===

impl Relay {
    /// Starts one on a free loopback port.
    pub fn start() -> io::Result<Self> {
        let listening = Listening::new()?;
        let mut relay = Self {
            server: None,
            address: listening.address()?,
            target: Arc::default(),
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
        self.target.set(target).unwrap();
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
        let target = Arc::clone(&self.target);
        self.server = Some(listening.run(|listener| relay(listener, target))?);
        Ok(())
    }
}

async fn relay(listener: TcpListener, target: Arc<OnceLock<SocketAddr>>) {
    while let Ok((mut from, _)) = listener.accept().await {
        if let Some(target) = target.get().copied() {
            tokio::spawn(async move {
                let mut to = TcpStream::connect(target).await?;
                copy_bidirectional(&mut from, &mut to).await
            });
        }
    }
}
