//! The ways to answer.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use tollgate_policy::{directory, introspection, keys};

/// Where redirects lead, so that it shows when one is followed.
pub(super) const ELSEWHERE: &str = "/elsewhere";

/// More than anybody should read, in bytes.
const HUGE: usize = 100 << 20;

/// In one piece of it.
const PIECE: usize = 64 << 10;

/// As deep as it takes to use up a stack that nobody minds.
const DEEP: usize = 10_000;

/// What the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A JWK set.
    Keys,
    /// A discovery document.
    Discovery,
    /// A directory of accounts.
    Directory,
    /// Whether a credential is active.
    Introspection,
}

/// A way to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say what they are")]
pub enum Behaviour {
    Good,
    Silence,
    DripHead,
    DripBody,
    EndlessHead,
    EndlessChunks,
    EndlessInterim,
    HundredMegabytes,
    HundredMegabytesOfNothing,
    Redirect(u16),
    Status(u16),
    SwitchingProtocols,
    NoType,
    OtherType,
    Gzip,
    Deep,
    DeepBeside,
    Many,
    Full,
    LongName,
    Twice,
    ByteOrderMark,
    NotUtf8,
    GarbageBehind,
    Empty,
    ResetAtOnce,
    ResetBeforeHead,
    ResetMidHead,
    ResetAfterHead,
    ResetMidBody,
    CloseBeforeHead,
    CloseMidBody,
    OldProtocol,
    TwoAnswers,
    LengthTooLong,
    LengthTooShort,
    TwoLengths,
    LengthAndChunks,
    BadChunk,
    NotHttp,
    OddHeaders,
}

/// One thing to do.
pub(super) enum Step {
    Send(Vec<u8>),
    /// Byte by byte.
    Drip(Vec<u8>),
    /// For as long as anybody listens.
    Repeat(Vec<u8>),
    /// For ever.
    Wait,
    Reset,
    Close,
}

// === impl Behaviour ===

impl Behaviour {
    /// All of them but the good one.
    pub const ALL: [Self; 48] = [
        Self::Silence,
        Self::DripHead,
        Self::DripBody,
        Self::EndlessHead,
        Self::EndlessChunks,
        Self::EndlessInterim,
        Self::HundredMegabytes,
        Self::HundredMegabytesOfNothing,
        Self::Redirect(301),
        Self::Redirect(302),
        Self::Redirect(307),
        Self::Redirect(308),
        Self::Status(201),
        Self::Status(204),
        Self::Status(206),
        Self::Status(304),
        Self::Status(401),
        Self::Status(500),
        Self::SwitchingProtocols,
        Self::NoType,
        Self::OtherType,
        Self::Gzip,
        Self::Deep,
        Self::DeepBeside,
        Self::Many,
        Self::Full,
        Self::LongName,
        Self::Twice,
        Self::ByteOrderMark,
        Self::NotUtf8,
        Self::GarbageBehind,
        Self::Empty,
        Self::ResetAtOnce,
        Self::ResetBeforeHead,
        Self::ResetMidHead,
        Self::ResetAfterHead,
        Self::ResetMidBody,
        Self::CloseBeforeHead,
        Self::CloseMidBody,
        Self::OldProtocol,
        Self::TwoAnswers,
        Self::LengthTooLong,
        Self::LengthTooShort,
        Self::TwoLengths,
        Self::LengthAndChunks,
        Self::BadChunk,
        Self::NotHttp,
        Self::OddHeaders,
    ];
}

/// What there is to do for one request.
pub(super) fn steps(behaviour: Behaviour, kind: Kind, good: &[u8]) -> Vec<Step> {
    use Behaviour as B;
    use Step::{Close, Drip, Repeat, Reset, Send, Wait};
    let half = good.len() / 2;
    let (first, second) = good.split_at(half);
    let json = |body: Vec<u8>| vec![Send(answer("200 OK", &body))];
    let head = |length: usize| format!("{OK}{JSON}content-length: {length}\r\n\r\n").into_bytes();
    let chunked = || format!("{OK}{JSON}transfer-encoding: chunked\r\n\r\n").into_bytes();
    match behaviour {
        B::Good => json(good.to_vec()),
        B::Silence => vec![Wait],
        B::DripHead => vec![Drip(answer("200 OK", good))],
        B::DripBody => vec![Send(head(good.len())), Drip(good.to_vec())],
        B::EndlessHead => vec![Send(OK.into()), Repeat(b"x-more: of this\r\n".repeat(1000))],
        B::EndlessChunks => vec![Send(chunked()), Repeat(chunk(&vec![b' '; PIECE]))],
        B::EndlessInterim => vec![Repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100))],
        B::HundredMegabytes => vec![
            Send([&head(HUGE), &b"{\"padding\":\""[..]].concat()),
            Repeat(vec![b'x'; PIECE]),
        ],
        // White space, as much as JSON allows.
        B::HundredMegabytesOfNothing => {
            vec![Send(head(HUGE)), Repeat(vec![b' '; PIECE])]
        }
        B::Redirect(status) => {
            let line = format!(
                "HTTP/1.1 {status} Elsewhere\r\nlocation: {ELSEWHERE}\r\ncontent-length: 0\r\n\r\n"
            );
            vec![Send(line.into())]
        }
        B::Status(status @ (204 | 304)) => {
            vec![Send(format!("HTTP/1.1 {status} None\r\n\r\n").into())]
        }
        B::Status(status) => vec![Send(answer(&format!("{status} Odd"), good))],
        B::SwitchingProtocols => {
            let line = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
            vec![Send(line.into()), Wait]
        }
        B::NoType => vec![Send(plain("", good))],
        B::OtherType => vec![Send(plain("content-type: text/html\r\n", good))],
        B::Gzip => {
            // What the decoder would have to undo; nobody has asked for it.
            let body = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01", good].concat();
            let header = format!("{JSON}content-encoding: gzip\r\n");
            vec![Send(plain(&header, &body))]
        }
        B::Deep => json(deep("")),
        B::DeepBeside => json(beside(good, "deep", &deep(""))),
        B::Many => json(many(kind)),
        B::Full => json(full(kind, good)),
        B::LongName => json(long_name(kind)),
        B::Twice => json(twice(good)),
        B::ByteOrderMark => json([b"\xef\xbb\xbf", good].concat()),
        B::NotUtf8 => json(beside(good, "odd", b"\"\xff\xc0\"")),
        B::GarbageBehind => json([good, b" }{"].concat()),
        B::Empty => json(Vec::new()),
        // Before there is a request.
        B::ResetAtOnce | B::ResetBeforeHead => vec![Reset],
        B::ResetMidHead => vec![Send(b"HTTP/1.1 200 OK\r\ncontent-".to_vec()), Reset],
        B::ResetAfterHead => vec![Send(head(good.len())), Reset],
        B::ResetMidBody => vec![Send(head(good.len())), Send(first.to_vec()), Reset],
        B::CloseBeforeHead => vec![Close],
        B::CloseMidBody => vec![Send(head(good.len())), Send(first.to_vec()), Close],
        B::OldProtocol => {
            let answer = [format!("HTTP/1.0 200 OK\r\n{JSON}\r\n").as_bytes(), good].concat();
            vec![Send(answer), Close]
        }
        B::TwoAnswers => vec![Send(answer("200 OK", good).repeat(2))],
        B::LengthTooLong => vec![Send(head(good.len() + 1)), Send(good.to_vec()), Close],
        B::LengthTooShort => vec![Send(head(half)), Send(good.to_vec())],
        B::TwoLengths => {
            let (one, other) = (good.len(), half);
            let head =
                format!("{OK}{JSON}content-length: {one}\r\ncontent-length: {other}\r\n\r\n");
            vec![Send([head.as_bytes(), good].concat())]
        }
        B::LengthAndChunks => {
            let head = format!("{OK}{JSON}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n");
            vec![Send([head.as_bytes(), &chunk(good), b"0\r\n\r\n"].concat())]
        }
        B::BadChunk => vec![
            Send([&chunked(), &chunk(first)[..], b"-1\r\n", second].concat()),
            Wait,
        ],
        B::NotHttp => vec![Send(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), Wait],
        B::OddHeaders => {
            let headers = b"HTTP/1.1 200 OK\r\ncontent-type: application/json; \xff=\"\xfe\"\r\netag: \"\xff\"\r\n";
            let length = format!("content-length: {}\r\n\r\n", good.len());
            vec![Send([headers, length.as_bytes(), good].concat())]
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\n";
const JSON: &str = "content-type: application/json\r\n";

fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{JSON}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn plain(headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{OK}{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn deep(inner: &str) -> Vec<u8> {
    [&"[".repeat(DEEP), inner, &"]".repeat(DEEP)]
        .concat()
        .into_bytes()
}

/// A good object with one more member, before the others.
fn beside(good: &[u8], name: &str, value: &[u8]) -> Vec<u8> {
    let rest = good.get(1..).unwrap_or_default();
    [format!("{{\"{name}\":").as_bytes(), value, b",", rest].concat()
}

/// A good object with its members twice.
fn twice(good: &[u8]) -> Vec<u8> {
    let inner = good
        .get(1..good.len().saturating_sub(1))
        .unwrap_or_default();
    [b"{", inner, b",", inner, b"}"].concat()
}

/// Right, but far more than there can be.
fn many(kind: Kind) -> Vec<u8> {
    let list = |number: usize, one: &dyn Fn(usize) -> String| {
        let all: Vec<_> = (0..number).map(one).collect();
        all.join(",")
    };
    // RFC 8037, appendix A.2.
    let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    match kind {
        Kind::Keys => format!("{{\"keys\":[{}]}}", list(5000, &|_| key.to_owned())),
        Kind::Directory => {
            // More than the filter reads, less than Envoy keeps.
            let account = |number| format!("\"a{number}\":{{}}");
            format!("{{\"accounts\":{{{}}}}}", list(660_000, &account))
        }
        Kind::Discovery | Kind::Introspection => {
            let member = |number| format!("\"a{number}\":{number}");
            format!("{{{}}}", list(100_000, &member))
        }
    }
    .into_bytes()
}

/// Right, and as much as there may be.
fn full(kind: Kind, good: &[u8]) -> Vec<u8> {
    let filled = |most: usize, one: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        let room = most - good.len() - 64;
        for item in (0..).map(one) {
            if text.len() + item.len() >= room {
                break;
            }
            text.push_str(&item);
        }
        text
    };
    match kind {
        Kind::Keys => {
            let keys: String = (1..keys::MAX_KEYS)
                .map(|number| ed25519(number) + ",")
                .collect();
            let rest = good.strip_prefix(b"{\"keys\":[").unwrap_or_default();
            [b"{\"keys\":[", keys.as_bytes(), rest].concat()
        }
        Kind::Directory => {
            let account = |number| format!("\"account-{number:06}-with-such-a-long-name\":{{}},");
            let accounts = filled(directory::MAX_BYTES, &account);
            let rest = good.strip_prefix(b"{\"accounts\":{").unwrap_or_default();
            [b"{\"accounts\":{", accounts.as_bytes(), rest].concat()
        }
        Kind::Discovery | Kind::Introspection => {
            let most = match kind {
                Kind::Discovery => keys::MAX_BYTES,
                _ => introspection::MAX_BYTES,
            };
            let member = |number| format!("\"a{number}\":{number},");
            let members = filled(most, &member);
            let rest = good.get(1..).unwrap_or_default();
            [b"{", members.as_bytes(), rest].concat()
        }
    }
}

/// A key that no other number has.
fn ed25519(number: usize) -> String {
    let mut seed = [0; 32];
    for (byte, of_number) in seed.iter_mut().zip(number.to_le_bytes()) {
        *byte = of_number;
    }
    let public = SigningKey::from_bytes(&seed).verifying_key();
    let x = BASE64_URL_SAFE_NO_PAD.encode(public.as_bytes());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#)
}

fn long_name(kind: Kind) -> Vec<u8> {
    let name = "a".repeat(1 << 20);
    match kind {
        Kind::Keys => format!("{{\"keys\":[{{\"kty\":\"RSA\",\"kid\":\"{name}\"}}]}}"),
        Kind::Directory => format!("{{\"accounts\":{{\"{name}\":{{}},\"acme\":{{}}}}}}"),
        Kind::Discovery => format!("{{\"issuer\":\"{name}\"}}"),
        Kind::Introspection => format!("{{\"active\":true,\"sub\":\"{name}\"}}"),
    }
    .into_bytes()
}
