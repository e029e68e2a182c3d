//! What is sent: each request is made from its number, and says what its answer must be.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use super::signer::{KID, Signer};
use crate::issuer::{ACCOUNTS_CLAIM, AUDIENCE};

/// The kinds of requests take turns: one of each in so many.
const TURN: u64 = 32;

/// Some take part in one of so many turns only.
const SELDOM: u64 = 16;

/// The account that may make no request.
const CLOSED: &str = "closed";

/// Seconds for which the tokens are good, also those that were signed when a long run began.
const LIFETIME: u64 = 86_400;

/// Makes requests.
pub(super) struct Mix {
    signer: Signer,
    issuer: String,
    expires: u64,
}

/// What a request is answered: the status, and the code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) status: u16,
    /// Empty where it passes.
    pub(super) code: &'static str,
}

/// What is wrong with a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Expired,
    /// A key that nobody has, another one in each.
    UnknownKey,
    Signature,
}

const PASSES: Expected = Expected {
    status: 200,
    code: "",
};

/// So many accounts take turns at what is counted by the minute. What Envoy keeps of an account with a window that is
/// not over depends on how many come in a minute, and so on how fast this machine is; of these it has all soon.
const COUNTED: u64 = 2500;

/// An account may make as many requests as it likes, at most 20 at once; of `/counted`, very many a minute.
pub(super) fn caps() -> Value {
    json!([
        {"name": "requests", "limits": {"concurrent": 20}, "accounts": {CLOSED: {"per_minute": 0}}},
        {"name": "minute", "routes": ["GET /counted"], "limits": {"per_minute": 1_000_000}},
    ])
}

// === impl Mix ===

impl Mix {
    pub(super) fn new(signer: Signer, issuer: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            signer,
            issuer: issuer.to_owned(),
            expires: now.unwrap_or_default().as_secs() + LIFETIME,
        }
    }

    /// Writes the request of this number into `request`, and says what its answer must be.
    ///
    /// Of 32 requests, 20 have a token that nobody has had before, 16 of them for an account that nobody has had; but in every sixteenth turn, where two
    /// of these are refused with 400, upon which Envoy closes the connection. Four more have one of these tokens again.
    /// Five have a new token that is refused, and one a new key.
    pub(super) fn request(&self, number: u64, request: &mut String) -> Expected {
        let account = account(number);
        let good = |request: &mut String, number: u64| {
            let account = self::account(number);
            let token = self.token(number, &account, Flaw::None);
            write_request(request, "/agents", &account, &token);
            PASSES
        };
        let flawed = |request: &mut String, flaw, status, code| {
            let token = self.token(number, &account, flaw);
            write_request(request, "/agents", &account, &token);
            refused(status, code)
        };
        request.clear();
        match number % TURN {
            3 | 6 if !(number / TURN).is_multiple_of(SELDOM) => good(request, number),
            0 => flawed(request, Flaw::Signature, 401, "token_signature"),
            1 => flawed(request, Flaw::Expired, 401, "token_expired"),
            2 => flawed(request, Flaw::UnknownKey, 401, "token_key"),
            3 => {
                write_request(request, "/agents", "", &format!("e30.{number}.e30"));
                refused(400, "account_missing")
            }
            4 => {
                let token = self.token(number, CLOSED, Flaw::None);
                write_request(request, "/agents", CLOSED, &token);
                refused(429, "cap_exceeded")
            }
            5 => {
                write_request(request, "/agents", &account, &format!("ey.{number}"));
                refused(401, "token_malformed")
            }
            6 => {
                write_request(request, &format!("/agents//{number}"), &account, "");
                refused(400, "path_ambiguous")
            }
            7 => {
                write_request(request, "/api/accounts", "", "");
                PASSES
            }
            8 => {
                let mut entropy = [0; ENTROPY];
                let (first, _) = entropy.split_at_mut(8);
                first.copy_from_slice(&number.to_be_bytes());
                let key = ApiKey::write("sk_live_", &account, &entropy);
                write_request(request, "/agents", "", &key);
                refused(401, "key_inactive")
            }
            9 => {
                let token = self.token(number, "somebody-elses", Flaw::None);
                write_request(request, "/agents", &account, &token);
                refused(403, "account_forbidden")
            }
            10..14 => {
                let account = format!("counted-{}", number / TURN % COUNTED);
                let token = self.token(number, &account, Flaw::None);
                write_request(request, "/counted", &account, &token);
                PASSES
            }
            // One of the others of this turn, which most likely has been.
            14..18 => good(request, number + 5),
            _ => good(request, number),
        }
    }

    fn token(&self, number: u64, account: &str, flaw: Flaw) -> String {
        let kid = match flaw {
            Flaw::UnknownKey => format!("{KID}-{number}"),
            _ => KID.to_owned(),
        };
        let expires = match flaw {
            Flaw::Expired => 1,
            _ => self.expires,
        };
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#);
        let claims = format!(
            r#"{{"iss":"{}","aud":["{AUDIENCE}"],"sub":"{number}","exp":{expires},"{ACCOUNTS_CLAIM}":["{account}"]}}"#,
            self.issuer
        );
        let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signature = self.signer.sign(token.as_bytes());
        if let (Flaw::Signature, [.., last]) = (flaw, &mut signature) {
            *last ^= 1;
        }
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// A name of its own for each number.
fn account(number: u64) -> String {
    format!("account-{number}")
}

fn refused(status: u16, code: &'static str) -> Expected {
    Expected { status, code }
}

/// Without an account or a token where there is none.
fn write_request(request: &mut String, path: &str, account: &str, token: &str) {
    // Writing into a string does not fail.
    let _ = write!(request, "GET {path} HTTP/1.1\r\nhost: gate.example\r\n");
    if !account.is_empty() {
        let _ = write!(request, "x-account-id: {account}\r\n");
    }
    if !token.is_empty() {
        let _ = write!(request, "authorization: Bearer {token}\r\n");
    }
    request.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn most_tokens_and_accounts_are_new() {
        let mix = Mix::new(Signer::generate(), "http://issuer.example");
        let (mut tokens, mut passing, mut refused) = (BTreeSet::new(), 0, BTreeSet::new());
        let mut request = String::new();
        for number in 0..TURN * 10 {
            let expected = mix.request(number, &mut request);
            match request.split_once("Bearer ") {
                Some((_, token)) if expected == PASSES => {
                    passing += 1;
                    tokens.insert(token.to_owned());
                }
                _ => drop(refused.insert(expected.code)),
            }
        }
        assert_eq!((passing, tokens.len()), (238, 198));
        assert_eq!(refused.len(), 10, "{refused:?}");
    }
}
