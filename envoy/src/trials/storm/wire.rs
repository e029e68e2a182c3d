//! Requests in the form that each version of HTTP has for them.

use std::io;

use super::http2::Http2;
use super::mirror::Field;
use super::requests::{Body, Shot, field};
use super::witness::HALF;

/// As HTTP/1.1 has it; with what asks for a websocket, if it `upgrades`.
pub fn one(shot: &Shot, upgrades: bool) -> Vec<u8> {
    let mut bytes = [
        shot.method.as_bytes(),
        b" ",
        &shot.target,
        b" HTTP/1.1\r\nhost: gate\r\n",
    ]
    .concat();
    let mut line = |name: &[u8], value: &[u8]| {
        bytes.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
    };
    for (name, value) in &shot.fields {
        line(name, value);
    }
    if upgrades {
        line(b"connection", b"upgrade");
        line(b"upgrade", b"websocket");
        line(b"sec-websocket-version", b"13");
        line(b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==");
    }
    match &shot.body {
        Body::None => bytes.extend(b"\r\n"),
        Body::Sized(body) => {
            line(b"content-length", body.len().to_string().as_bytes());
            bytes.extend(b"\r\n");
            bytes.extend(body);
        }
        Body::Chunked(body, trailers) => {
            line(b"transfer-encoding", b"chunked");
            bytes.extend(b"\r\n");
            for chunk in body.chunks(100) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n");
            for (name, value) in trailers {
                bytes.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
            }
            bytes.extend(b"\r\n");
        }
    }
    bytes
}

/// As HTTP/2 has it; names in capitals would be refused.
pub fn fields_2(shot: &Shot) -> Vec<Field> {
    let pseudo = [
        field(":method", shot.method),
        field(":scheme", "http"),
        field(":authority", "gate"),
        field(":path", &shot.target),
    ];
    pseudo
        .into_iter()
        .chain(shot.fields.iter().cloned())
        .collect()
}

/// Begins it as a stream, whose number this is.
pub fn two(connection: &mut Http2, shot: &Shot) -> io::Result<u32> {
    let fields = fields_2(shot);
    let number = connection.begin(&fields, matches!(shot.body, Body::None))?;
    match &shot.body {
        Body::None => {}
        Body::Sized(body) => connection.body(number, body, true)?,
        Body::Chunked(body, trailers) => {
            connection.body(number, body, false)?;
            let lower = trailers
                .iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value));
            connection.trailers(number, &lower.collect::<Vec<_>>())?;
        }
    }
    Ok(number)
}

/// The target of an answer that never ends.
pub fn half(target: &[u8]) -> Vec<u8> {
    let path = target
        .split(|byte| *byte == b'?')
        .next()
        .unwrap_or_default();
    [path, b"?", HALF.as_bytes()].concat()
}
