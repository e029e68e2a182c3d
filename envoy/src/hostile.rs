//! A server that harms whoever asks it: every way in which an issuer, a directory or an introspection endpoint can answer
//! wrongly, slowly, or without end. It writes bytes, so that it can send what no HTTP library would.

mod behaviour;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub use self::behaviour::{Behaviour, Kind};
use self::behaviour::{ELSEWHERE, Step, steps};
use crate::server::{Listening, Server};

/// Requests with more headers than this are not read.
const MAX_HEADERS: usize = 100;

/// Between two small pieces of what is sent slowly.
const DRIP: Duration = Duration::from_millis(50);

/// A running one. Dropping it stops it.
#[derive(Debug)]
pub struct Hostile {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    /// What a good answer has for a body.
    good: Vec<u8>,
    kind: Kind,
    asked: AtomicU64,
    /// Requests that a redirect was followed by.
    followed: AtomicU64,
}

/// A request, as far as an answer needs it.
struct Head {
    target: String,
    length: usize,
    body: usize,
}

// === impl Hostile ===

impl Hostile {
    /// Starts one, which behaves well and answers everything with `good`.
    pub fn start(kind: Kind, good: impl Into<Vec<u8>>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(Behaviour::Good),
            good: good.into(),
            kind,
            asked: AtomicU64::default(),
            followed: AtomicU64::default(),
        });
        let served = Arc::clone(&shared);
        let server = Listening::new()?.run(|listener| accept(listener, served))?;
        Ok(Self { server, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Answers like this from now on; what is under way goes on as it began.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour() = behaviour;
    }

    /// How many requests it has had.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// How many of them came by a redirect.
    pub fn followed(&self) -> u64 {
        self.shared.followed.load(Ordering::Relaxed)
    }
}

// === impl Shared ===

impl Shared {
    fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // Where the other side is gone there is nobody to harm.
        tokio::spawn(async move { connection(stream, &shared).await });
    }
}

async fn connection(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    if *shared.behaviour() == Behaviour::ResetAtOnce {
        return stream.set_zero_linger();
    }
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(head) = Head::parse(&read)? {
                break head;
            }
            more(&mut stream, &mut read).await?;
        };
        while read.len() < head.length + head.body {
            more(&mut stream, &mut read).await?;
        }
        read.drain(..head.length + head.body);
        shared.asked.fetch_add(1, Ordering::Relaxed);
        if head.target.contains(ELSEWHERE) {
            shared.followed.fetch_add(1, Ordering::Relaxed);
        }
        let behaviour = *shared.behaviour();
        for step in steps(behaviour, shared.kind, &shared.good) {
            match step {
                Step::Send(bytes) => stream.write_all(&bytes).await?,
                Step::Drip(bytes) => {
                    for byte in bytes {
                        stream.write_all(&[byte]).await?;
                        tokio::time::sleep(DRIP).await;
                    }
                }
                Step::Repeat(bytes) => loop {
                    stream.write_all(&bytes).await?;
                },
                Step::Wait => std::future::pending().await,
                Step::Reset => return stream.set_zero_linger(),
                Step::Close => return stream.shutdown().await,
            }
        }
    }
}

async fn more(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(read).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

// === impl Head ===

impl Head {
    fn parse(bytes: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = request.parse(bytes).map_err(io::Error::other)?
        else {
            return Ok(None);
        };
        let is_length =
            |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("content-length");
        let body = request.headers.iter().find(is_length);
        let body = body.and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
        Ok(Some(Self {
            target: request.path.unwrap_or_default().to_owned(),
            length,
            body: body.unwrap_or_default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Origin;

    #[test]
    fn it_behaves_well_until_told_otherwise() {
        let server = Hostile::start(Kind::Keys, "{\"keys\":[]}").unwrap();
        let origin = Origin::parse(&format!("http://{}", server.address())).unwrap();
        let get = || origin.get("/keys").send();
        assert_eq!(get().unwrap().text(), "{\"keys\":[]}");
        server.behave(Behaviour::Redirect(308));
        assert_eq!(get().unwrap().status, 308);
        server.behave(Behaviour::CloseMidBody);
        assert!(get().is_err());
        server.behave(Behaviour::ResetAtOnce);
        assert!(get().is_err());
        server.behave(Behaviour::Good);
        assert_eq!(get().unwrap().status, 200);
        assert_eq!((server.asked(), server.followed()), (4, 0));
    }
}
