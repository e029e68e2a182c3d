//! What sends the requests: some connections, each with one request under way, and every answer looked at.
//!
//! `wrk` and `h2load` would do neither: they count statuses only, and begin a process for each turn, whose start falls
//! into what is measured.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{self, AddressFamily, SocketType};

use super::expected::Expected;
use crate::client::Origin;

/// How many requests are under way at a time. Enough that Envoy always has one to work on.
pub(super) const CONNECTIONS: usize = 16;

/// What Envoy answers to everybody who passes.
pub(super) const BODY: &str = "welcome\n";

const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to one Envoy, kept open if it lets them.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) connections: Vec<Connection>,
    expected: Expected,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    origin: Origin,
    stream: TcpStream,
    /// Whether Envoy ends it after an answer.
    closes: bool,
    /// How many there were in its place before.
    number: u8,
    has_ended: bool,
    answer: Vec<u8>,
}

/// An answer that is not the one that was expected.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The gate refused, or something else went wrong.
    #[error("`{found}` was answered where `{expected}` was expected")]
    Answer {
        /// Its first line.
        found: String,
        /// What that had to be.
        expected: String,
    },
    /// No answer at all, or less than one.
    #[error("no answer came ({0})")]
    Io(#[from] io::Error),
}

// === impl Load ===

impl Load {
    /// Connects.
    pub(super) fn connect(origin: Origin, closes: bool, expected: Expected) -> io::Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(origin, closes));
        Ok(Self {
            connections: connections.collect::<io::Result<_>>()?,
            expected,
        })
    }

    /// Sends `requests` for some time, and returns the number of answers. Nothing is under way before and after.
    pub(super) fn run<'a>(
        &mut self,
        requests: &mut impl Iterator<Item = &'a [u8]>,
        time: Duration,
    ) -> Result<u64, LoadError> {
        let deadline = Instant::now() + time;
        self.run_while(requests, |_| Instant::now() < deadline)
    }

    /// Sends this many requests or a few more.
    pub(super) fn run_through<'a>(
        &mut self,
        requests: &mut impl Iterator<Item = &'a [u8]>,
        count: usize,
    ) -> Result<u64, LoadError> {
        self.run_while(requests, |answers| answers < count as u64)
    }

    fn run_while<'a>(
        &mut self,
        requests: &mut impl Iterator<Item = &'a [u8]>,
        goes_on: impl Fn(u64) -> bool,
    ) -> Result<u64, LoadError> {
        let Self {
            connections,
            expected,
        } = self;
        // The requests never end.
        let mut send =
            |connection: &mut Connection| connection.send(requests.next().unwrap_or_default());
        let mut answers = 0;
        for connection in &mut *connections {
            send(connection)?;
        }
        while goes_on(answers) {
            for connection in &mut *connections {
                connection.receive(expected)?;
                answers += 1;
                send(connection)?;
            }
        }
        for connection in &mut *connections {
            connection.receive(expected)?;
            answers += 1;
        }
        Ok(answers)
    }

    /// The connections, and what comes on them.
    pub(super) fn parts(&mut self) -> (&mut [Connection], &Expected) {
        (&mut self.connections, &self.expected)
    }
}

// === impl Connection ===

impl Connection {
    fn open(origin: Origin, closes: bool) -> io::Result<Self> {
        Ok(Self {
            origin,
            stream: connect(origin, closes.then_some(0))?,
            closes,
            number: 0,
            has_ended: false,
            answer: Vec::new(),
        })
    }

    /// Sends a request, on a new connection where the last one has ended.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        if self.has_ended {
            self.number = self.number.wrapping_add(1);
            self.stream = connect(self.origin, Some(self.number))?;
            self.has_ended = false;
        }
        self.answer.clear();
        self.stream.write_all(request)
    }

    /// Waits for the answer.
    fn receive(&mut self, expected: &Expected) -> Result<(), LoadError> {
        while !self.read(expected)? {}
        Ok(())
    }

    /// The answer, if it is there: for a connection that does not wait.
    pub(super) fn poll(&mut self, expected: &Expected) -> Result<bool, LoadError> {
        match self.read(expected) {
            Err(LoadError::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            other => other,
        }
    }

    /// Whether [`poll`](Self::poll) comes back at once.
    pub(super) fn wait_no_longer(&self, yes: bool) -> io::Result<()> {
        self.stream.set_nonblocking(yes)
    }

    /// Reads some more; true when the answer is whole.
    fn read(&mut self, expected: &Expected) -> Result<bool, LoadError> {
        let mut buffer = [0; 2048];
        let count = self.stream.read(&mut buffer)?;
        let new = buffer.get(..count).unwrap_or_default();
        self.answer.extend_from_slice(new);
        if expected.is_whole(&self.answer) {
            if self.closes {
                // Envoy waits for this end of the connection, and for a second if it does not come.
                self.stream.shutdown(Shutdown::Write)?;
                self.has_ended = true;
            }
            return Ok(true);
        }
        if !expected.may_become(&self.answer) {
            return Err(LoadError::Answer {
                found: first_line(&self.answer),
                expected: expected.line.clone(),
            });
        }
        if count == 0 {
            return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
        }
        Ok(false)
    }
}

/// With a number, from an address that is that number's: the system keeps an address's port for a minute after a
/// connection has ended, and there are not enough of them for all.
fn connect(origin: Origin, number: Option<u8>) -> io::Result<TcpStream> {
    let stream = match number {
        None => TcpStream::connect_timeout(&origin.address(), PATIENCE)?,
        Some(number) => {
            let stream = net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
            let from = Ipv4Addr::new(127, 0, 1, number);
            net::bind(&stream, &SocketAddrV4::new(from, 0))?;
            net::connect(&stream, &origin.address())?;
            TcpStream::from(stream)
        }
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn first_line(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
