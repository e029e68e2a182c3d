//! Requests on their way through the filter.

use std::collections::BTreeMap;

use crate::headers::Headers;
use crate::outcome::{Outcome, Reply};

/// All streams that there ever were, by context.
#[derive(Debug, Default)]
pub(crate) struct Streams(BTreeMap<u32, Stream>);

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// The root context that made it.
    pub root: u32,
    pub phase: Phase,
    /// The request's, as the client sent them, and as the filter has changed them.
    pub received: Headers,
    pub headers: Headers,
    /// While they are delivered.
    pub trailers: Option<Headers>,
    /// What the client gets, `:status` first; none until the upstream, Envoy or the filter has answered.
    pub response: Option<Headers>,
    pub state: BTreeMap<String, String>,
    /// Headers and filter state with which the request went on.
    forwarded: Option<(Headers, BTreeMap<String, String>)>,
    reply: Option<Reply>,
}

/// What may be done with a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was delivered.
    #[default]
    Created,
    /// The request's headers can be read and changed.
    Request,
    /// They cannot any more.
    Gone,
    /// The response's headers can be read and changed, and no others.
    Response,
    /// All can be read.
    Log,
    /// The context is no more.
    Deleted,
}

/// A reply that the filter makes.
#[derive(Debug)]
pub(crate) struct LocalReply {
    pub status: u32,
    pub details: String,
    pub body: Vec<u8>,
    pub headers: Headers,
    pub grpc_status: i32,
}

// === impl Streams ===

impl Streams {
    pub fn create(&mut self, context: u32, root: u32, headers: Headers) {
        let stream = Stream {
            root,
            received: headers.clone(),
            headers,
            ..Stream::default()
        };
        self.0.insert(context, stream);
    }

    pub fn get(&mut self, context: u32) -> Option<&mut Stream> {
        self.0.get_mut(&context)
    }

    pub fn is_alive(&self, context: u32) -> bool {
        self.0
            .get(&context)
            .is_some_and(|stream| stream.phase != Phase::Deleted)
    }
}

// === impl Stream ===

impl Stream {
    /// The request goes on as it is now.
    pub fn forward(&mut self) {
        self.phase = Phase::Gone;
        self.forwarded = Some((self.headers.clone(), self.state.clone()));
    }

    /// The client is answered. Of two replies the first counts, but for the details.
    pub fn answer(&mut self, local: LocalReply) {
        self.phase = Phase::Gone;
        if let Some(first) = &mut self.reply {
            first.details = local.details;
        } else {
            self.reply = Some(local.sent(self.is_grpc()));
        }
    }

    pub fn reply(&self) -> Option<&Reply> {
        self.reply.as_ref()
    }

    /// Of a local reply, what the filter has made of its headers when it saw them.
    pub fn delivered(&mut self) {
        self.phase = Phase::Gone;
        if let (Some(reply), Some(response)) = (&mut self.reply, &self.response) {
            reply.headers = response.clone();
            reply.headers.remove(b":status");
        }
    }

    /// A request that went on has gone on, whatever is answered after it.
    pub fn outcome(&self) -> Outcome {
        match (&self.forwarded, &self.reply) {
            (Some((headers, state)), _) => Outcome::Forwarded {
                headers: headers.clone(),
                state: state.clone(),
            },
            (None, Some(reply)) => Outcome::Answered(reply.clone()),
            (None, None) => Outcome::Waiting,
        }
    }

    fn is_grpc(&self) -> bool {
        let kind = self.headers.get("content-type").unwrap_or_default();
        kind == "application/grpc" || kind.starts_with("application/grpc+")
    }
}

// === impl LocalReply ===

impl LocalReply {
    /// As Envoy sends it (`Utility::sendLocalReply`): to gRPC clients always 200, the body as `grpc-message`.
    fn sent(self, grpc: bool) -> Reply {
        let mut headers = self.headers;
        let body = String::from_utf8_lossy(&self.body).into_owned();
        if !grpc {
            return Reply {
                status: self.status,
                headers,
                body,
                details: self.details,
                grpc_status: None,
            };
        }
        headers.replace(b"content-type", b"application/grpc");
        headers.replace(b"grpc-status", self.grpc_status.to_string().as_bytes());
        headers.replace(b"grpc-message", body.as_bytes());
        Reply {
            status: 200,
            headers,
            body: String::new(),
            details: self.details,
            grpc_status: Some(self.grpc_status),
        }
    }
}
