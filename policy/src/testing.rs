//! What the tests of several modules share: a key, an issuer, a world.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::account::AccountName;
use crate::algorithm::Algorithm;
use crate::api_key::{ApiKey, ENTROPY};
use crate::assertion::AssertionKey;
use crate::caps::{Counts, Roster, Store, StoreError, Version, WorkerId};
use crate::config::Policy;
use crate::decide::Knowledge;
use crate::digest::FingerprintKey;
use crate::directory::Directory;
use crate::introspection::{CacheRules, IntrospectionCache};
use crate::keys::{KeySet, PublicKey};
use crate::membership::{self, Destination, Grant};
use crate::path::Path;
use crate::principal::Principal;
use crate::request::Field;
use crate::route::Access;
use crate::token::{self, CacheLimits, NewerKeys, TokenCache, Unverifiable, Verifier};

/// The time in the tests' world, in seconds since the Unix epoch: half a minute past a full one.
pub const NOW: u64 = 1_800_000_030;

const SIGNATURE: &[u8] = b"signed";

/// The modulus of an RSA key of 2048 bits, made for these tests.
pub const RSA_N: &str = concat!(
    "0sCrfet-uhw2rxEz0xertCNAvlxt5_A4c3mjWy_K7LjWBC6lDpTs9jkhTsw_s41al5DPLGeGmmukuO_X",
    "EgTyyso4yux4USje0yulTVNfwxw22nzvqIP-LHXDc7fWCsW9ES4uCzD67FYmMglFqDiplpAe36fKO8n8",
    "TSMQomYed5IOU1alnGij2RW2eE9L7moC4uYIvNEd1NGFj64adWIH9dr01LlVD2_BrkcHNaskCFCnxI5-",
    "3LNoXXaDgoAZ4OrNw4AuIFLuSvVP9hX8n0HAkjUsezSR0w2X-HUzK9r_fozvNYnQhvnBjrnDhD2X1EZl",
    "rDtFyC-K8WF5Hzy59nhmww",
);

/// The same key as openssl writes it (`openssl rsa -pubout -outform DER`), in base64.
pub const RSA_SPKI: &str = concat!(
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0sCrfet+uhw2rxEz0xertCNAvlxt5/A4c3mj",
    "Wy/K7LjWBC6lDpTs9jkhTsw/s41al5DPLGeGmmukuO/XEgTyyso4yux4USje0yulTVNfwxw22nzvqIP+",
    "LHXDc7fWCsW9ES4uCzD67FYmMglFqDiplpAe36fKO8n8TSMQomYed5IOU1alnGij2RW2eE9L7moC4uYI",
    "vNEd1NGFj64adWIH9dr01LlVD2/BrkcHNaskCFCnxI5+3LNoXXaDgoAZ4OrNw4AuIFLuSvVP9hX8n0HA",
    "kjUsezSR0w2X+HUzK9r/fozvNYnQhvnBjrnDhD2X1EZlrDtFyC+K8WF5Hzy59nhmwwIDAQAB",
);

/// The modulus of a key that is too short.
pub const RSA_1024_N: &str = concat!(
    "sN88-6TeqHGgTzKp76rjzUMpqLr0amvmU19RTk37FqWi5wwxrfZEc6q2SesVX4CNCvwK12-u28a_KV3X",
    "OezJOJ4BxqSmHKKOp1ZUXzRN8tlkc45eFtm-g9fJYgb_PiMATxjHQllhWg_QqswGXGTtzXn3t0_R9XJg",
    "4EOrkghPHhk",
);

/// A JWK of the test key.
pub fn jwk(id: &str) -> Value {
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": RSA_N, "e": "AQAB"})
}

/// The reference configuration, as far as the tests need it, changed by `change`.
pub fn configuration(change: impl FnOnce(&mut Value)) -> Value {
    let mut configuration = json!({
        "issuers": [{
            "issuer": "https://id.example.com",
            "audiences": ["api"],
            "jwks": {"inline": {"keys": [jwk("1")]}},
            "membership": {"claim": ["accounts"], "shape": "list"},
            "admin": {"claim": ["roles", "platform-admin"]},
        }],
        "mounts": ["", "/hub-api"],
        "routes": [
            {"match": "GET /api/accounts", "access": "public"},
            {"match": "GET /api/user/org", "access": "public", "forward_authorization": true},
            {"match": "* /api/admin/**", "access": "admin"},
        ],
        "assertion": {"key_env": "KEY", "audience": "upstream"},
    });
    change(&mut configuration);
    configuration
}

/// `api_keys` as the tests have it.
pub fn api_keys() -> Value {
    json!({
        "prefix": "sk_live_",
        "introspection": {
            "cluster": "accounts",
            "uri": "http://accounts/internal/introspect",
            "authorization_env": "INTROSPECTION",
        },
    })
}

/// A key for an account.
pub fn key(account: &str) -> String {
    ApiKey::write("sk_live_", account, &[7; ENTROPY])
}

/// [`configuration`], compiled.
pub fn policy(change: impl FnOnce(&mut Value)) -> Policy {
    Policy::from_bytes(configuration(change).to_string().as_bytes()).unwrap()
}

/// A token for a member of `acme`, with claims (and header) changed: `null` removes one.
pub fn token(claims: &Value, header: &Value) -> String {
    let good_claims = json!({
        "iss": "https://id.example.com", "aud": ["api"], "sub": "user-1",
        "iat": NOW - 10, "exp": NOW + 600, "accounts": ["acme"],
    });
    let good_header = json!({"alg": "RS256", "kid": "1"});
    let encode = |mut good: Value, changes: &Value| {
        for (name, value) in changes.as_object().unwrap() {
            good[name] = value.clone();
        }
        good.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        URL_SAFE_NO_PAD.encode(good.to_string())
    };
    let signature = URL_SAFE_NO_PAD.encode(SIGNATURE);
    let (header, claims) = (encode(good_header, header), encode(good_claims, claims));
    format!("{header}.{claims}.{signature}")
}

/// That `user-1` may act for an account.
pub fn granted(account: &str) -> Grant {
    let policy = policy(|_| {});
    let token = token(&json!({"accounts": [account]}), &json!({}));
    let token = token::verify(&policy.issuers, token.as_bytes(), &World::default()).unwrap();
    let account = AccountName::parse(account.as_bytes()).unwrap();
    let to = Destination {
        access: Access::Protected,
        admin: Field::Missing,
        mounts: &policy.mounts,
        method: b"GET",
        path: &Path::parse(b"/x").unwrap(),
    };
    membership::grant(Rc::new(Principal::of(&token)), account, &to).unwrap()
}

/// Everything outside the rules. A signature is right when it reads `signed`.
pub struct World {
    pub now: Duration,
    pub keys: Option<Arc<KeySet>>,
    pub newer_keys: NewerKeys,
    pub tokens: TokenCache,
    pub has_randomness: bool,
    pub directory: Option<Arc<Directory>>,
    pub assertion_key: Option<AssertionKey>,
    pub introspections: Option<IntrospectionCache>,
    pub store: Slots,
    pub roster: Rc<Roster>,
    pub worker: WorkerId,
    /// How many signatures were verified.
    pub verified: Cell<usize>,
}

impl Default for World {
    fn default() -> Self {
        let set = json!({ "keys": [jwk("1")] });
        let mut roster = Roster::new([7; 16]);
        let worker = roster.join();
        Self {
            now: Duration::from_secs(NOW),
            keys: KeySet::from_object(set.as_object().unwrap())
                .ok()
                .map(Arc::new),
            newer_keys: NewerKeys::None,
            tokens: TokenCache::new(CacheLimits {
                entries: 100,
                bytes: 1 << 20,
            }),
            has_randomness: true,
            directory: None,
            assertion_key: AssertionKey::new(&[7; 32]).ok(),
            introspections: Some(IntrospectionCache::new(CacheRules {
                active: Duration::from_secs(10),
                inactive: Duration::from_secs(5),
                entries: 1000,
            })),
            store: Slots::default(),
            roster: Rc::new(roster),
            worker,
            verified: Cell::new(0),
        }
    }
}

impl Verifier for World {
    fn now(&self) -> Option<Duration> {
        Some(self.now)
    }

    fn fingerprint_key(&self) -> Option<FingerprintKey> {
        self.has_randomness.then(|| FingerprintKey::new([7; 16]))
    }

    fn keys(&self, _issuer: usize) -> Option<Arc<KeySet>> {
        self.keys.clone()
    }

    fn newer_keys(&self, _issuer: usize) -> NewerKeys {
        self.newer_keys
    }

    fn verify(
        &self,
        _algorithm: Algorithm,
        _key: &PublicKey,
        _signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        self.verified.set(self.verified.get() + 1);
        Ok(signature == SIGNATURE)
    }
}

impl Knowledge for World {
    type Store = Slots;

    fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    fn counts(&self) -> Result<Counts<'_, Slots>, StoreError> {
        Ok(Counts {
            store: &self.store,
            roster: Rc::clone(&self.roster),
            worker: self.worker,
        })
    }

    fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.clone()
    }

    fn introspections(&self) -> Option<&IntrospectionCache> {
        self.introspections.as_ref()
    }

    fn assertion_key(&self) -> Option<&AssertionKey> {
        self.assertion_key.as_ref()
    }
}

/// A store for one worker.
#[derive(Default)]
pub struct Slots(RefCell<HashMap<u32, (Vec<u8>, u32)>>);

impl Store for Slots {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        Ok(match self.0.borrow().get(&slot) {
            None => (Vec::new(), None),
            Some((bytes, version)) => (bytes.clone(), Some(*version)),
        })
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        let mut slots = self.0.borrow_mut();
        if slots.get(&slot).map(|(_, version)| *version) != version {
            return Ok(false);
        }
        slots.insert(slot, (bytes.to_vec(), version.unwrap_or(0) + 1));
        Ok(true)
    }
}

impl Slots {
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// What all values take.
    pub fn bytes(&self) -> usize {
        self.0.borrow().values().map(|(bytes, _)| bytes.len()).sum()
    }

    /// Those that were written.
    pub fn slots(&self) -> Vec<u32> {
        self.0.borrow().keys().copied().collect()
    }
}
