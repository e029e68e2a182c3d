//! What became of a request.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::headers::Headers;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It went on to the upstream.
    Forwarded {
        /// With these headers.
        headers: Headers,
        /// And this filter state, without the `wasm.` before the names.
        state: BTreeMap<String, String>,
    },
    /// The filter answered it.
    Answered(Reply),
    /// It is paused.
    Waiting,
}

/// A local reply as the client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status; 200 for gRPC, whatever the filter gave.
    pub status: u32,
    /// Response headers.
    pub headers: Headers,
    /// Body; empty for gRPC.
    pub body: String,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// `grpc-status`, for gRPC requests.
    pub grpc_status: Option<i32>,
}

// === impl Outcome ===

impl Outcome {
    /// In a word or two: `forwarded`, `waiting`, `401 token_missing`, or `grpc 16 token_missing`.
    pub fn summary(&self) -> String {
        match self {
            Self::Forwarded { .. } => "forwarded".to_owned(),
            Self::Waiting => "waiting".to_owned(),
            Self::Answered(reply) => reply.summary(),
        }
    }

    /// Whether the request went on.
    pub fn is_forwarded(&self) -> bool {
        matches!(self, Self::Forwarded { .. })
    }

    /// The headers with which it went on.
    pub fn forwarded(&self) -> &Headers {
        match self {
            Self::Forwarded { headers, .. } => headers,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// The filter state with which it went on.
    pub fn state(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Forwarded { state, .. } => state,
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// The answer.
    pub fn reply(&self) -> &Reply {
        match self {
            Self::Answered(reply) => reply,
            other => panic!("not answered: {other:?}"),
        }
    }
}

// === impl Reply ===

impl Reply {
    /// The code in the details, which must be the filter's.
    pub fn code(&self) -> &str {
        self.details
            .strip_prefix("tollgate:")
            .unwrap_or_else(|| panic!("details without a code: {self:?}"))
    }

    /// The body, which must be JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its headers as they leave for the client, `:status` first.
    pub(crate) fn response(&self) -> Headers {
        let mut response = Headers::new();
        response.add(b":status", self.status.to_string().as_bytes());
        for (name, value) in self.headers.iter() {
            response.add(name, value);
        }
        response
    }

    fn summary(&self) -> String {
        match self.grpc_status {
            None => format!("{} {}", self.status, self.code()),
            Some(grpc) => format!("grpc {grpc} {}", self.code()),
        }
    }
}
