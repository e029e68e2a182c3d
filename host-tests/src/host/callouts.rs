//! HTTP requests that the filter makes.

use std::time::Duration;

use crate::headers::Headers;

/// A request that the filter made through a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// What its answer will be known by.
    pub token: u32,
    /// The root context that gets the answer.
    pub root: u32,
    /// The cluster.
    pub cluster: String,
    /// The request's headers.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
    /// When it fails by itself.
    pub timeout: Duration,
}

/// The answer to a callout. Envoy makes one up where it cannot connect (503) or waits too long (504).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Response headers; none where the connection broke.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

/// The callouts of one virtual machine.
#[derive(Debug, Default)]
pub(crate) struct Callouts {
    made: u32,
    /// Not answered yet, oldest first.
    pub open: Vec<Callout>,
}

// === impl Answer ===

impl Answer {
    /// An answer with this `:status` and body.
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> Self {
        let mut headers = Headers::new();
        headers.add(b":status", status.to_string().as_bytes());
        Self {
            headers,
            body: body.as_ref().to_vec(),
        }
    }

    /// An answer with status 200 whose body says that it is JSON.
    pub fn json(body: impl AsRef<[u8]>) -> Self {
        let mut answer = Self::new(200, body);
        answer.headers.add(b"content-type", b"application/json");
        answer
    }

    /// The connection broke: no headers, no body.
    pub fn broken() -> Self {
        Self::default()
    }
}

// === impl Callouts ===

impl Callouts {
    /// Records a callout and returns its token.
    pub fn make(&mut self, callout: Callout) -> u32 {
        self.made += 1;
        self.open.push(Callout {
            token: self.made,
            ..callout
        });
        self.made
    }
}
