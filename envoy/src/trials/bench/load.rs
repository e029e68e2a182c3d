//! What sends the requests: some connections, each with one request under way, and every answer looked at.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Origin;

/// How many requests are under way at a time. Enough that Envoy always has one to work on.
pub(super) const CONNECTIONS: usize = 16;

/// What Envoy answers to everybody who passes.
pub(super) const BODY: &str = "welcome\n";

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// An answer, all of it, is far shorter.
const LONGEST: usize = 4096;

const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to one Envoy, kept open.
#[derive(Debug)]
pub(super) struct Load(Vec<Connection>);

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// An answer that is not the one that was expected.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The gate refused, or something else went wrong.
    #[error("`{0}` was answered where `HTTP/1.1 200 OK` was expected")]
    Answer(String),
    /// No answer at all.
    #[error("no answer came ({0})")]
    Io(#[from] io::Error),
}

// === impl Load ===

impl Load {
    /// Connects.
    pub(super) fn connect(origin: Origin) -> io::Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(origin));
        connections.collect::<io::Result<_>>().map(Self)
    }

    /// Sends `requests` for some time, and returns the number of answers. Nothing is under way before and after.
    pub(super) fn run<'a>(
        &mut self,
        requests: &mut impl Iterator<Item = &'a Vec<u8>>,
        time: Duration,
    ) -> Result<u64, LoadError> {
        let mut send = |connection: &mut Connection| {
            // The requests never end.
            connection.send(requests.next().map(Vec::as_slice).unwrap_or_default())
        };
        let deadline = Instant::now() + time;
        let mut answers = 0;
        for connection in &mut self.0 {
            send(connection)?;
        }
        while Instant::now() < deadline {
            for connection in &mut self.0 {
                connection.receive()?;
                answers += 1;
                send(connection)?;
            }
        }
        for connection in &mut self.0 {
            connection.receive()?;
            answers += 1;
        }
        Ok(answers)
    }
}

// === impl Connection ===

impl Connection {
    fn open(origin: Origin) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&origin.address(), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
        })
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    fn receive(&mut self) -> Result<(), LoadError> {
        self.answer.clear();
        let mut buffer = [0; 1024];
        while !is_whole(&self.answer) {
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            self.answer
                .extend_from_slice(buffer.get(..count).unwrap_or_default());
            let expected = self.answer.starts_with(OK) || OK.starts_with(&self.answer);
            if !expected || self.answer.len() > LONGEST {
                return Err(LoadError::Answer(first_line(&self.answer)));
            }
        }
        Ok(())
    }
}

fn is_whole(answer: &[u8]) -> bool {
    answer.starts_with(OK)
        && answer
            .strip_suffix(BODY.as_bytes())
            .is_some_and(|head| head.ends_with(b"\r\n\r\n"))
}

fn first_line(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A server that gives the first `good` answers of each connection as they should be, and then `other`.
    fn server(good: usize, other: &'static str) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || answer(stream.unwrap(), good, other));
            }
        });
        Origin::parse(&url).unwrap()
    }

    fn answer(mut stream: TcpStream, good: usize, other: &str) {
        let ok = format!("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{BODY}");
        for number in 0.. {
            let mut request = [0; 1];
            if stream.read_exact(&mut request).is_err() {
                return;
            }
            let text = if number < good { &ok } else { other };
            // In two parts, as a network may deliver it.
            let (first, second) = text.split_at(text.len() / 2);
            let sent = stream.write_all(first.as_bytes());
            if sent
                .and_then(|()| stream.write_all(second.as_bytes()))
                .is_err()
                || number >= good
            {
                return;
            }
        }
    }

    fn run(good: usize, other: &'static str, time: Duration) -> Result<u64, LoadError> {
        let requests = [b"x".to_vec()];
        let mut load = Load::connect(server(good, other)).unwrap();
        load.run(&mut requests.iter().cycle(), time)
    }

    #[test]
    fn answers_are_counted() {
        let answers = run(usize::MAX, "", Duration::from_millis(5)).unwrap();
        assert_eq!(answers % CONNECTIONS as u64, 0);
        assert!(answers >= 2 * CONNECTIONS as u64, "{answers}");
    }

    #[test]
    fn an_answer_that_was_not_expected_ends_it() {
        for (other, found) in [
            (
                "HTTP/1.1 401 Unauthorized\r\n\r\n",
                "`HTTP/1.1 401 Unauthorized`",
            ),
            ("HTTP/1.1 200 Yes\r\n\r\nwelcome\n", "`HTTP/1.1 200 Yes`"),
            ("", "no answer came"),
        ] {
            let error = run(2, other, Duration::from_secs(60)).unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
        }
    }
}
