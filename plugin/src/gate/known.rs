//! What the rules ask of the gate while they decide on one request.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::assertion::AssertionKey;
use tollgate_policy::caps::{Counts, StoreError};
use tollgate_policy::config::Policy;
use tollgate_policy::decide::Knowledge;
use tollgate_policy::digest::FingerprintKey;
use tollgate_policy::directory::Directory;
use tollgate_policy::introspection::IntrospectionCache;
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::signature;
use tollgate_policy::token::{NewerKeys, TokenCache, Unverifiable, Verifier};

use super::Gate;
use crate::budget::{self, Spent};
use crate::counting::Slots;
use crate::environment;
use crate::host;
use crate::signature::Place;

/// The gate as one request finds it.
pub(super) struct Known<'g> {
    gate: &'g Gate,
    /// Read once a request, if at all: the whole decision is of one time.
    now: OnceCell<Option<Duration>>,
}

impl<'g> Known<'g> {
    pub(super) fn new(gate: &'g Gate) -> Self {
        let now = OnceCell::new();
        Self { gate, now }
    }
}

impl Verifier for Known<'_> {
    fn now(&self) -> Option<Duration> {
        *self.now.get_or_init(|| host::now().ok())
    }

    fn fingerprint_key(&self) -> Option<FingerprintKey> {
        host::random().ok().map(FingerprintKey::new)
    }

    fn keys(&self, position: usize) -> Option<Arc<KeySet>> {
        let issuer = self.gate.policy.issuers.get(position)?;
        self.gate.keys.keys(position, issuer, self.now()?)
    }

    fn newer_keys(&self, position: usize) -> NewerKeys {
        match (self.gate.policy.issuers.get(position), self.now()) {
            (Some(issuer), Some(now)) => self.gate.keys.newer_keys(position, issuer, now),
            _ => NewerKeys::OutOfReach,
        }
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        // What cannot be a signature costs no time of those that can.
        if !signature::has_length(algorithm, key, signature) {
            return Ok(false);
        }
        let (signatures, counters) = (&self.gate.signatures, &self.gate.counters);
        let verify = || signatures.verify(algorithm, key, signed, signature);
        let verified = if signatures.is_slow(algorithm) {
            budget::spend(verify).map_err(|Spent| {
                counters.signatures_deferred.increment();
                Unverifiable::Busy
            })?
        } else {
            verify()
        };
        match signatures.place(algorithm) {
            Place::Host => counters.signatures_by_host.increment(),
            Place::Module => counters.signatures_by_module.increment(),
        }
        verified
    }
}

impl Knowledge for Known<'_> {
    type Store = Slots;

    fn tokens(&self) -> &TokenCache {
        &self.gate.tokens
    }

    fn counts(&self) -> Result<Counts<'_, Slots>, StoreError> {
        if self.gate.tick.get().is_none() {
            // It could not say that it is alive, and what it counts would expire.
            return Err(StoreError::Unreachable);
        }
        self.gate.counting.counts()
    }

    fn directory(&self) -> Option<Arc<Directory>> {
        self.gate
            .directory
            .directory(&self.gate.policy, self.now()?)
    }

    fn introspections(&self) -> Option<&IntrospectionCache> {
        self.gate.introspections.cache()
    }

    fn assertion_key(&self) -> Option<&AssertionKey> {
        self.gate.assertion_key.as_ref()
    }
}

/// What does not go without the key.
const FOR_ASSERTIONS: &str = "refusing protected requests";

/// The key from the environment; none where it is missing or weak, which the log says.
pub(super) fn assertion_key(policy: &Policy) -> Option<AssertionKey> {
    let name = &policy.assertion.as_ref()?.key_env;
    let key = match host::variable(name) {
        Ok(Some(value)) => AssertionKey::new(&value).map_err(|weak| weak.to_string()),
        Ok(None) => Err(environment::MISSING.to_owned()),
        Err(_) => Err(environment::UNREADABLE.to_owned()),
    };
    match key {
        Ok(key) => {
            environment::found(FOR_ASSERTIONS);
            Some(key)
        }
        Err(why) => {
            environment::missed(name, FOR_ASSERTIONS, &why);
            None
        }
    }
}
