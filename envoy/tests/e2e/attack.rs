//! The gate under attack, in the real Envoy.

mod forged;
mod hops;
mod naughty;
mod paths;
mod storm;
mod trailers;
mod written;

use std::sync::LazyLock;

use serde_json::{Value, json};
use tollgate_envoy::client::Response;
use tollgate_envoy::config::{Config, ConfigError};
use tollgate_envoy::stack::Stack;
use tollgate_envoy::trials::storm::http2::{End, Http2};
use tollgate_envoy::trials::storm::mirror::{Arrival, Field, Mirror, Reflection};
use tollgate_policy::assertion::{Assertion, AssertionKey};

use crate::world::stack;

/// The gate in front of an upstream that gives back what arrives, byte by byte. Trailers pass, over HTTP/1.1 too.
pub struct Attacked {
    pub stack: Stack,
    _mirror: Mirror,
}

/// What every test here may use.
pub static ATTACKED: LazyLock<Attacked> = LazyLock::new(|| Attacked::start(Ok));

/// A token for a member of acme.
pub static TOKEN: LazyLock<String> = LazyLock::new(|| ATTACKED.stack.issuer().member("acme"));

/// How long Envoy waits until it closes a connection on which something odd has come; it is a second otherwise.
pub const SOON_CLOSED: &str = "0.01s";

/// The two versions of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived at the upstream.
    Arrived(Box<Arrival>),
    /// The gate refused it, with this code.
    Refused(String),
    /// Envoy refused it.
    Rejected,
}

impl Attacked {
    pub fn start(change: impl FnOnce(Config) -> Result<Config, ConfigError> + 'static) -> Self {
        let mirror = Mirror::start(Reflection).unwrap();
        let stack = stack()
            .upstream(mirror.address())
            .policy(|policy| policy["caps"] = json!([]))
            .config(|config| {
                config
                    .with_trailers()?
                    .and_manager(|manager| manager["delayed_close_timeout"] = json!(SOON_CLOSED))
            })
            .config(change)
            .start()
            .unwrap();
        Self {
            stack,
            _mirror: mirror,
        }
    }

    /// Sends a request, its pseudo-headers from `method` and `target`, the others as they are.
    pub fn send(&self, version: Version, method: &str, target: &[u8], fields: &[Field]) -> Fate {
        match version {
            Version::One => self.send_1(&head(method, target, fields), method),
            Version::Two => self.send_2(method, target, fields),
        }
    }

    /// Sends bytes as they are.
    pub fn send_1(&self, bytes: &[u8], method: &str) -> Fate {
        let mut connection = self.stack.gate().connect().unwrap();
        connection.write(bytes).unwrap();
        fate_1(connection.receive(method))
    }

    fn send_2(&self, method: &str, target: &[u8], fields: &[Field]) -> Fate {
        let mut connection = Http2::connect(self.stack.gate()).unwrap();
        fate_2(&connection.send(&pseudo(method, target, fields)).unwrap())
    }

    pub fn assertion(&self, arrival: &Arrival) -> Assertion {
        let values: Vec<_> = arrival.values("x-tollgate-assertion").collect();
        assert_eq!(values.len(), 1, "{arrival:?}");
        let key = AssertionKey::new(self.stack.assertion_key().as_bytes()).unwrap();
        let text = str::from_utf8(values[0]).unwrap();
        let now = jsonwebtoken::get_current_timestamp();
        key.verify(text, "upstream", now).unwrap()
    }
}

impl Fate {
    pub fn arrival(self) -> Arrival {
        match self {
            Self::Arrived(arrival) => *arrival,
            other => unreachable!("{other:?}"),
        }
    }
}

/// A request as HTTP/1.1 has it.
pub fn head(method: &str, target: &[u8], fields: &[Field]) -> Vec<u8> {
    let mut bytes = [
        method.as_bytes(),
        b" ",
        target,
        b" HTTP/1.1\r\nhost: gate\r\n",
    ]
    .concat();
    for (name, value) in fields {
        bytes.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}

/// A request's fields as HTTP/2 has them.
pub fn pseudo(method: &str, target: &[u8], fields: &[Field]) -> Vec<Field> {
    let mut all: Vec<Field> = vec![
        field(":method", method),
        field(":scheme", "http"),
        field(":authority", "gate"),
        field(":path", target),
    ];
    all.extend_from_slice(fields);
    all
}

pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Field {
    (name.as_ref().to_owned(), value.as_ref().to_owned())
}

/// The fields of a member of acme's good request.
pub fn credentials() -> Vec<Field> {
    let bearer = format!("Bearer {}", *TOKEN);
    vec![
        field("x-account-id", "acme"),
        field("authorization", bearer),
    ]
}

pub fn fate_1(answer: std::io::Result<Response>) -> Fate {
    let Ok(answer) = answer else {
        return Fate::Rejected;
    };
    fate(&answer.json())
}

pub fn fate_2(end: &End) -> Fate {
    fate(&serde_json::from_slice(end.body()).unwrap_or(Value::Null))
}

fn fate(answer: &Value) -> Fate {
    if let Some(arrival) = Arrival::from_json(answer) {
        return Fate::Arrived(Box::new(arrival));
    }
    match answer["code"].as_str() {
        Some(code) => Fate::Refused(code.to_owned()),
        None => Fate::Rejected,
    }
}
