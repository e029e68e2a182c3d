//! The requests by which an issuer's keys are fetched, and what their answers say.

use tollgate_policy::fetching::{Failure, Ticket};
use tollgate_policy::issuer::Issuer;
use tollgate_policy::key_source::{DiscoveryError, Location, Remote, Uri, discovered};
use tollgate_policy::keys::{KeySet, KeySetError, MAX_BYTES};

use crate::host::{self, Error};

/// A request that is under way.
pub struct Callout {
    /// The host's name for it.
    pub token: u32,
    /// The right to make it.
    pub ticket: Ticket,
    step: Step,
}

/// What was asked for.
#[derive(Clone, Copy)]
enum Step {
    Discovery,
    KeySet,
}

/// What came of a request.
pub enum Answer {
    /// The next request, which has been sent.
    Next(Callout),
    /// The text of a key set that can be used.
    Keys(Vec<u8>),
}

/// Why there are no keys: the kind, and a sentence for the log.
pub struct Failed {
    pub kind: Failure,
    pub sentence: String,
}

/// `BadArgument` (`WasmResult` in proxy-wasm-cpp-host): of all arguments only the cluster can be bad.
const BAD_ARGUMENT: Error = Error::Status(2);

// === impl Callout ===

impl Callout {
    /// Sends the first request.
    pub fn start(remote: &Remote, ticket: Ticket) -> Result<Self, Failed> {
        let step = match remote.location {
            Location::KeySet(_) => Step::KeySet,
            Location::Discovery(_) => Step::Discovery,
        };
        Self::send(remote, remote.location.uri(), ticket, step)
    }

    /// Reads the answer that is being delivered.
    pub fn answered(
        &self,
        issuer: &Issuer,
        remote: &Remote,
        size: usize,
    ) -> Result<Answer, Failed> {
        let body = body(size)?;
        match self.step {
            Step::Discovery => {
                let uri = discovered(&body, &issuer.issuer)?;
                Self::send(remote, &uri, self.ticket, Step::KeySet).map(Answer::Next)
            }
            Step::KeySet => {
                KeySet::parse(&body)?;
                Ok(Answer::Keys(body))
            }
        }
    }

    fn send(remote: &Remote, uri: &Uri, ticket: Ticket, step: Step) -> Result<Self, Failed> {
        let headers = vec![
            (":method", "GET"),
            (":scheme", &uri.scheme),
            (":authority", &uri.authority),
            (":path", &uri.path),
            ("accept", "application/json"),
            ("user-agent", "tollgate"),
        ];
        let cluster = &remote.cluster;
        match host::get(cluster, headers, remote.timeout) {
            Ok(token) => Ok(Self {
                token,
                ticket,
                step,
            }),
            Err(BAD_ARGUMENT) => {
                let sentence = format!("Envoy knows no cluster `{cluster}`");
                Err(Failed::new(Failure::ClusterUnknown, sentence))
            }
            Err(_) => {
                let sentence = format!("cluster `{cluster}` has no host");
                Err(Failed::new(Failure::NoHost, sentence))
            }
        }
    }
}

fn body(size: usize) -> Result<Vec<u8>, Failed> {
    let Some(status) = host::response_status() else {
        return Err(Failed::new(Failure::Reset, "the connection broke"));
    };
    if size > MAX_BYTES {
        let sentence = format!("the answer has {size} bytes, more than {MAX_BYTES}");
        return Err(Failed::new(Failure::TooLarge, sentence));
    }
    let body = host::response_body(size)
        .map_err(|_| Failed::new(Failure::Reset, "the answer cannot be read"))?;
    if status == 200 {
        return Ok(body);
    }
    let (kind, sentence) = by_envoy(status, &body);
    Err(Failed::new(kind, sentence))
}

/// What went wrong, where Envoy answers in the issuer's stead: it tells only by its words
/// (`source/common/router/router.cc`).
fn by_envoy(status: u16, body: &[u8]) -> (Failure, String) {
    let says = |words: &[u8]| body.starts_with(words);
    let is_named = |words: &[u8]| body.windows(words.len()).any(|window| window == words);
    let (kind, sentence) = match status {
        503 if says(b"no healthy upstream") => (Failure::NoHost, "the cluster has no healthy host"),
        503 if says(b"upstream connect error") && is_named(b"connection termination") => (
            Failure::Reset,
            "the connection was closed before the answer",
        ),
        503 if says(b"upstream connect error") && is_named(b"remote reset") => {
            (Failure::Reset, "the issuer reset the request")
        }
        503 if says(b"upstream connect error") => {
            (Failure::Connect, "the issuer cannot be connected to")
        }
        504 if says(b"upstream request timeout") => {
            (Failure::Timeout, "the issuer did not answer in time")
        }
        _ => {
            return (
                Failure::Status,
                format!("the issuer answered with status {status}"),
            );
        }
    };
    (kind, sentence.to_owned())
}

// === impl Failed ===

impl Failed {
    fn new(kind: Failure, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }
}

impl From<KeySetError> for Failed {
    fn from(error: KeySetError) -> Self {
        let kind = match error {
            KeySetError::TooLarge(_) => Failure::TooLarge,
            KeySetError::NotJson(_) => Failure::NotJson,
            KeySetError::NotAKeySet(_) | KeySetError::NoUsableKey { .. } => Failure::NoUsableKey,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<DiscoveryError> for Failed {
    fn from(error: DiscoveryError) -> Self {
        Self::new(Failure::Discovery, error.to_string())
    }
}
