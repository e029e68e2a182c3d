//! A request that was sent, and whose answer is read bit by bit, or never.

use std::io::{self, Read, Write};

use super::{Connection, Response};

const SWITCHING_PROTOCOLS: u16 = 101;

/// A request under way, on a connection of its own. Dropping it hangs up.
#[derive(Debug)]
pub struct Underway {
    connection: Connection,
    method: String,
}

// === impl Underway ===

impl Underway {
    pub(super) fn new(connection: Connection, method: &str) -> Self {
        Self {
            connection,
            method: method.to_owned(),
        }
    }

    /// Waits for the answer's headers; its body stays unread.
    pub fn head(&mut self) -> io::Result<Response> {
        let Connection { stream, read } = &mut self.connection;
        let (head, length) = Response::read_head(stream, read)?;
        if head.status == SWITCHING_PROTOCOLS {
            // What follows is no answer any more.
            read.drain(..length);
        }
        Ok(head)
    }

    /// Waits for the whole answer.
    pub fn finish(mut self) -> io::Result<Response> {
        self.connection.receive(&self.method)
    }

    /// Whether anything of the answer has come, or the connection has ended; without waiting.
    pub fn is_answered(&self) -> io::Result<bool> {
        let stream = &self.connection.stream;
        stream.set_nonblocking(true)?;
        let seen = stream.peek(&mut [0]);
        stream.set_nonblocking(false)?;
        let nothing = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        Ok(!self.connection.read.is_empty() || !seen.is_err_and(|error| nothing(&error)))
    }

    /// Sends bytes through a connection that the answer's [head](Self::head) has upgraded, and reads as many.
    pub fn exchange(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let Connection { stream, read } = &mut self.connection;
        stream.write_all(bytes)?;
        let mut answer = vec![0; bytes.len()];
        read.as_slice().chain(stream).read_exact(&mut answer)?;
        read.clear();
        Ok(answer)
    }

    /// Hangs up by a reset (RST).
    pub fn reset(self) -> io::Result<()> {
        self.connection.reset()
    }
}
