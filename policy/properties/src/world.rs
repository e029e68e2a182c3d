//! What the properties share: an issuer's keys, rules for its tokens, and what the gate knows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::api_key::{ApiKey, ENTROPY};
use tollgate_policy::assertion::AssertionKey;
use tollgate_policy::caps::{Counts, Roster, Store, StoreError, Version, WorkerId};
use tollgate_policy::config::Policy;
use tollgate_policy::credential::Credential;
use tollgate_policy::decide::Knowledge;
use tollgate_policy::digest::FingerprintKey;
use tollgate_policy::directory::Directory;
use tollgate_policy::introspection::{Answer, CacheRules, Inquiry, IntrospectionCache};
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::request::Field;
use tollgate_policy::signature;
use tollgate_policy::token::{CacheLimits, NewerKeys, TokenCache, Unverifiable, Verifier};

/// The time in this world, in seconds since the Unix epoch.
pub const NOW: u64 = 1_800_000_030;

/// The only issuer.
pub const ISSUER: &str = "https://id.example.com";

/// What assertions are signed with.
pub const ASSERTION_KEY: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// A private key, and a second one that nobody knows.
pub struct Signer {
    /// `kid` of the public part.
    pub kid: &'static str,
    /// The algorithm that it signs with.
    pub algorithm: jsonwebtoken::Algorithm,
    /// The issuer's.
    pub good: EncodingKey,
    /// Somebody else's.
    pub other: EncodingKey,
    /// What verifies the first.
    pub public: DecodingKey,
    jwk: Jwk,
}

/// The issuer's, one of each kind.
pub static SIGNERS: LazyLock<[Signer; 3]> = LazyLock::new(|| {
    let rsa = |pem: &str| EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let ec = |pem: &str| EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let ed = |pem: &str| EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
    [
        Signer::new(
            "ed",
            jsonwebtoken::Algorithm::EdDSA,
            ed(include_str!("../../tests/keys/ed25519-good.pem")),
            ed(include_str!("../../tests/keys/ed25519-other.pem")),
        ),
        Signer::new(
            "p256",
            jsonwebtoken::Algorithm::ES256,
            ec(include_str!("../../tests/keys/p256-good.pem")),
            ec(include_str!("../../tests/keys/p256-other.pem")),
        ),
        Signer::new(
            "rsa",
            jsonwebtoken::Algorithm::RS256,
            rsa(include_str!("../../tests/keys/rsa-good.pem")),
            rsa(include_str!("../../tests/keys/rsa-other.pem")),
        ),
    ]
});

static KEYS: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(KeySet::parse(jwks().to_string().as_bytes()).unwrap()));

/// Everything outside the rules.
pub struct World {
    tokens: TokenCache,
    introspections: IntrospectionCache,
    /// The accounts that there are, where the rules ask.
    pub directory: Option<Arc<Directory>>,
    assertion_key: AssertionKey,
    slots: Slots,
    roster: Rc<Roster>,
    worker: WorkerId,
}

/// A store for one worker.
#[derive(Default)]
pub struct Slots(RefCell<HashMap<u32, (Vec<u8>, u32)>>);

// === impl Signer ===

impl Signer {
    fn new(
        kid: &'static str,
        algorithm: jsonwebtoken::Algorithm,
        good: EncodingKey,
        other: EncodingKey,
    ) -> Self {
        let mut jwk = Jwk::from_encoding_key(&good, algorithm).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self {
            kid,
            algorithm,
            public: DecodingKey::from_jwk(&jwk).unwrap(),
            good,
            other,
            jwk,
        }
    }
}

/// The issuer's key set.
pub fn jwks() -> Value {
    json!({"keys": SIGNERS.iter().map(|signer| &signer.jwk).collect::<Vec<_>>()})
}

/// A token of these texts, which need not be JSON, signed by a key of this kind.
pub fn token(header: &[u8], claims: &[u8], signer: &Signer, key: &EncodingKey) -> String {
    let encode = |part| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, signer.algorithm).unwrap();
    format!("{signed}.{signature}")
}

/// A token of these claims, as the issuer makes them.
pub fn good_token(claims: &[u8]) -> String {
    let signer = &SIGNERS[0];
    token(
        br#"{"alg":"EdDSA","kid":"ed"}"#,
        claims,
        signer,
        &signer.good,
    )
}

/// A long-lived key for an account.
pub fn key(account: &str, byte: u8) -> String {
    ApiKey::write("sk_live_", account, &[byte; ENTROPY])
}

// === impl World ===

impl World {
    /// Nobody has been here.
    pub fn new() -> Self {
        let mut roster = Roster::new([7; 16]);
        let worker = roster.join();
        Self {
            tokens: TokenCache::new(CacheLimits {
                entries: 100,
                bytes: 1 << 20,
            }),
            introspections: IntrospectionCache::new(CacheRules {
                active: Duration::from_secs(10),
                inactive: Duration::from_secs(5),
                entries: 1000,
            }),
            directory: None,
            assertion_key: AssertionKey::new(ASSERTION_KEY).unwrap(),
            slots: Slots::default(),
            roster: Rc::new(roster),
            worker,
        }
    }

    /// Has the issuer of `key` say this of it.
    pub fn answers(&self, policy: &Policy, key: &str, answer: &Value) {
        let keys = policy.api_keys.as_ref().unwrap();
        let bearer = format!("Bearer {key}");
        let credential = Credential::read(Field::One(bearer.as_bytes()), Some(keys)).unwrap();
        let inquiry = Inquiry::about(&credential).unwrap();
        let now = Duration::from_secs(NOW);
        let answer = Answer::read(keys, &inquiry, answer.to_string().as_bytes(), now).unwrap();
        self.introspections
            .learn(inquiry.digest(), answer, now, now);
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier for World {
    fn now(&self) -> Option<Duration> {
        Some(Duration::from_secs(NOW))
    }

    fn fingerprint_key(&self) -> Option<FingerprintKey> {
        Some(FingerprintKey::new([7; 16]))
    }

    fn keys(&self, _issuer: usize) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&KEYS))
    }

    fn newer_keys(&self, _issuer: usize) -> NewerKeys {
        NewerKeys::None
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, Unverifiable> {
        Ok(signature::verify(algorithm, key, signed, signature))
    }
}

impl Knowledge for World {
    type Store = Slots;

    fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    fn counts(&self) -> Result<Counts<'_, Slots>, StoreError> {
        Ok(Counts {
            store: &self.slots,
            roster: Rc::clone(&self.roster),
            worker: self.worker,
        })
    }

    fn introspections(&self) -> Option<&IntrospectionCache> {
        Some(&self.introspections)
    }

    fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.clone()
    }

    fn assertion_key(&self) -> Option<&AssertionKey> {
        Some(&self.assertion_key)
    }
}

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
