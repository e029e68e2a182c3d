//! What came back: status, headers and the whole body.

use std::io::{self, Read};

use serde_json::Value;

/// Responses with more headers than this are not read.
const MAX_HEADERS: usize = 100;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, without chunking.
    pub body: Vec<u8>,
}

/// Where a body ends.
enum Framing {
    None,
    Length(usize),
    Chunked,
    Close,
}

// === impl Response ===

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The `code` of a problem (RFC 9457) that the gate answered; empty if there is none.
    pub fn code(&self) -> String {
        let problem = self.json();
        let code = problem.get("code").and_then(Value::as_str);
        code.unwrap_or_default().to_owned()
    }

    /// Status and code in one, as the tables of tests have them: `403 account_forbidden`, or `200`.
    pub fn outcome(&self) -> String {
        format!("{} {}", self.status, self.code()).trim().to_owned()
    }

    /// Reads one; `bytes` are what has come already, and afterwards what has come too much.
    pub(super) fn read(
        stream: &mut impl Read,
        bytes: &mut Vec<u8>,
        method: &str,
    ) -> io::Result<Self> {
        loop {
            let (mut response, length) = Self::read_head(stream, bytes)?;
            bytes.drain(..length);
            // An interim answer, such as 100, is followed by the real one.
            if response.status >= 200 {
                response.body = response.framing(method)?.body(stream, bytes)?;
                return Ok(response);
            }
        }
    }

    /// Waits for the status line and the headers, and leaves them in `bytes`; their length.
    pub(super) fn read_head(
        stream: &mut impl Read,
        bytes: &mut Vec<u8>,
    ) -> io::Result<(Self, usize)> {
        loop {
            if let Some(head) = Self::head(bytes)? {
                return Ok(head);
            }
            if more(stream, bytes)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn head(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let status = parsed.parse(bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(length) = status else {
            return Ok(None);
        };
        let headers = parsed.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_owned(), value)
        });
        let response = Self {
            status: parsed.code.unwrap_or_default(),
            headers: headers.collect(),
            body: Vec::new(),
        };
        Ok(Some((response, length)))
    }

    /// RFC 9112 §6.3.
    fn framing(&self, method: &str) -> io::Result<Framing> {
        if method == "HEAD" || matches!(self.status, 204 | 304) {
            return Ok(Framing::None);
        }
        if self.header("transfer-encoding").is_some() {
            return Ok(Framing::Chunked);
        }
        match self.header("content-length") {
            Some(length) => length
                .parse()
                .map(Framing::Length)
                .map_err(io::Error::other),
            None => Ok(Framing::Close),
        }
    }
}

// === impl Framing ===

impl Framing {
    /// The body, of which `bytes` are there already; taken off them.
    fn body(&self, stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Close => {
                stream.read_to_end(bytes)?;
                Ok(std::mem::take(bytes))
            }
            Self::Length(length) => {
                while bytes.len() < *length {
                    if more(stream, bytes)? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok(bytes.drain(..*length).collect())
            }
            Self::Chunked => {
                let mut body = Vec::new();
                while let Some(chunk) = chunk(stream, bytes)? {
                    body.extend(chunk);
                }
                Ok(body)
            }
        }
    }
}

/// The next chunk (RFC 9112 §7.1), taken off `bytes`; none at the last.
fn chunk(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let invalid = || io::Error::other("the chunk's size is not a number");
    loop {
        let size = httparse::parse_chunk_size(bytes).map_err(|_| invalid())?;
        if let httparse::Status::Complete((start, size)) = size {
            let size = usize::try_from(size).map_err(io::Error::other)?;
            // The line break after the data belongs to the chunk.
            if let Some(data) = bytes.get(start..start + size + 2) {
                let data = data.get(..size).unwrap_or_default().to_vec();
                bytes.drain(..start + size + 2);
                return Ok((size > 0).then_some(data));
            }
        }
        if more(stream, bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 16 << 10];
    let count = stream.read(&mut buffer)?;
    bytes.extend(buffer.get(..count).unwrap_or_default());
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow network may.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read(text: &str) -> io::Result<Response> {
        Response::read(&mut Trickle(text.as_bytes()), &mut Vec::new(), "GET")
    }

    #[test]
    fn what_comes_behind_is_the_next_answer() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst\
            HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\n\r\n\
            HTTP/1.1 429 No\r\ncontent-length: 5\r\n\r\nthird";
        let mut stream = text.as_bytes();
        let mut bytes = Vec::new();
        let mut next = || {
            Response::read(&mut stream, &mut bytes, "GET")
                .unwrap()
                .text()
        };
        assert_eq!([next(), next(), next()], ["first", "second", "third"]);
    }

    #[test]
    fn bodies_end_where_they_should() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        ] {
            assert_eq!(read(text).unwrap().text(), "hello", "{text}");
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_an_error() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_problem_has_an_outcome() {
        let text = "HTTP/1.1 403 No\r\ncontent-length: 20\r\n\r\n{\"code\":\"forbidden\"}";
        assert_eq!(read(text).unwrap().outcome(), "403 forbidden");
    }
}
