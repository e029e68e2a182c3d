//! An upstream that sees each request exactly as it arrives: bytes, order, trailers and all. It reads HTTP/1.1 by itself,
//! because a library would tidy up what it is here to look at.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{Listening, Server};

/// Requests with more headers than this are not read; Envoy lets 100 through, and adds some.
const MAX_HEADERS: usize = 256;

/// A name and a value, as they came.
pub type Field = (Vec<u8>, Vec<u8>);

/// A request as it arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Its method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// In the order they came.
    pub headers: Vec<Field>,
    /// Without chunking.
    pub body: Vec<u8>,
    /// In the order they came.
    pub trailers: Vec<Field>,
}

/// What a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// All of it.
    Whole(u16, String),
    /// Headers and a part of the body, and then nothing more, until the other side goes.
    Half,
    /// 101, and then every byte comes back.
    Upgrade,
}

/// Whoever looks at the requests.
pub trait Witness: Send + Sync + 'static {
    /// The headers are here; the body, which may never come, is not.
    fn arrived(&self, _: &Arrival) {}

    /// All is here.
    fn reply(&self, arrival: &Arrival) -> Reply;
}

/// Answers with [`Arrival::to_json`].
#[derive(Clone, Copy, Debug)]
pub struct Reflection;

/// A running one. Dropping it stops it.
#[derive(Debug)]
pub struct Mirror(Server);

/// The connection is no more, or what came is no HTTP.
struct Ended;

struct Connection<W> {
    stream: TcpStream,
    read: Vec<u8>,
    witness: Arc<W>,
}

/// Where a request's body ends.
#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
}

// === impl Mirror ===

impl Mirror {
    /// Starts one on a free loopback port.
    pub fn start(witness: impl Witness) -> io::Result<Self> {
        let witness = Arc::new(witness);
        Ok(Self(
            Listening::new()?.run(move |listener| serve(listener, witness))?,
        ))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

async fn serve<W: Witness>(listener: TcpListener, witness: Arc<W>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            read: Vec::new(),
            witness: Arc::clone(&witness),
        };
        tokio::spawn(connection.serve());
    }
}

// === impl Witness ===

impl Witness for Reflection {
    fn reply(&self, arrival: &Arrival) -> Reply {
        Reply::Whole(200, arrival.to_json().to_string())
    }
}

// === impl Arrival ===

impl Arrival {
    /// All values of a name, in any case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |field: &&Field| field.0.eq_ignore_ascii_case(name.as_bytes());
        self.headers
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_slice())
    }

    /// As JSON, in which each byte of a name, a value or the body is the character of its number (Latin-1), so that no
    /// byte is lost.
    pub fn to_json(&self) -> Value {
        let fields = |fields: &[Field]| -> Vec<_> {
            let fields = fields.iter();
            fields
                .map(|(name, value)| json!([latin(name), latin(value)]))
                .collect()
        };
        json!({
            "method": self.method,
            "target": self.target,
            "headers": fields(&self.headers),
            "body": latin(&self.body),
            "trailers": fields(&self.trailers),
        })
    }

    /// Back from [`Self::to_json`]; none where it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let fields = |name: &str| -> Option<Vec<Field>> {
            let fields = value.get(name)?.as_array()?.iter();
            fields
                .map(|field| {
                    let part = |index: usize| field.get(index)?.as_str().and_then(bytes);
                    Some((part(0)?, part(1)?))
                })
                .collect()
        };
        Some(Self {
            method: text("method")?,
            target: text("target")?,
            headers: fields("headers")?,
            body: bytes(&text("body")?)?,
            trailers: fields("trailers")?,
        })
    }
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn bytes(latin: &str) -> Option<Vec<u8>> {
    latin.chars().map(|char| u8::try_from(char).ok()).collect()
}

// === impl Connection ===

impl<W: Witness> Connection<W> {
    async fn serve(mut self) {
        while self.answer().await.is_ok() {}
    }

    async fn answer(&mut self) -> Result<(), Ended> {
        let (mut arrival, framing) = self.head().await?;
        self.witness.arrived(&arrival);
        match framing {
            Framing::Length(length) => arrival.body = self.take(length).await?,
            Framing::Chunked => self.chunks(&mut arrival).await?,
        }
        match self.witness.reply(&arrival) {
            Reply::Whole(status, body) => {
                let is_head = arrival.method == "HEAD";
                let shown = if is_head { "" } else { body.as_str() };
                let length = body.len();
                self.write(&format!(
                    "HTTP/1.1 {status} Done\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\n\r\n{shown}"
                ))
                .await
            }
            Reply::Half => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n";
                self.write(head).await?;
                self.more().await
            }
            Reply::Upgrade => {
                self.write(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\
                     connection: upgrade\r\n\r\n",
                )
                .await?;
                loop {
                    let bytes = std::mem::take(&mut self.read);
                    self.stream.write_all(&bytes).await.map_err(|_| Ended)?;
                    self.more().await?;
                }
            }
        }
    }

    async fn head(&mut self) -> Result<(Arrival, Framing), Ended> {
        loop {
            if let Some((arrival, framing, length)) = head(&self.read)? {
                self.read.drain(..length);
                return Ok((arrival, framing));
            }
            self.more().await?;
        }
    }

    /// Reads a chunked body with its trailers (RFC 9112 §7.1).
    async fn chunks(&mut self, arrival: &mut Arrival) -> Result<(), Ended> {
        loop {
            let line = self.line().await?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = str::from_utf8(size).map_err(|_| Ended)?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| Ended)?;
            if size == 0 {
                break;
            }
            arrival.body.extend(self.take(size).await?);
            self.line().await?;
        }
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(());
            }
            let colon = line.iter().position(|byte| *byte == b':').ok_or(Ended)?;
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            arrival.trailers.push((name.to_owned(), value.to_owned()));
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Ended> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let mut line: Vec<_> = self.read.drain(..end + 2).collect();
                line.truncate(end);
                return Ok(line);
            }
            self.more().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, Ended> {
        while self.read.len() < length {
            self.more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn more(&mut self) -> Result<(), Ended> {
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) | Err(_) => Err(Ended),
            Ok(_) => Ok(()),
        }
    }

    async fn write(&mut self, text: &str) -> Result<(), Ended> {
        let written = self.stream.write_all(text.as_bytes()).await;
        written.map_err(|_| Ended)
    }
}

/// A request's head, once all of it is there.
fn head(bytes: &[u8]) -> Result<Option<(Arrival, Framing, usize)>, Ended> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(bytes).map_err(|_| Ended)?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let headers = request.headers.iter();
    let arrival = Arrival {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers: headers
            .map(|header| (header.name.as_bytes().to_owned(), header.value.to_owned()))
            .collect(),
        ..Arrival::default()
    };
    let is_chunked = arrival.values("transfer-encoding").next().is_some();
    let size = arrival.values("content-length").next();
    let size = size.and_then(|size| str::from_utf8(size).ok()?.parse().ok());
    let framing = if is_chunked {
        Framing::Chunked
    } else {
        Framing::Length(size.unwrap_or(0))
    };
    Ok(Some((arrival, framing, length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Origin;

    #[test]
    fn what_arrives_comes_back_byte_by_byte() {
        let mirror = Mirror::start(Reflection).unwrap();
        let origin = Origin::parse(&format!("http://{}", mirror.address())).unwrap();
        let mut connection = origin.connect().unwrap();
        connection.write(b"POST /a?b HTTP/1.1\r\nOdd: \xff\x80 \"\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nT-1: x\r\n\r\n").unwrap();
        let answer = connection.receive("POST").unwrap().json();
        let arrival = Arrival::from_json(&answer).unwrap();
        assert_eq!(arrival.headers[0], (b"Odd".into(), b"\xff\x80 \"".into()));
        assert_eq!(arrival.body, b"hi");
        assert_eq!(arrival.trailers, [(b"T-1".into(), b"x".into())]);
        assert_eq!((&*arrival.method, &*arrival.target), ("POST", "/a?b"));
    }
}
