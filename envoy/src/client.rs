//! A small HTTP/1.1 client on a plain socket, for tests: it sends any bytes, also those that no other client
//! would, and nothing that it was not told to.

mod response;
mod underway;
mod volley;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;

pub use response::Response;
pub use underway::Underway;
pub use volley::Outcomes;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Origin(SocketAddr);

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    to: SocketAddr,
    method: String,
    target: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

/// A connection that is kept open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What has come and belongs to no answer yet.
    read: Vec<u8>,
}

// === impl Origin ===

impl Origin {
    /// The server of a URL, `http://ADDRESS:PORT`.
    pub fn parse(url: &str) -> io::Result<Self> {
        let rest = url.strip_prefix("http://").unwrap_or(url);
        let authority = rest.split('/').next().unwrap_or(rest);
        authority
            .parse()
            .map(Self)
            .map_err(|error| io::Error::other(format!("{url}: {error}")))
    }

    /// Where it listens.
    pub fn address(self) -> SocketAddr {
        self.0
    }

    /// `GET path`.
    pub fn get(self, path: impl AsRef<[u8]>) -> Request {
        self.request("GET", path)
    }

    /// `POST path`.
    pub fn post(self, path: impl AsRef<[u8]>) -> Request {
        self.request("POST", path)
    }

    /// Any request; the path goes out as it is.
    pub fn request(self, method: &str, path: impl AsRef<[u8]>) -> Request {
        Request {
            to: self.0,
            method: method.to_owned(),
            target: path.as_ref().to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// A connection for several requests.
    pub fn connect(self) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&self.0, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            read: Vec::new(),
        })
    }
}

// === impl Request ===

impl Request {
    /// Adds a header, also one that is there already.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let header = (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.headers.push(header);
        self
    }

    /// Adds `X-Account-ID`.
    #[must_use]
    pub fn account(self, name: impl AsRef<[u8]>) -> Self {
        self.header("X-Account-ID", name)
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<[u8]>) -> Self {
        self.header("Authorization", [b"Bearer ", token.as_ref()].concat())
    }

    /// Adds `Authorization: Basic`.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{user}:{password}"));
        self.header("Authorization", format!("Basic {credentials}"))
    }

    /// Adds `X-Admin: true`.
    #[must_use]
    pub fn as_admin(self) -> Self {
        self.header("X-Admin", "true")
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// Sets a form, encoded already.
    #[must_use]
    pub fn form(self, body: &str) -> Self {
        self.header("Content-Type", "application/x-www-form-urlencoded")
            .body(body)
    }

    /// Sets a body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_owned());
        self
    }

    /// Sends it on a connection of its own.
    pub fn send(&self) -> io::Result<Response> {
        self.begin()?.finish()
    }

    /// Sends it on a connection of its own, and does not wait for the answer.
    pub fn begin(&self) -> io::Result<Underway> {
        let mut connection = Origin(self.to).connect()?;
        connection.stream.write_all(&self.bytes(false))?;
        Ok(Underway::new(connection, &self.method))
    }

    fn bytes(&self, keep_alive: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut line = |parts: &[&[u8]]| {
            bytes.extend(parts.concat());
            bytes.extend(b"\r\n");
        };
        line(&[self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1"]);
        if !self.has("host") {
            line(&[b"host: ", self.to.to_string().as_bytes()]);
        }
        for (name, value) in &self.headers {
            line(&[name, b": ", value]);
        }
        if let Some(body) = &self.body {
            line(&[b"content-length: ", body.len().to_string().as_bytes()]);
        }
        if !keep_alive && !self.has("connection") {
            line(&[b"connection: close"]);
        }
        line(&[]);
        bytes.extend(self.body.as_deref().unwrap_or_default());
        bytes
    }

    fn has(&self, header: &str) -> bool {
        self.headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case(header.as_bytes()))
    }
}

// === impl Connection ===

impl Connection {
    /// Waits no longer than this for bytes that do not come.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    /// Waits for anything of an answer.
    pub fn wait(&mut self) -> io::Result<()> {
        self.stream.peek(&mut [0]).map(drop)
    }

    /// Hangs up by a reset (RST).
    pub fn reset(self) -> io::Result<()> {
        set_socket_linger(&self.stream, Some(Duration::ZERO))?;
        Ok(())
    }

    /// Sends a request and waits for the answer; the connection stays open.
    pub fn send(&mut self, request: &Request) -> io::Result<Response> {
        self.stream.write_all(&request.bytes(true))?;
        self.receive(&request.method)
    }

    /// Sends bytes, whatever they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits for the answer to a request with this method that was [written](Self::write).
    pub fn receive(&mut self, method: &str) -> io::Result<Response> {
        Response::read(&mut self.stream, &mut self.read, method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_out_as_it_was_written() {
        let origin = Origin::parse("http://127.0.0.1:80/path").unwrap();
        let request = origin
            .request("PUT", b"/a//%2e\xff")
            .header("X-A", "1")
            .header("x-a", b"\xfe")
            .body("hi");
        let expected = b"PUT /a//%2e\xff HTTP/1.1\r\nhost: 127.0.0.1:80\r\nX-A: 1\r\nx-a: \xfe\r\n\
            content-length: 2\r\nconnection: close\r\n\r\nhi";
        assert_eq!(request.bytes(false), expected);
    }

    #[test]
    fn a_url_without_an_address_is_refused() {
        let error = Origin::parse("http://localhost").unwrap_err().to_string();
        assert!(error.contains("http://localhost"), "{error}");
    }
}
