//! The issuer's keys: fetched when they are first needed, refreshed when old or when a token names an unknown one.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::Unverified;
use super::fetch::{Fetch, FetchError};
use super::token::Header;

/// Age at which keys are fetched again, so that a withdrawn key ends.
const REFRESH: Duration = Duration::from_secs(10 * 60);

/// Age until which keys are used while the issuer cannot be reached.
const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// At most one fetch in this time because of keys that the set does not have: anybody can name one.
const UNKNOWN_KEY_COOLDOWN: Duration = Duration::from_secs(10);

/// After a fetch that failed, for so long no other is tried.
const FAILURE_COOLDOWN: Duration = Duration::from_secs(1);

/// RSA keys of fewer bits can be factored. 2048 bits are 342 characters of base64url.
const SHORTEST_MODULUS: usize = 342;

/// A key set that keeps itself current.
pub(super) struct KeySet<F> {
    /// Held while fetching: whoever else needs new keys waits for the same fetch. Whoever has theirs does not.
    fetch: tokio::sync::Mutex<F>,
    state: std::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: HashMap<KeyId, Arc<DecodingKey>>,
    /// When keys were last fetched.
    fetched: Option<Instant>,
    /// When fetching failed, if it has not succeeded since.
    failed: Option<Instant>,
    /// When keys were last fetched although the set was young, for one that it did not have.
    looked_for_unknown: Option<Instant>,
}

/// The key's `kid`, and the algorithm that the key is for.
type KeyId = (Option<String>, Algorithm);

#[derive(Deserialize)]
struct JsonKeySet {
    /// As they are: one that we do not understand must not hide the others (RFC 7517 §5).
    keys: Vec<Value>,
}

// === impl KeySet ===

impl<F: Fetch> KeySet<F> {
    pub(super) fn new(fetch: F) -> Self {
        Self {
            fetch: tokio::sync::Mutex::new(fetch),
            state: std::sync::Mutex::default(),
        }
    }

    /// The key that a token says it is signed with.
    ///
    /// # Errors
    ///
    /// [`Unverified::Token`] only where the set is current and does not have the key; where that cannot be known,
    /// [`Unverified::Keys`].
    pub(super) async fn key(&self, header: &Header) -> Result<Arc<DecodingKey>, Unverified> {
        let id = (header.kid.clone(), header.algorithm);
        if self.state().is_due(&id) {
            let fetch = self.fetch.lock().await;
            // Somebody else may have fetched them while we waited.
            if self.state().is_due(&id) {
                let outcome = fetch.fetch().await.and_then(|body| parse(&body));
                self.state().update(outcome);
            }
        }
        self.state().find(&id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn is_due(&self, id: &KeyId) -> bool {
        if is_within(self.failed, FAILURE_COOLDOWN) {
            return false;
        }
        !is_within(self.fetched, REFRESH)
            || (!self.keys.contains_key(id)
                && !is_within(self.looked_for_unknown, UNKNOWN_KEY_COOLDOWN))
    }

    fn update(&mut self, outcome: Result<HashMap<KeyId, Arc<DecodingKey>>, FetchError>) {
        let now = Some(Instant::now());
        if is_within(self.fetched, REFRESH) {
            self.looked_for_unknown = now;
        }
        match outcome {
            Ok(keys) => {
                self.keys = keys;
                self.fetched = now;
                self.failed = None;
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer's keys cannot be had");
                self.failed = now;
            }
        }
    }

    fn find(&self, id: &KeyId) -> Result<Arc<DecodingKey>, Unverified> {
        let usable = is_within(self.fetched, MAX_STALE);
        match self.keys.get(id) {
            Some(key) if usable => Ok(Arc::clone(key)),
            // The last word from the issuer is a failure: the key may be a new one.
            _ if !usable || self.failed.is_some() => Err(Unverified::Keys),
            _ => Err(Unverified::Token("the issuer has no key for the token")),
        }
    }
}

fn is_within(since: Option<Instant>, time: Duration) -> bool {
    since.is_some_and(|since| since.elapsed() < time)
}

fn parse(body: &[u8]) -> Result<HashMap<KeyId, Arc<DecodingKey>>, FetchError> {
    let set: JsonKeySet =
        serde_json::from_slice(body).map_err(|error| FetchError::KeySet(error.to_string()))?;
    let keys: HashMap<_, _> = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(FetchError::KeySet(
            "it has no key for RS256 or ES256".to_owned(),
        ));
    }
    Ok(keys)
}

/// A public key that signatures can be verified with, by one of the two algorithms.
fn usable(key: Value) -> Option<(KeyId, Arc<DecodingKey>)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let (algorithm, name) = match &key.algorithm {
        AlgorithmParameters::RSA(rsa) if rsa.n.len() >= SHORTEST_MODULUS => {
            (Algorithm::RS256, KeyAlgorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let for_signatures = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let for_algorithm = key.common.key_algorithm.is_none_or(|found| found == name);
    if !for_signatures || !for_algorithm {
        return None;
    }
    let id = (key.common.key_id.clone(), algorithm);
    let key = DecodingKey::from_jwk(&key).ok()?;
    Some((id, Arc::new(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Bytes;
    use serde_json::json;
    use tokio::time::advance;

    /// Answers with a key set of one key, or fails.
    #[derive(Default)]
    struct Fake {
        kid: std::sync::Mutex<Option<&'static str>>,
        fetches: AtomicUsize,
    }

    impl Fetch for &Fake {
        async fn fetch(&self) -> Result<Bytes, FetchError> {
            self.fetches.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let kid = self.kid.lock().unwrap().ok_or(FetchError::Timeout)?;
            Ok(set(&[&rsa(kid)]))
        }
    }

    impl Fake {
        fn has(&self, kid: impl Into<Option<&'static str>>) {
            *self.kid.lock().unwrap() = kid.into();
        }

        fn fetches(&self) -> usize {
            self.fetches.load(Ordering::Relaxed)
        }
    }

    fn rsa(kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": "q".repeat(341) + "A", "e": "AQAB"})
    }

    fn set(keys: &[&Value]) -> Bytes {
        json!({"keys": keys}).to_string().into()
    }

    fn header(kid: &str) -> Header {
        Header {
            kid: Some(kid.to_owned()),
            algorithm: Algorithm::RS256,
        }
    }

    async fn ask(keys: &KeySet<&Fake>, kid: &str) -> Result<(), Unverified> {
        keys.key(&header(kid)).await.map(|_| ())
    }

    const UNKNOWN: Result<(), Unverified> =
        Err(Unverified::Token("the issuer has no key for the token"));

    #[tokio::test(start_paused = true)]
    async fn many_who_need_the_keys_fetch_them_once() {
        let fake = Fake::default();
        fake.has("a");
        let keys = KeySet::new(&fake);
        let (one, two, three) = tokio::join!(ask(&keys, "a"), ask(&keys, "a"), ask(&keys, "a"));
        assert_eq!((one, two, three), (Ok(()), Ok(()), Ok(())));
        assert_eq!(fake.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_is_looked_for_once_in_a_while() {
        let fake = Fake::default();
        fake.has("a");
        let keys = KeySet::new(&fake);
        assert_eq!(ask(&keys, "a").await, Ok(()));
        fake.has("b");
        assert_eq!(ask(&keys, "b").await, Ok(()));
        assert_eq!(ask(&keys, "a").await, UNKNOWN);
        assert_eq!(ask(&keys, "c").await, UNKNOWN);
        assert_eq!(fake.fetches(), 2);
        advance(UNKNOWN_KEY_COOLDOWN).await;
        fake.has("c");
        assert_eq!(ask(&keys, "c").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_issuer_nothing_is_said_about_unknown_keys() {
        let fake = Fake::default();
        let keys = KeySet::new(&fake);
        assert_eq!(ask(&keys, "a").await, Err(Unverified::Keys));
        assert_eq!(ask(&keys, "a").await, Err(Unverified::Keys));
        assert_eq!(fake.fetches(), 1);

        fake.has("a");
        advance(FAILURE_COOLDOWN).await;
        assert_eq!(ask(&keys, "a").await, Ok(()));

        fake.has(None);
        assert_eq!(ask(&keys, "b").await, Err(Unverified::Keys));
        assert_eq!(ask(&keys, "a").await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_used_without_the_issuer_for_a_day() {
        let fake = Fake::default();
        fake.has("a");
        let keys = KeySet::new(&fake);
        assert_eq!(ask(&keys, "a").await, Ok(()));
        fake.has(None);
        advance(REFRESH).await;
        assert_eq!(ask(&keys, "a").await, Ok(()));
        assert_eq!(fake.fetches(), 2);
        advance(MAX_STALE).await;
        assert_eq!(ask(&keys, "a").await, Err(Unverified::Keys));
    }

    #[test]
    fn only_keys_for_the_two_algorithms_are_used() {
        let mut encryption = rsa("a");
        encryption["use"] = json!("enc");
        let mut other = rsa("a");
        other["alg"] = json!("RS512");
        let mut short = rsa("a");
        short["n"] = json!("q".repeat(171));
        let secret = json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0"});
        let strange = json!({"kty": "NEW", "kid": "a"});
        for key in [&encryption, &other, &short, &secret, &strange, &json!(7)] {
            assert!(parse(&set(&[key])).is_err(), "{key}");
            assert_eq!(parse(&set(&[key, &rsa("b")])).unwrap().len(), 1, "{key}");
        }
    }
}
