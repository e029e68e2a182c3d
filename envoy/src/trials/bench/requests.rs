//! What is sent: the same bytes to every arm, whether it looks at the token or not.

use std::thread;

use serde_json::json;

use crate::client::{Origin, Request};
use crate::issuer::{Draft, Issuer};

/// How many tokens there are. When one comes round again, a cache with fewer entries has forgotten it.
pub(super) const ALL: u32 = 2048;

/// How many of them are sent again and again, so that they stay in every cache.
const FEW: usize = 64;

const ACCOUNT: &str = "acme";

const PATH: &str = "/api/v1/agents";

/// Requests with tokens that are all valid, and all different.
#[derive(Debug)]
pub(super) struct Requests {
    bytes: Vec<Vec<u8>>,
    /// A token like the others, but for its signature.
    forged: String,
}

// === impl Requests ===

impl Requests {
    /// Signs the tokens, on two threads: each takes some milliseconds.
    pub(super) fn new(issuer: &Issuer) -> Self {
        let sign = |numbers: std::ops::Range<u32>| -> Vec<String> {
            numbers.map(|number| token(issuer, number)).collect()
        };
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| sign(0..ALL / 2));
            (sign(ALL / 2..ALL), first.join())
        });
        let second = second.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let tokens = first.iter().chain(&second);
        Self {
            bytes: tokens.map(|token| bytes(token)).collect(),
            forged: forged(&token(issuer, ALL)),
        }
    }

    /// A token for each, without end.
    pub(super) fn new_tokens(&self) -> impl Iterator<Item = &Vec<u8>> + Send {
        self.bytes.iter().cycle()
    }

    /// The same few tokens, without end.
    pub(super) fn known_tokens(&self) -> impl Iterator<Item = &Vec<u8>> + Send {
        self.bytes.get(..FEW).unwrap_or_default().iter().cycle()
    }

    /// What nobody who checks signatures lets pass.
    pub(super) fn forged(&self, to: Origin) -> Request {
        to.get(PATH).account(ACCOUNT).bearer(&self.forged)
    }
}

/// As long as those of a real issuer.
fn token(issuer: &Issuer, number: u32) -> String {
    issuer.mint(&Draft::member(ACCOUNT).claim("jti", json!(number.to_string())))
}

fn bytes(token: &str) -> Vec<u8> {
    format!(
        "GET {PATH} HTTP/1.1\r\nhost: gate.example\r\nuser-agent: bench\r\naccept: */*\r\n\
         x-account-id: {ACCOUNT}\r\nauthorization: Bearer {token}\r\n\r\n"
    )
    .into_bytes()
}

/// With another first character in the signature.
fn forged(token: &str) -> String {
    match token.rsplit_once('.') {
        Some((signed, signature)) => {
            let (first, rest) = signature.split_at(signature.len().min(1));
            format!("{signed}.{}{rest}", if first == "A" { "B" } else { "A" })
        }
        None => String::new(),
    }
}
