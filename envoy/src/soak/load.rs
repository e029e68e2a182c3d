//! What sends the requests: two threads with some connections each, all of which always have one under way.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::mix::{Expected, Mix};
use crate::client::Origin;

const THREADS: u64 = 2;

/// Of each thread.
const CONNECTIONS: usize = 32;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the progress is told.
const TELL: Duration = Duration::from_secs(10);

/// An answer that was expected is shorter.
const LONGEST: usize = 4096;

/// How many were refused, by code.
pub(super) type Refused = BTreeMap<&'static str, u64>;

/// Sends requests, and checks the answers.
pub(super) struct Load<'a> {
    gate: Origin,
    mix: &'a Mix,
    answered: AtomicU64,
    refused: Mutex<Refused>,
    /// A request went wrong, and nobody sends another.
    is_over: AtomicBool,
}

/// What ends the run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not the answer that the request must have.
    #[error("request {number} was answered `{answer}`, and not {status} {code}")]
    Answer {
        /// The request's number.
        number: u64,
        /// The answer's beginning.
        answer: String,
        /// What it should have been.
        status: u16,
        /// The same.
        code: &'static str,
    },
    /// No answer at all.
    #[error("request {number} was not answered: {source}")]
    Unanswered {
        /// The request's number.
        number: u64,
        /// Why.
        source: io::Error,
    },
    /// The gate cannot be spoken to.
    #[error("a request could not be sent: {0}")]
    Io(#[from] io::Error),
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
    /// Of the request that is under way.
    expected: Option<(u64, Expected)>,
}

// === impl Load ===

impl<'a> Load<'a> {
    pub(super) fn new(gate: Origin, mix: &'a Mix) -> Self {
        Self {
            gate,
            mix,
            answered: AtomicU64::new(0),
            refused: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    /// How many were refused, as they had to be.
    pub(super) fn refused(&self) -> Refused {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends the requests of these numbers, and tells `progress` every ten seconds how many were ever answered.
    pub(super) fn run(&self, numbers: Range<u64>, progress: impl Fn(u64)) -> Result<(), LoadError> {
        let length = numbers.end.saturating_sub(numbers.start);
        let part = |thread: u64| {
            let at = |part: u64| numbers.start + length * part / THREADS;
            at(thread)..at(thread + 1)
        };
        thread::scope(|scope| {
            let (working, done) = channel::<()>();
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let (numbers, working) = (part(thread), working.clone());
                    scope.spawn(move || {
                        let sent = self.send(numbers);
                        if sent.is_err() {
                            self.is_over.store(true, Ordering::Relaxed);
                        }
                        drop(working);
                        sent
                    })
                })
                .collect();
            drop(working);
            while done.recv_timeout(TELL) == Err(RecvTimeoutError::Timeout) {
                progress(self.answered.load(Ordering::Relaxed));
            }
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
        })
    }

    fn send(&self, mut numbers: Range<u64>) -> Result<(), LoadError> {
        let (mut refused, mut request) = (Refused::new(), String::new());
        let connections = (0..CONNECTIONS).map(|_| Connection::open(self.gate));
        let mut connections: Vec<_> = connections.collect::<io::Result<_>>()?;
        while !connections.is_empty() {
            let mut open = Vec::with_capacity(connections.len());
            for mut connection in connections {
                if let Some(code) = connection.receive()? {
                    if find(&connection.answer, b"\r\nconnection: close\r\n").is_some() {
                        connection = Connection::open(self.gate)?;
                    }
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    if !code.is_empty() {
                        *refused.entry(code).or_default() += 1;
                    }
                }
                if let Some(number) = numbers.next()
                    && !self.is_over.load(Ordering::Relaxed)
                {
                    let expected = self.mix.request(number, &mut request);
                    connection.stream.write_all(request.as_bytes())?;
                    connection.expected = Some((number, expected));
                    open.push(connection);
                }
            }
            connections = open;
        }
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for (code, count) in refused {
            *all.entry(code).or_default() += count;
        }
        Ok(())
    }
}

// === impl Connection ===

impl Connection {
    fn open(gate: Origin) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&gate.address(), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            answer: Vec::new(),
            expected: None,
        })
    }

    /// Reads the answer to what is under way, if anything is; its code.
    fn receive(&mut self) -> Result<Option<&'static str>, LoadError> {
        let Some((number, expected)) = self.expected.take() else {
            return Ok(None);
        };
        self.answer.clear();
        let mut buffer = [0; LONGEST];
        loop {
            let count = self.stream.read(&mut buffer);
            let count = count.map_err(|source| LoadError::Unanswered { number, source })?;
            self.answer
                .extend_from_slice(buffer.get(..count).unwrap_or_default());
            match whole(&self.answer) {
                Some(body) if expected.is(&self.answer, body) => return Ok(Some(expected.code)),
                None if count > 0 && self.answer.len() < LONGEST => {}
                _ => {
                    return Err(LoadError::Answer {
                        number,
                        answer: String::from_utf8_lossy(&self.answer).into_owned(),
                        status: expected.status,
                        code: expected.code,
                    });
                }
            }
        }
    }
}

// === impl Expected ===

impl Expected {
    fn is(self, answer: &[u8], body: &[u8]) -> bool {
        let status = answer
            .get(9..12)
            .and_then(|status| str::from_utf8(status).ok());
        let code = format!("\"code\":\"{}\"", self.code);
        status.is_some_and(|status| status.parse() == Ok(self.status))
            && if self.code.is_empty() {
                body == b"welcome\n"
            } else {
                find(body, code.as_bytes()).is_some()
            }
    }
}

/// The body of an answer that is there to its end. Envoy says how long each of these is.
fn whole(answer: &[u8]) -> Option<&[u8]> {
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    let end = find(answer, b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let from = find(head, LENGTH)? + LENGTH.len();
    let digits = head.get(from..)?;
    let digits = digits.get(..find(digits, b"\r")?)?;
    let length: usize = str::from_utf8(digits).ok()?.parse().ok()?;
    (body.len() == length).then_some(body)
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_was_expected_or_not() {
        let refused = Expected {
            status: 401,
            code: "token_key",
        };
        let passes = Expected {
            status: 200,
            code: "",
        };
        let answer = |status: &str, body: &str| {
            let length = body.len();
            format!(
                "HTTP/1.1 {status}\r\nvia: x\r\ncontent-length: {length}\r\ndate: now\r\n\r\n{body}"
            )
        };
        let is = |expected: Expected, answer: &str| {
            let answer = answer.as_bytes();
            whole(answer).is_some_and(|body| expected.is(answer, body))
        };
        let good = answer("200 OK", "welcome\n");
        assert!(is(passes, &good) && !is(refused, &good));
        let bad = answer("401 Unauthorized", r#"{"code":"token_key"}"#);
        assert!(is(refused, &bad) && !is(passes, &bad));
        assert!(!is(
            refused,
            &answer("401 Unauthorized", r#"{"code":"token_expired"}"#)
        ));
        assert!(!is(refused, &answer("200 OK", r#"{"code":"token_key"}"#)));
        assert!(!is(passes, &answer("200 OK", "who are you?\n")));
        assert_eq!(whole(&good.as_bytes()[..good.len() - 1]), None);
    }
}
