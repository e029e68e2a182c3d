//! An HTTP/2 client that sends any bytes as names and values, also those that no other client would (RFC 9113, RFC 7541).
//!
//! Fields go out as literals without compression. Those of answers are not read: it is told by the bodies, and by how the
//! streams end.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::client::Origin;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest frame that everybody takes, in bytes (§4.2).
const FRAME: usize = 16_384;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// `CANCEL` (§7).
const CANCEL: u32 = 8;

/// A connection.
#[derive(Debug)]
pub struct Http2 {
    stream: TcpStream,
    read: Vec<u8>,
    next: u32,
    answers: BTreeMap<u32, Vec<u8>>,
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With this body.
    Answered(Vec<u8>),
    /// Its stream was reset.
    Reset,
    /// The connection was closed.
    Closed,
}

// === impl Http2 ===

impl Http2 {
    /// Connects; the server need not have said anything yet.
    pub fn connect(origin: Origin) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&origin.address(), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            read: Vec::new(),
            next: 1,
            answers: BTreeMap::new(),
        };
        connection.stream.write_all(PREFACE)?;
        // SETTINGS_INITIAL_WINDOW_SIZE: no answer needs more.
        connection.frame(SETTINGS, 0, 0, &[0, 4, 0, 64, 0, 0])?;
        connection.window(0, 1 << 30)?;
        Ok(connection)
    }

    /// Waits no longer than this for bytes that do not come.
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(patience))
    }

    /// Sends a request's headers; `ends` where that is all of it. The number of its stream.
    pub fn begin<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        fields: &[(N, V)],
        ends: bool,
    ) -> io::Result<u32> {
        let number = self.next;
        self.next += 2;
        self.answers.insert(number, Vec::new());
        self.fields(number, fields, ends)?;
        Ok(number)
    }

    /// Sends a part of a request's body.
    pub fn body(&mut self, number: u32, body: &[u8], ends: bool) -> io::Result<()> {
        let mut chunks = body.chunks(FRAME).peekable();
        if chunks.peek().is_none() && ends {
            return self.frame(DATA, END_STREAM, number, &[]);
        }
        while let Some(chunk) = chunks.next() {
            let is_last = ends && chunks.peek().is_none();
            self.frame(DATA, u8::from(is_last), number, chunk)?;
        }
        Ok(())
    }

    /// Sends a request's trailers, which end it.
    pub fn trailers<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        number: u32,
        fields: &[(N, V)],
    ) -> io::Result<()> {
        self.fields(number, fields, true)
    }

    /// Takes a request back.
    pub fn cancel(&mut self, number: u32) -> io::Result<()> {
        self.answers.remove(&number);
        self.frame(RST_STREAM, 0, number, &CANCEL.to_be_bytes())
    }

    /// Waits for any of the requests to end; nothing where none is under way.
    pub fn end(&mut self) -> io::Result<Option<(u32, End)>> {
        while !self.answers.is_empty() {
            match self.receive() {
                Ok(Some(ended)) => return Ok(Some(ended)),
                Ok(None) => {}
                Err(error) if is_closed(&error) => {
                    return Ok(self
                        .answers
                        .pop_first()
                        .map(|(number, _)| (number, End::Closed)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Waits for anything of an answer, beyond what every connection begins with.
    pub fn wait(&mut self) -> io::Result<()> {
        while self.answers.values().all(Vec::is_empty) && !self.answers.is_empty() {
            self.receive()?;
        }
        Ok(())
    }

    /// A whole request without a body, and its end.
    pub fn send<N: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, fields: &[(N, V)]) -> io::Result<End> {
        match self.begin(fields, true) {
            Err(error) if is_closed(&error) => return Ok(End::Closed),
            other => other?,
        };
        Ok(self.end()?.map_or(End::Closed, |(_, end)| end))
    }

    /// One frame; the stream that it ends.
    fn receive(&mut self) -> io::Result<Option<(u32, End)>> {
        let [a, b, c, kind, flags, rest @ ..] = self.take::<9>()?;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let number = u32::from_be_bytes(rest) & 0x7fff_ffff;
        while self.read.len() < length {
            self.more()?;
        }
        let payload: Vec<_> = self.read.drain(..length).collect();
        match kind {
            SETTINGS if flags & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[])?,
            PING if flags & ACK == 0 => self.frame(PING, ACK, 0, &payload)?,
            DATA => {
                if !payload.is_empty() {
                    self.window(0, u32::try_from(length).unwrap_or(1))?;
                }
                if let Some(answer) = self.answers.get_mut(&number) {
                    answer.extend(without_padding(&payload, flags));
                }
            }
            RST_STREAM => {
                let known = self.answers.remove(&number);
                return Ok(known.map(|_| (number, End::Reset)));
            }
            GOAWAY => return Err(ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            let answer = self.answers.remove(&number);
            return Ok(answer.map(|body| (number, End::Answered(body))));
        }
        Ok(None)
    }

    fn fields<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        number: u32,
        fields: &[(N, V)],
        ends: bool,
    ) -> io::Result<()> {
        let mut block = Vec::new();
        for (name, value) in fields {
            // Literal without indexing, new name (RFC 7541 §6.2.2).
            block.push(0);
            text(&mut block, name.as_ref());
            text(&mut block, value.as_ref());
        }
        // Where there are no fields, a frame of nothing.
        let mut chunk;
        let mut rest = block.as_slice();
        let mut kind = HEADERS;
        let mut flags = u8::from(ends);
        loop {
            (chunk, rest) = rest.split_at(rest.len().min(FRAME));
            if rest.is_empty() {
                return self.frame(kind, flags | END_HEADERS, number, chunk);
            }
            self.frame(kind, flags, number, chunk)?;
            (kind, flags) = (CONTINUATION, 0);
        }
    }

    fn window(&mut self, number: u32, bytes: u32) -> io::Result<()> {
        self.frame(WINDOW_UPDATE, 0, number, &bytes.to_be_bytes())
    }

    fn frame(&mut self, kind: u8, flags: u8, number: u32, payload: &[u8]) -> io::Result<()> {
        let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        let mut bytes = Vec::with_capacity(9 + payload.len());
        bytes.extend(length);
        bytes.extend([kind, flags]);
        bytes.extend(number.to_be_bytes());
        bytes.extend(payload);
        self.stream.write_all(&bytes)
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        while self.read.len() < N {
            self.more()?;
        }
        let mut taken = [0; N];
        for (to, from) in taken.iter_mut().zip(self.read.drain(..N)) {
            *to = from;
        }
        Ok(taken)
    }

    fn more(&mut self) -> io::Result<()> {
        let mut buffer = [0; FRAME];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.read.extend(buffer.get(..count).unwrap_or_default());
        Ok(())
    }
}

// === impl End ===

impl End {
    /// The body; empty where there was no answer.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Answered(body) => body,
            Self::Reset | Self::Closed => &[],
        }
    }
}

/// Whether the other side has closed a connection, rather than being slow.
pub fn is_closed(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

fn without_padding(payload: &[u8], flags: u8) -> &[u8] {
    if flags & PADDED == 0 {
        return payload;
    }
    let [padding, data @ ..] = payload else {
        return &[];
    };
    let end = data.len().saturating_sub(usize::from(*padding));
    data.get(..end).unwrap_or_default()
}

/// A string literal, uncompressed (RFC 7541 §5.2).
fn text(block: &mut Vec<u8>, bytes: &[u8]) {
    const PREFIX: usize = 127;
    if bytes.len() < PREFIX {
        block.push(u8::try_from(bytes.len()).unwrap_or(0));
    } else {
        block.push(127);
        let mut rest = bytes.len() - PREFIX;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap_or(0) | 128);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap_or(0));
    }
    block.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_the_rfc_has_them() {
        let mut block = Vec::new();
        text(&mut block, b"ab");
        assert_eq!(block, b"\x02ab");
        let mut block = Vec::new();
        // RFC 7541 C.1.2 has 1337 with a prefix of five bits: 1306 remain; with seven bits, 1210.
        text(&mut block, &[b'x'; 1337]);
        assert_eq!(block.get(..3), Some([127, 0xba, 0x09].as_slice()));
    }
}
