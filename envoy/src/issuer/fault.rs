//! How the endpoints misbehave, and how often they were asked.

use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use http_body::Frame;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lock;

/// More than any key set has, in bytes.
const TOO_LARGE: usize = 1 << 20;

/// An endpoint that can misbehave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The key set.
    #[default]
    Keys,
    /// The token endpoint.
    Token,
    /// The discovery document.
    Discovery,
}

/// How an endpoint misbehaves until told otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which endpoint.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// In which way.
    pub kind: FaultKind,
    /// The status for [`FaultKind::Status`].
    #[serde(default = "internal_server_error")]
    pub status: u16,
    /// The delay for [`FaultKind::Delay`], in milliseconds.
    #[serde(default = "a_second")]
    pub delay_ms: u64,
    /// The answer for [`FaultKind::Body`].
    #[serde(default)]
    pub body: Value,
}

/// The ways to misbehave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Not at all.
    #[default]
    None,
    /// Answers with a status and no JSON.
    Status,
    /// Answers well, but late.
    Delay,
    /// Answers 200 with something that is no JSON.
    Garbage,
    /// Answers 200 with nothing in it: a set without keys.
    Empty,
    /// Answers 200 with what it should, and megabytes of something else in front.
    TooLarge,
    /// Closes the connection without an answer.
    Closed,
    /// Takes the request and never answers.
    Hang,
    /// Answers 200 with other JSON: another key set, say, or another discovery document.
    Body,
}

/// The faults of all endpoints, and the counts of their requests.
#[derive(Debug, Default)]
pub(super) struct Faults {
    keys: Mutex<State>,
    token: Mutex<State>,
    discovery: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    fault: Option<Fault>,
    requests: u64,
}

/// A body that breaks off before its first byte, upon which the server closes the connection.
struct Broken;

// === impl Fault ===

impl Fault {
    /// A fault of an endpoint, otherwise as the defaults are.
    pub fn of(endpoint: Endpoint, kind: FaultKind) -> Self {
        Self {
            endpoint,
            kind,
            status: internal_server_error(),
            delay_ms: a_second(),
            body: Value::Null,
        }
    }

    /// A fault of the key set.
    pub fn of_keys(kind: FaultKind) -> Self {
        Self::of(Endpoint::Keys, kind)
    }

    /// An endpoint that answers with other JSON than it should.
    pub fn body(endpoint: Endpoint, body: Value) -> Self {
        Self {
            body,
            ..Self::of(endpoint, FaultKind::Body)
        }
    }
}

fn internal_server_error() -> u16 {
    500
}

fn a_second() -> u64 {
    1000
}

// === impl Faults ===

impl Faults {
    pub(super) fn set(&self, fault: Fault) {
        let mut state = lock(self.state(fault.endpoint));
        state.fault = Some(fault);
    }

    pub(super) fn requests(&self, endpoint: Endpoint) -> u64 {
        lock(self.state(endpoint)).requests
    }

    pub(super) fn counts(&self) -> Value {
        json!({
            "keys": self.requests(Endpoint::Keys),
            "token": self.requests(Endpoint::Token),
            "discovery": self.requests(Endpoint::Discovery),
        })
    }

    /// Counts a request, and gives `answer` unless the endpoint has a fault.
    pub(super) async fn meet(&self, endpoint: Endpoint, answer: Response) -> Response {
        let fault = {
            let mut state = lock(self.state(endpoint));
            state.requests += 1;
            state.fault.clone()
        };
        let Some(fault) = fault else {
            return answer;
        };
        let json = [(CONTENT_TYPE, "application/json")];
        match fault.kind {
            FaultKind::None => answer,
            FaultKind::Status => {
                let status = StatusCode::from_u16(fault.status);
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, "out of order, by order").into_response()
            }
            FaultKind::Delay => {
                tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
                answer
            }
            FaultKind::Garbage => (json, "{\"keys\": [{\"kty\": \u{1}").into_response(),
            FaultKind::Empty if endpoint == Endpoint::Keys => {
                Json(json!({"keys": []})).into_response()
            }
            FaultKind::Empty => Json(json!({})).into_response(),
            FaultKind::TooLarge => padded(answer).await,
            FaultKind::Closed => Response::new(Body::new(Broken)),
            FaultKind::Hang => std::future::pending().await,
            FaultKind::Body => Json(fault.body).into_response(),
        }
    }

    fn state(&self, endpoint: Endpoint) -> &Mutex<State> {
        match endpoint {
            Endpoint::Keys => &self.keys,
            Endpoint::Token => &self.token,
            Endpoint::Discovery => &self.discovery,
        }
    }
}

/// The same JSON object behind a very long first member.
async fn padded(answer: Response) -> Response {
    let body = axum::body::to_bytes(answer.into_body(), TOO_LARGE).await;
    let body = body.unwrap_or_default();
    let rest = body.strip_prefix(b"{").unwrap_or_default();
    let mut padded = format!("{{\"padding\":\"{}\",", "x".repeat(TOO_LARGE)).into_bytes();
    padded.extend_from_slice(rest);
    ([(CONTENT_TYPE, "application/json")], padded).into_response()
}

// === impl Broken ===

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
