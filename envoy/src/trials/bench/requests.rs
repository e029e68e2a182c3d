//! What is sent: the same headers to every arm, whether it looks at them or not.

use std::ops::Range;
use std::thread;

use serde_json::json;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use crate::issuer::{Draft, Issuer};

/// How many tokens there are. When one comes round again, a cache with fewer entries has forgotten it.
pub(super) const ALL: u32 = 2048;

/// How many of them, and how many API keys, are sent again and again, so that they stay in every cache.
const FEW: u8 = 64;

/// The account of nearly all requests.
pub(super) const ACCOUNT: &str = "acme";

/// An account that nobody may have from outside.
pub(super) const RESERVED: &str = "kataven-admin";

/// No name of an account.
const MALFORMED: &str = "Acme!";

/// What API keys begin with.
pub(super) const PREFIX: &str = "sk_live_";

/// A route that is not public.
pub(super) const PATH: &str = "/api/v1/agents";

/// One that Tollgate's arms have as a public one.
pub(super) const PUBLIC: &str = "/api/v1/widget/config";

/// What an arm is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sends {
    /// A token that comes again after all the others.
    NewTokens,
    /// A token that comes again soon, and always.
    KnownTokens,
    /// New tokens, to a public route.
    Public,
    /// New tokens, with what is no account's name.
    Malformed,
    /// A token that has expired, with a good signature.
    Expired,
    /// New tokens, for the reserved account.
    Reserved,
    /// API keys that come again soon. They are shorter than tokens, by some 700 bytes that Envoy need not read.
    ApiKeys,
}

/// Requests of every kind, ready to go out.
#[derive(Debug)]
pub(super) struct Requests {
    good: Vec<Vec<u8>>,
    closing: Vec<Vec<u8>>,
    public: Vec<Vec<u8>>,
    malformed: Vec<Vec<u8>>,
    reserved: Vec<Vec<u8>>,
    expired: Vec<Vec<u8>>,
    with_keys: Vec<Vec<u8>>,
    /// The API keys of `with_keys`.
    pub keys: Vec<String>,
    samples: Samples,
}

/// Tokens for what is asked of each arm before it is measured.
#[derive(Debug)]
struct Samples {
    good: String,
    expired: String,
    /// Like the good one, but for its signature.
    forged: String,
    /// Of a member of another account.
    other: String,
}

/// One question to an arm, to see that it does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// What the arm is going to be sent.
    Measured(Sends),
    /// A token that was changed after it was signed.
    Forged,
    /// No token.
    Missing,
    /// What is no account's name.
    Malformed,
    /// The reserved account.
    Reserved,
    /// An account that is not the token's.
    Foreign,
    /// A token that has expired.
    Expired,
}

// === impl Requests ===

impl Requests {
    /// Signs the tokens, on two threads: each takes some milliseconds.
    pub(super) fn new(issuer: &Issuer) -> Self {
        let tokens = signed(issuer);
        let all = |path, account| -> Vec<Vec<u8>> {
            let tokens = tokens.iter();
            tokens.map(|token| bytes(path, account, token)).collect()
        };
        let close = |token: &String| {
            let lines = format!("connection: close\r\nauthorization: Bearer {token}\r\n");
            request(PATH, ACCOUNT, &lines)
        };
        let key = |number| ApiKey::write(PREFIX, ACCOUNT, &[number; ENTROPY]);
        let keys: Vec<_> = (0..FEW).map(key).collect();
        let expired = issuer.mint(&draft(ALL).claim("exp", json!(1_700_000_000)));
        let good = token(issuer, ALL + 1);
        Self {
            good: all(PATH, ACCOUNT),
            closing: tokens.iter().map(close).collect(),
            public: all(PUBLIC, ACCOUNT),
            malformed: all(PATH, MALFORMED),
            reserved: all(PATH, RESERVED),
            expired: vec![bytes(PATH, ACCOUNT, &expired)],
            with_keys: keys.iter().map(|key| bytes(PATH, ACCOUNT, key)).collect(),
            keys,
            samples: Samples {
                forged: forged(&good),
                other: issuer.member("globex"),
                good,
                expired,
            },
        }
    }

    /// Without end.
    pub(super) fn of(&self, sends: Sends) -> impl Iterator<Item = &[u8]> + Send + use<'_> {
        let requests = match sends {
            Sends::NewTokens => &*self.good,
            Sends::KnownTokens => self.good.get(..FEW.into()).unwrap_or_default(),
            Sends::Public => &self.public,
            Sends::Malformed => &self.malformed,
            Sends::Reserved => &self.reserved,
            Sends::Expired => &self.expired,
            Sends::ApiKeys => &self.with_keys,
        };
        requests.iter().map(Vec::as_slice).cycle()
    }

    /// New tokens, with the wish that the connection ends.
    pub(super) fn closing(&self) -> impl Iterator<Item = &[u8]> + Send + use<'_> {
        self.closing.iter().map(Vec::as_slice).cycle()
    }

    /// One request.
    pub(super) fn probe(&self, probe: Probe) -> Vec<u8> {
        let samples = &self.samples;
        match probe {
            Probe::Measured(sends) => self.of(sends).next().unwrap_or_default().to_owned(),
            Probe::Missing => request(PATH, ACCOUNT, ""),
            Probe::Forged => bytes(PATH, ACCOUNT, &samples.forged),
            Probe::Malformed => bytes(PATH, MALFORMED, &samples.good),
            Probe::Reserved => bytes(PATH, RESERVED, &samples.good),
            Probe::Foreign => bytes(PATH, ACCOUNT, &samples.other),
            Probe::Expired => bytes(PATH, ACCOUNT, &samples.expired),
        }
    }
}

fn signed(issuer: &Issuer) -> Vec<String> {
    let sign = |numbers: Range<u32>| -> Vec<String> {
        numbers.map(|number| token(issuer, number)).collect()
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| sign(0..ALL / 2));
        let second = sign(ALL / 2..ALL);
        (first.join(), second)
    });
    let mut tokens = first.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    tokens.extend(second);
    tokens
}

fn draft(number: u32) -> Draft {
    Draft::member(ACCOUNT).claim("jti", json!(number.to_string()))
}

/// As long as those of a real issuer.
fn token(issuer: &Issuer, number: u32) -> String {
    issuer.mint(&draft(number))
}

/// A request as a client sends it.
pub(super) fn bytes(path: &str, account: &str, credential: &str) -> Vec<u8> {
    request(
        path,
        account,
        &format!("authorization: Bearer {credential}\r\n"),
    )
}

fn request(path: &str, account: &str, line: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: gate.example\r\nuser-agent: bench\r\naccept: */*\r\n\
         x-account-id: {account}\r\n{line}\r\n"
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_token_differs_in_its_signature() {
        assert_eq!(forged("a.b.Axy"), "a.b.Bxy");
        assert_eq!(forged("a.b.xyz"), "a.b.Ayz");
    }
}
