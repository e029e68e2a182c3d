//! The upstream of a storm: compares each request that arrives with what its sender has a right to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tollgate_policy::assertion::{Assertion, AssertionKey, HEADER as ASSERTION};

use super::mirror::{Arrival, Field, Reply, Witness};
use super::people::{HEADER, Right};
use crate::upstream::ASSERTION_AUDIENCE;

/// So many wrong requests are kept, to be shown.
const SHOWN: usize = 10;

/// Asks the upstream for an answer that never ends.
pub const HALF: &str = "do=half";

/// What arrived.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    /// Requests to what is public, without any identity.
    pub public: u64,
    /// Requests with the identity that their sender has a right to.
    pub verified: u64,
    /// Of all these: those behind which the client's own trailers came.
    pub with_trailers: u64,
    /// Others: they should never have arrived, or not like this.
    pub wrong: u64,
    /// Some of them, with what is wrong.
    pub examples: Vec<String>,
}

/// Sees what arrives. It believes nobody at first.
#[derive(Clone, Default)]
pub struct Upstream {
    key: Arc<Mutex<Option<AssertionKey>>>,
    arrived: Arc<Mutex<Arrived>>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Public,
    Protected,
    Admin,
}

/// By method: the segments of the reference configuration's public routes; `*` is any one.
const PUBLIC: [(&str, &[&str]); 6] = [
    ("GET", &["api", "accounts"]),
    ("GET", &["api", "accounts", "validate", "*"]),
    ("POST", &["api", "login"]),
    ("POST", &["api", "v1", "widget", "auth", "*"]),
    ("GET", &["api", "v1", "widget", "config"]),
    ("GET", &["api", "user", "org"]),
];

// === impl Upstream ===

impl Upstream {
    /// Believes assertions of this key from now on.
    pub fn believe(&self, key: &str) {
        *lock(&self.key) = AssertionKey::new(key.as_bytes()).ok();
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> Arrived {
        lock(&self.arrived).clone()
    }

    fn judge(&self, arrival: &Arrival) -> Result<Class, String> {
        let class = class(arrival);
        let mut identity = identity(arrival);
        if class == Class::Public {
            if !identity.is_empty() {
                return Err(format!("public, with {identity:?}"));
            }
            return Ok(class);
        }
        let right = Right::read(arrival.values(HEADER));
        let said = self.said(arrival)?;
        let is_admin = class == Class::Admin && right == Right::Admin;
        if said.admin != is_admin || (class == Class::Admin && !is_admin) {
            return Err(format!("{class:?}, {right:?}, and admin is {}", said.admin));
        }
        if Some(&said.subject) != right.subject().as_ref() {
            return Err(format!("{right:?}, and the subject is {:?}", said.subject));
        }
        let account = said.account.as_str();
        if right != Right::Admin && right.account().as_deref() != Some(account) {
            return Err(format!("{right:?}, and the account is {account:?}"));
        }
        let mut expected = BTreeMap::from([
            ("X_ACCOUNT_ID".to_owned(), account.as_bytes().to_vec()),
            (
                "X_TOLLGATE_SUBJECT".to_owned(),
                encoded(&said.subject).into_bytes(),
            ),
        ]);
        if is_admin {
            expected.insert("X_ADMIN".to_owned(), b"true".to_vec());
        }
        identity.retain(|(name, _)| name != "X_TOLLGATE_ASSERTION");
        identity.sort();
        if !identity.iter().cloned().eq(expected) {
            return Err(format!("{right:?}, and the identity is {identity:?}"));
        }
        Ok(class)
    }

    /// The one assertion, if it is good.
    fn said(&self, arrival: &Arrival) -> Result<Assertion, String> {
        let mut values = arrival.values(ASSERTION);
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err("UNFILTERED: no assertion, or more than one".to_owned());
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let text = str::from_utf8(value).unwrap_or_default();
        match lock(&self.key).as_ref() {
            Some(key) => key
                .verify(text, ASSERTION_AUDIENCE, now)
                .map_err(|error| format!("UNFILTERED: {error}")),
            None => Err("nobody is believed yet".to_owned()),
        }
    }
}

// === impl Arrived ===

impl Arrived {
    fn wrong(&mut self, example: String) {
        self.wrong += 1;
        if self.examples.len() < SHOWN {
            self.examples.push(example);
        }
    }
}

impl Witness for Upstream {
    fn arrived(&self, arrival: &Arrival) {
        let judged = self.judge(arrival);
        let mut arrived = lock(&self.arrived);
        match judged {
            Ok(Class::Public) => arrived.public += 1,
            Ok(_) => arrived.verified += 1,
            Err(why) => arrived.wrong(format!("{why}: {}", arrival.to_json())),
        }
    }

    fn reply(&self, arrival: &Arrival) -> Reply {
        if !arrival.trailers.is_empty() {
            let mut arrived = lock(&self.arrived);
            arrived.with_trailers += 1;
            if !identity_of(&arrival.trailers).is_empty() {
                arrived.wrong(format!("trailers: {}", arrival.to_json()));
            }
        }
        if arrival.values("upgrade").next().is_some() {
            Reply::Upgrade
        } else if arrival.target.ends_with(HALF) {
            Reply::Half
        } else {
            Reply::Whole(200, "{}".to_owned())
        }
    }
}

/// What a request asks for, read as loosely as any server would: what is public only by chance is not.
fn class(arrival: &Arrival) -> Class {
    let has = |name: &str| arrival.values(name).next().is_some();
    if arrival.method == "OPTIONS" && has("origin") && has("access-control-request-method") {
        return Class::Public;
    }
    let path = arrival.target.split('?').next().unwrap_or_default();
    let path = decoded(path);
    let mut segments: Vec<_> = path.split('/').skip(1).collect();
    if segments.first() == Some(&"hub-api") {
        segments.remove(0);
    }
    if segments.starts_with(&["api", "admin"]) {
        return Class::Admin;
    }
    let is_public = |(method, pattern): &(&str, &[&str])| {
        let fits = |(pattern, found): (&&str, &&str)| *pattern == "*" || pattern == found;
        *method == arrival.method
            && pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(fits)
    };
    if PUBLIC.iter().any(is_public) {
        Class::Public
    } else {
        Class::Protected
    }
}

fn decoded(path: &str) -> String {
    let mut plain = Vec::new();
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|two| str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(escaped) if *byte == b'%' => {
                plain.push(escaped);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                plain.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn identity(arrival: &Arrival) -> Vec<(String, Vec<u8>)> {
    identity_of(&arrival.headers)
}

/// All that could be taken for the gate's word, by a server that hands headers on as variables (RFC 3875 §4.1.18).
pub fn identity_of(fields: &[Field]) -> Vec<(String, Vec<u8>)> {
    let variable = |name: &[u8]| -> String {
        let fold = |byte: &u8| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte.to_ascii_uppercase()),
            _ => '_',
        };
        name.iter().map(fold).collect()
    };
    let named = fields
        .iter()
        .map(|(name, value)| (variable(name), value.clone()));
    named
        .filter(|(name, _)| {
            name == "X_ACCOUNT_ID" || name == "X_ADMIN" || name.starts_with("X_TOLLGATE_")
        })
        .collect()
}

/// A subject as the gate writes it: visible ASCII as it is, all else percent-encoded.
fn encoded(subject: &str) -> String {
    let escape = |byte: u8| match byte {
        b'%' => "%25".to_owned(),
        b'!'..=b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    subject.bytes().map(escape).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::assertion;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    fn judge(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<Class, String> {
        let upstream = Upstream::default();
        upstream.believe(KEY);
        let headers = headers.iter();
        upstream.judge(&Arrival {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| (name.as_bytes().to_owned(), value.as_bytes().to_owned()))
                .collect(),
            ..Arrival::default()
        })
    }

    #[test]
    fn what_is_public_comes_without_identity() {
        for target in ["/api/accounts?x", "/hub-api/api/%61ccounts"] {
            assert_eq!(judge("GET", target, &[]), Ok(Class::Public));
            for name in ["x-account-id", "X_Tollgate-Any"] {
                assert!(judge("GET", target, &[(name, "")]).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn all_else_comes_with_the_senders_own() {
        let good = assertion(KEY, "account-0", false).unwrap();
        let whole = [
            (ASSERTION, good.as_str()),
            (HEADER, "m0"),
            ("x-account-id", "account-0"),
            ("x-tollgate-subject", "the%20harness"),
        ];
        // The harness is nobody's subject.
        let why = judge("GET", "/api/v1/agents", &whole).unwrap_err();
        assert!(why.contains("the subject"), "{why}");
        for target in ["/api/v1/agents", "/api/accounts/", "/api/admin/x", "/"] {
            let why = judge("GET", target, &[]).unwrap_err();
            assert!(why.contains("UNFILTERED"), "{why}");
        }
    }
}
