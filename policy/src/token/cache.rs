//! Tokens that were verified, so that the next request with one need not verify it again.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;

use super::claims::Validity;
use super::{Rejection, VerifiedToken, Verifier};
use crate::digest::{ByFirstHalf, Fingerprint, FingerprintKey};
use crate::issuer::Issuer;
use crate::keys::Key;
use crate::principal::Principal;
use crate::refusal::Code;

/// The tokens verified lately: two generations, of which the older is dropped when the newer is full. A token that is
/// used moves to the newer, so that what goes is what nobody has used for the longest.
///
/// Only tokens that were verified are ever in it: a flood of others cannot push one out.
#[derive(Debug)]
pub struct TokenCache {
    limits: CacheLimits,
    /// Made for the first token; as long as there is no randomness to make it of, nothing is remembered.
    key: OnceCell<FingerprintKey>,
    generations: RefCell<Generations>,
    hits: Cell<u64>,
}

/// How much a [`TokenCache`] may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Tokens; below 2 nothing is remembered.
    pub entries: usize,
    /// Bytes, about.
    pub bytes: usize,
}

#[derive(Debug, Default)]
struct Generations {
    newer: Generation,
    older: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    tokens: HashMap<Fingerprint, Remembered, ByFirstHalf>,
    bytes: usize,
}

/// What is kept of a token; not the token.
#[derive(Debug)]
struct Remembered {
    principal: Rc<Principal>,
    issuer: usize,
    /// That it was verified with.
    key: Arc<Key>,
    validity: Validity,
}

// === impl TokenCache ===

impl TokenCache {
    /// An empty one.
    pub fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            key: OnceCell::new(),
            generations: RefCell::default(),
            hits: Cell::new(0),
        }
    }

    /// What a token is remembered by; nothing where none is.
    pub(super) fn fingerprint(
        &self,
        token: &[u8],
        verifier: &impl Verifier,
    ) -> Option<Fingerprint> {
        if self.limits.entries < 2 {
            return None;
        }
        if let Some(key) = self.key.get() {
            return Some(key.fingerprint(token));
        }
        let key = verifier.fingerprint_key()?;
        Some(self.key.get_or_init(|| key).fingerprint(token))
    }

    /// How many tokens were remembered, since this was last asked.
    pub fn take_hits(&self) -> u64 {
        self.hits.take()
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.generations.borrow_mut() = Generations::default();
    }

    /// Whose token it is, where it was verified with a key that its issuer still has. Nothing where it must be
    /// verified anew.
    ///
    /// # Errors
    ///
    /// It was good, and now is not the time for it.
    pub(super) fn find(
        &self,
        fingerprint: &Fingerprint,
        issuers: &[Issuer],
        verifier: &impl Verifier,
    ) -> Result<Option<Rc<Principal>>, Rejection> {
        let mut generations = self.generations.borrow_mut();
        let Some(remembered) = generations.find(fingerprint, self.limits) else {
            return Ok(None);
        };
        let (Some(issuer), Some(keys)) = (
            issuers.get(remembered.issuer),
            verifier.keys(remembered.issuer),
        ) else {
            return Ok(None);
        };
        if !keys.contains(&remembered.key) {
            return Ok(None);
        }
        let now = verifier.now().ok_or(Code::NotReady)?;
        remembered.validity.check(issuer, now)?;
        self.hits.set(self.hits.get() + 1);
        Ok(Some(Rc::clone(&remembered.principal)))
    }

    /// Remembers whose token it is.
    pub(super) fn remember(
        &self,
        fingerprint: Fingerprint,
        token: &VerifiedToken<'_>,
        principal: &Rc<Principal>,
    ) {
        let remembered = Remembered {
            principal: Rc::clone(principal),
            issuer: token.position,
            key: Arc::clone(&token.key),
            validity: token.validity,
        };
        self.generations
            .borrow_mut()
            .insert(fingerprint, remembered, self.limits);
    }
}

// === impl Generations ===

impl Generations {
    fn find(&mut self, fingerprint: &Fingerprint, limits: CacheLimits) -> Option<&Remembered> {
        if !self.newer.tokens.contains_key(fingerprint) {
            let remembered = self.older.remove(fingerprint)?;
            self.insert(*fingerprint, remembered, limits);
        }
        self.newer.tokens.get(fingerprint)
    }

    fn insert(&mut self, fingerprint: Fingerprint, remembered: Remembered, limits: CacheLimits) {
        let size = remembered.size();
        // A generation may be half of the whole.
        if size > limits.bytes / 2 {
            return;
        }
        let full = self.newer.tokens.len() >= limits.entries / 2
            || self.newer.bytes + size > limits.bytes / 2;
        if full {
            self.older = mem::take(&mut self.newer);
        }
        self.newer.insert(fingerprint, remembered);
    }
}

// === impl Generation ===

impl Generation {
    fn insert(&mut self, fingerprint: Fingerprint, remembered: Remembered) {
        // It grows by doubling; where there is no memory for that, a token is verified again.
        if self.tokens.try_reserve(1).is_err() {
            return;
        }
        self.bytes += remembered.size();
        if let Some(previous) = self.tokens.insert(fingerprint, remembered) {
            self.bytes -= previous.size();
        }
    }

    fn remove(&mut self, fingerprint: &Fingerprint) -> Option<Remembered> {
        let remembered = self.tokens.remove(fingerprint)?;
        self.bytes -= remembered.size();
        Some(remembered)
    }
}

// === impl Remembered ===

impl Remembered {
    /// In bytes, with its place in the map.
    fn size(&self) -> usize {
        2 * mem::size_of::<(Fingerprint, Self)>() + self.principal.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Policy;
    use crate::keys::KeySet;
    use crate::testing::{NOW, World, jwk, policy, token};
    use crate::token::authenticate;
    use serde_json::json;
    use std::time::Duration;

    /// A worker with a cache.
    struct Worker {
        policy: Policy,
        world: World,
    }

    fn worker(entries: usize, bytes: usize) -> Worker {
        let world = World {
            tokens: TokenCache::new(CacheLimits { entries, bytes }),
            ..World::default()
        };
        let policy = policy(|_| {});
        Worker { policy, world }
    }

    impl Worker {
        fn sees(&self, token: &str) -> Result<String, Rejection> {
            let Self { policy, world } = self;
            let bytes = token.as_bytes();
            authenticate(&policy.issuers, bytes, world, &world.tokens)
                .map(|principal| principal.subject().to_owned())
        }

        /// How many signatures were verified since the last call.
        fn verified(&self) -> usize {
            self.world.verified.take()
        }

        fn remembered(&self) -> usize {
            let generations = self.world.tokens.generations.borrow();
            generations.newer.tokens.len() + generations.older.tokens.len()
        }
    }

    fn good(subject: &str) -> String {
        token(&json!({ "sub": subject }), &json!({}))
    }

    #[test]
    fn a_token_is_verified_once() {
        let worker = worker(10, 1 << 20);
        for _ in 0..3 {
            assert_eq!(worker.sees(&good("a")), Ok("a".to_owned()));
        }
        assert_eq!(worker.verified(), 1);
        assert_eq!(worker.sees(&good("b")), Ok("b".to_owned()));
        assert_eq!(worker.verified(), 1);
    }

    #[test]
    fn time_goes_on_for_remembered_tokens() {
        let mut worker = worker(10, 1 << 20);
        let token = token(&json!({"nbf": NOW - 5, "exp": NOW + 5}), &json!({}));
        worker.sees(&token).unwrap();
        worker.world.now = Duration::from_secs(NOW + 65);
        assert_eq!(worker.sees(&token), Err(Code::TokenExpired.into()));
        worker.world.now = Duration::from_secs(NOW - 71);
        assert_eq!(worker.sees(&token), Err(Code::TokenNotYetValid.into()));
        worker.world.now = Duration::from_secs(NOW);
        assert!(worker.sees(&token).is_ok());
        assert_eq!(worker.verified(), 1);
    }

    #[test]
    fn a_token_is_forgotten_with_its_key() {
        let mut worker = worker(10, 1 << 20);
        worker.sees(&good("a")).unwrap();
        let set = |keys| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        let before = worker.world.keys.take().unwrap();

        let same = set(json!([jwk("0"), jwk("1")])).sharing(&before);
        worker.world.keys = Some(Arc::new(same));
        worker.sees(&good("a")).unwrap();
        assert_eq!(worker.verified(), 1, "its key is still there");

        worker.world.keys = Some(Arc::new(set(json!([jwk("2")])).sharing(&before)));
        assert_eq!(worker.sees(&good("a")), Err(Code::TokenKey.into()));

        worker.world.keys = None;
        assert_eq!(worker.sees(&good("a")), Err(Rejection::KeysNeeded(0)));
    }

    #[test]
    fn refused_tokens_push_nothing_out() {
        let worker = worker(4, 1 << 20);
        worker.sees(&good("a")).unwrap();
        for number in 0..100 {
            let forged = format!("{}x", good(&number.to_string()));
            assert!(worker.sees(&forged).is_err());
            let foreign = token(&json!({"sub": number.to_string(), "aud": "b"}), &json!({}));
            assert!(worker.sees(&foreign).is_err());
        }
        worker.verified();
        worker.sees(&good("a")).unwrap();
        assert_eq!((worker.verified(), worker.remembered()), (0, 1));
    }

    #[test]
    fn entries_are_bounded_and_what_is_used_stays() {
        let worker = worker(10, 1 << 20);
        for number in 0..100 {
            worker.sees(&good(&number.to_string())).unwrap();
            worker.sees(&good("often")).unwrap();
            assert!(worker.remembered() <= 10);
        }
        assert_eq!(worker.verified(), 101, "`often` was verified once");
    }

    #[test]
    fn bytes_are_bounded() {
        let bytes = 20_000;
        let worker = worker(1_000_000, bytes);
        for number in 0..100 {
            worker
                .sees(&good(&format!("{number}{}", "s".repeat(500))))
                .unwrap();
            let generations = worker.world.tokens.generations.borrow();
            assert!(generations.newer.bytes + generations.older.bytes <= bytes);
        }
        assert!(worker.remembered() > 5);
        worker
            .sees(&token(&json!({"accounts": vec!["a"; 600]}), &json!({})))
            .unwrap();
        assert!(worker.remembered() > 5, "a large one is not worth them all");
    }

    #[test]
    fn a_cache_can_be_switched_off() {
        let worker = worker(0, 1 << 20);
        worker.sees(&good("a")).unwrap();
        worker.sees(&good("a")).unwrap();
        assert_eq!((worker.verified(), worker.remembered()), (2, 0));
    }

    #[test]
    fn without_a_secret_nothing_is_remembered() {
        let mut worker = worker(10, 1 << 20);
        worker.world.has_randomness = false;
        worker.sees(&good("a")).unwrap();
        worker.sees(&good("a")).unwrap();
        assert_eq!((worker.verified(), worker.remembered()), (2, 0));
        worker.world.has_randomness = true;
        worker.sees(&good("a")).unwrap();
        assert_eq!((worker.verified(), worker.remembered()), (1, 1));
    }
}
