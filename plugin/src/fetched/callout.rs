//! The requests by which a document is fetched, and what their answers say.

use std::sync::Arc;

use tollgate_policy::fetching::{Failure, FetchState, Ticket, Version};
use tollgate_policy::uri::Uri;

use super::Versioned;
use super::source::{Failed, Source};
use crate::host::{self, Error, memory};

/// A request that is under way.
pub struct Callout {
    /// The host's name for it.
    pub token: u32,
    /// The right to make it.
    pub ticket: Ticket,
    /// How many requests came before it.
    step: u8,
    /// The version that the server was told is known.
    told: Option<Version>,
}

/// What came of a request.
pub enum Answer<V> {
    /// The next request, which has been sent.
    Next(Callout),
    /// The document.
    Document(Document<V>),
    /// This version is the newest.
    Unchanged(Version),
}

/// A document that can be used.
pub struct Document<V> {
    /// As it was sent.
    pub text: Vec<u8>,
    /// What the server calls it.
    pub etag: Option<String>,
    /// As it was read.
    pub known: Versioned<V>,
}

/// `BadArgument` (`WasmResult` in proxy-wasm-cpp-host): of all arguments only the cluster can be bad.
const BAD_ARGUMENT: Error = Error::Status(2);

/// `InternalFailure`.
const INTERNAL_FAILURE: Error = Error::Status(10);

/// More requests one after the other than any fetch has.
const MOST_STEPS: u8 = 4;

// === impl Callout ===

impl Callout {
    /// Sends the first request, in which the server is told of the document that `state` has.
    pub fn start<S: Source>(
        source: &S,
        ticket: Ticket,
        state: &FetchState,
    ) -> Result<Self, Failed> {
        let etag = state.etag().filter(|_| S::IS_CONDITIONAL);
        let mut callout = Self {
            token: 0,
            ticket,
            step: 0,
            told: etag.and(state.version()),
        };
        callout.send(source, source.uri(), etag)?;
        Ok(callout)
    }

    /// Reads the answer that is being delivered. What is `known` already is not read again.
    pub fn answered<S: Source>(
        &self,
        source: &S,
        size: usize,
        known: Option<&Versioned<S::Value>>,
    ) -> Result<Answer<S::Value>, Failed> {
        let text = match body::<S>(size)? {
            Body::NotModified => {
                return self.told.map(Answer::Unchanged).ok_or_else(|| {
                    let sentence = format!("{} answered with status 304, unasked", S::SERVER);
                    Failed::new(Failure::Status, sentence)
                });
            }
            Body::Whole(text) => text,
        };
        if !memory::has_room(text.len().saturating_mul(S::TIMES)) {
            let sentence = "there is no memory to read the answer";
            return Err(Failed::new(Failure::TooLarge, sentence));
        }
        if let Some(uri) = source.leads_to(self.step, &text)? {
            let mut next = Self {
                token: 0,
                ticket: self.ticket,
                step: self.step.saturating_add(1),
                told: None,
            };
            if next.step >= MOST_STEPS {
                return Err(Failed::new(Failure::Status, "it leads nowhere"));
            }
            next.send(source, &uri, None)?;
            return Ok(Answer::Next(next));
        }
        let version = Version::of(&text);
        let value = match known {
            Some((known, value)) if *known == version => Arc::clone(value),
            previous => {
                let previous = previous.map(|(_, value)| &**value);
                Arc::new(source.parse(&text, previous)?)
            }
        };
        Ok(Answer::Document(Document {
            text,
            etag: S::IS_CONDITIONAL.then(host::response_etag).flatten(),
            known: (version, value),
        }))
    }

    fn send<S: Source>(&mut self, source: &S, uri: &Uri, etag: Option<&str>) -> Result<(), Failed> {
        let mut headers = vec![
            (":method", "GET"),
            (":scheme", &uri.scheme),
            (":authority", &uri.authority),
            (":path", &uri.path),
            ("accept", "application/json"),
            ("user-agent", "tollgate"),
        ];
        headers.extend(etag.map(|etag| ("if-none-match", etag)));
        headers.extend(source.authorization().map(|value| ("authorization", value)));
        let cluster = source.cluster();
        let sent = host::ask(cluster, &headers, &[], source.timeout());
        self.token = sent.map_err(|error| not_sent(error, cluster))?;
        Ok(())
    }
}

/// Why a request could not be made through a cluster.
pub fn not_sent(error: Error, cluster: &str) -> Failed {
    if error == BAD_ARGUMENT {
        let sentence = format!("Envoy knows no cluster `{cluster}`");
        return Failed::new(Failure::ClusterUnknown, sentence);
    }
    let sentence = match error {
        INTERNAL_FAILURE => format!("cluster `{cluster}` has no host"),
        other => format!("Envoy does not ask cluster `{cluster}`: {other:?}"),
    };
    Failed::new(Failure::NoHost, sentence)
}

enum Body {
    Whole(Vec<u8>),
    NotModified,
}

fn body<S: Source>(size: usize) -> Result<Body, Failed> {
    let Some(status) = host::response_status() else {
        return Err(Failed::new(Failure::Reset, "the connection broke"));
    };
    if size > S::MAX_BYTES {
        let most = S::MAX_BYTES;
        let sentence = format!("the answer has {size} bytes, more than {most}");
        return Err(Failed::new(Failure::TooLarge, sentence));
    }
    if status == 304 {
        return Ok(Body::NotModified);
    }
    let body = host::response_body(size)
        .map_err(|_| Failed::new(Failure::Reset, "the answer cannot be read"))?;
    if status == 200 {
        return Ok(Body::Whole(body));
    }
    Err(by_envoy(S::SERVER, status, &body))
}

/// What went wrong, where Envoy answers in the server's stead: it tells only by its words
/// (`source/common/router/router.cc`).
pub fn by_envoy(server: &str, status: u16, body: &[u8]) -> Failed {
    let says = |words: &[u8]| body.starts_with(words);
    let is_named = |words: &[u8]| body.windows(words.len()).any(|window| window == words);
    match status {
        503 if says(b"no healthy upstream") => {
            Failed::new(Failure::NoHost, "the cluster has no healthy host")
        }
        503 if says(b"upstream connect error") && is_named(b"connection termination") => {
            let sentence = "the connection was closed before the answer";
            Failed::new(Failure::Reset, sentence)
        }
        503 if says(b"upstream connect error") && is_named(b"remote reset") => {
            Failed::new(Failure::Reset, format!("{server} reset the request"))
        }
        503 if says(b"upstream connect error") => {
            Failed::new(Failure::Connect, format!("{server} cannot be connected to"))
        }
        504 if says(b"upstream request timeout") => {
            Failed::new(Failure::Timeout, format!("{server} did not answer in time"))
        }
        _ => {
            let sentence = format!("{server} answered with status {status}");
            Failed::new(Failure::Status, sentence)
        }
    }
}
