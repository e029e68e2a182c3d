//! What `jsonwebtoken` accepts by the same rules, the gate accepts, and the other way round.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::config::Policy;
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::signature;
use tollgate_policy::token::{self, NewerKeys, Unverifiable, Verifier};

const SKEW: u64 = 60;

/// The algorithms that both are told to accept.
const CONFIGURED: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs512,
    Algorithm::Ps384,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
];

/// A private key and the `kid` of its public part.
struct Signer {
    kid: &'static str,
    key: EncodingKey,
}

struct World {
    signers: Vec<Signer>,
    policy: Policy,
    keys: Arc<KeySet>,
    jwks: JwkSet,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let rsa = |pem: &str| EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let ec = |pem: &str| EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
        let ed = |pem: &str| EncodingKey::from_ed_pem(pem.as_bytes()).unwrap();
        // The odd ones are in no key set.
        let signers = vec![
            ("rsa", rsa(include_str!("keys/rsa-good.pem"))),
            ("rsa", rsa(include_str!("keys/rsa-other.pem"))),
            ("p256", ec(include_str!("keys/p256-good.pem"))),
            ("p256", ec(include_str!("keys/p256-other.pem"))),
            ("p384", ec(include_str!("keys/p384-good.pem"))),
            ("p384", ec(include_str!("keys/p384-other.pem"))),
            ("ed25519", ed(include_str!("keys/ed25519-good.pem"))),
            ("ed25519", ed(include_str!("keys/ed25519-other.pem"))),
        ];
        let signers: Vec<_> = signers
            .into_iter()
            .map(|(kid, key)| Signer { kid, key })
            .collect();
        let jwks = signers.iter().step_by(2).map(public).collect();
        let jwks = JwkSet { keys: jwks };
        let text = serde_json::to_string(&jwks).unwrap();
        let policy = json!({
            "issuers": [{
                "issuer": "https://id.example.com",
                "audiences": ["api", "web"],
                "algorithms": CONFIGURED.map(Algorithm::as_str),
                "jwks": {"cluster": "c", "uri": "https://id.example.com/keys"},
                "clock_skew": format!("{SKEW}s"),
                "membership": "any",
            }],
        });
        Self {
            signers,
            policy: Policy::from_bytes(policy.to_string().as_bytes()).unwrap(),
            keys: Arc::new(KeySet::parse(text.as_bytes()).unwrap()),
            jwks,
        }
    }

    /// Whether the gate accepts a token.
    fn ours(&self, token: &str) -> bool {
        token::verify(&self.policy.issuers, token.as_bytes(), self).is_ok()
    }

    /// Whether `jsonwebtoken` does.
    fn theirs(&self, token: &str) -> bool {
        let Ok(header) = decode_header(token) else {
            return false;
        };
        let configured = CONFIGURED
            .iter()
            .any(|one| named(one.as_str()) == Some(header.alg));
        let key = header.kid.as_deref().and_then(|kid| self.jwks.find(kid));
        let (true, Some(key)) = (configured, key) else {
            return false;
        };
        let mut rules = Validation::new(header.alg);
        rules.leeway = SKEW;
        rules.validate_nbf = true;
        rules.set_issuer(&["https://id.example.com"]);
        rules.set_audience(&["api", "web"]);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        let key = DecodingKey::from_jwk(key).unwrap();
        decode::<Value>(token, &key, &rules).is_ok()
    }
}

impl Verifier for World {
    fn now(&self) -> Option<Duration> {
        Some(now())
    }

    fn keys(&self, _issuer: usize) -> Option<Arc<KeySet>> {
        Some(Arc::clone(&self.keys))
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

/// `jsonwebtoken` knows no other clock.
fn now() -> Duration {
    std::time::UNIX_EPOCH.elapsed().unwrap()
}

fn named(algorithm: &str) -> Option<jsonwebtoken::Algorithm> {
    algorithm.parse().ok()
}

/// The public part, with the `kid` but without `alg`: the key may do all that its type can.
fn public(signer: &Signer) -> Jwk {
    let algorithm = match signer.kid {
        "rsa" => "RS256",
        "p256" => "ES256",
        "p384" => "ES384",
        _ => "EdDSA",
    };
    let mut jwk = Jwk::from_encoding_key(&signer.key, named(algorithm).unwrap()).unwrap();
    jwk.common.key_id = Some(signer.kid.to_owned());
    jwk.common.key_algorithm = None;
    jwk
}

/// Seconds from now, at a distance from where the two seconds of two clock readings could differ.
fn around_now() -> impl Strategy<Value = i64> {
    select(vec![-86_400, -600, -90, -30, -1, 1, 30, 90, 600, 86_400])
}

fn claims() -> impl Strategy<Value = Value> {
    let moment = || {
        (around_now(), any::<bool>()).prop_map(|(offset, fraction)| {
            let seconds = i64::try_from(now().as_secs()).unwrap() + offset;
            #[expect(clippy::cast_precision_loss, reason = "well below 2^53")]
            let exact = seconds as f64 + 0.25;
            if fraction {
                json!(exact)
            } else {
                json!(seconds)
            }
        })
    };
    let issuer = select(vec![
        json!("https://id.example.com"),
        json!("https://id.example.com"),
        json!("https://id.example.com"),
        json!("https://id.example.com/"),
        json!("HTTPS://id.example.com"),
        json!(null),
    ]);
    let audience = select(vec![
        json!("api"),
        json!(["api"]),
        json!(["x", "web"]),
        json!("x"),
        json!([]),
        json!(["API"]),
        json!(null),
    ]);
    let subject = select(vec![
        json!("user"),
        json!("user"),
        json!("ü\u{0}"),
        json!(null),
    ]);
    let expiry = prop_oneof![8 => moment(), 1 => Just(json!(null)), 1 => Just(json!("soon"))];
    let begin = prop_oneof![3 => moment(), 3 => Just(json!(null))];
    (issuer, audience, subject, expiry, begin).prop_map(|(iss, aud, sub, exp, nbf)| {
        let mut claims = json!({"iss": iss, "aud": aud, "sub": sub, "exp": exp, "nbf": nbf});
        let members = claims.as_object_mut().unwrap();
        members.retain(|_, value| !value.is_null());
        claims
    })
}

/// A token: its claims, signed with any algorithm by a key of the kind that goes with it, named or misnamed.
fn token() -> impl Strategy<Value = String> {
    let kid = select(vec![
        None,
        Some("rsa"),
        Some("p256"),
        Some("p384"),
        Some("nobody"),
    ]);
    let kid = prop_oneof![4 => Just(None), 1 => kid.prop_map(Some)];
    let algorithm = select(Algorithm::ALL.as_slice());
    let good = prop_oneof![4 => Just(true), 1 => Just(false)];
    (claims(), algorithm, good, kid).prop_map(|(claims, algorithm, good, kid)| {
        let kind = match algorithm.as_str() {
            "ES256" => 1,
            "ES384" => 2,
            "EdDSA" => 3,
            _ => 0,
        };
        let signer = &WORLD.signers[2 * kind + usize::from(!good)];
        let mut header = Header::new(named(algorithm.as_str()).unwrap());
        header.kid = kid.unwrap_or(Some(signer.kid)).map(str::to_owned);
        encode(&header, &claims, &signer.key).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn both_say_the_same(token in token()) {
        // Without a `kid` the gate takes the only key that fits, and the caller of `jsonwebtoken` must choose one.
        prop_assume!(decode_header(&token).unwrap().kid.is_some());
        prop_assert_eq!(WORLD.ours(&token), WORLD.theirs(&token));
    }

    #[test]
    fn both_refuse_what_was_changed(token in token(), place: prop::sample::Index, with: u8) {
        let mut changed = token.clone().into_bytes();
        let place = place.index(changed.len());
        changed[place] = with;
        let Ok(changed) = String::from_utf8(changed) else {
            return Ok(());
        };
        prop_assume!(changed != token);
        prop_assert!(!WORLD.ours(&changed));
        prop_assert!(!WORLD.theirs(&changed));
    }
}

/// The properties above would hold if nothing were ever accepted.
#[test]
fn good_tokens_of_all_configured_algorithms_are_accepted_by_both() {
    let claims = json!({
        "iss": "https://id.example.com", "aud": "api", "sub": "user", "exp": now().as_secs() + 60,
    });
    for algorithm in Algorithm::ALL {
        let kind = match algorithm {
            Algorithm::Es256 => 1,
            Algorithm::Es384 => 2,
            Algorithm::EdDsa => 3,
            _ => 0,
        };
        let signer = &WORLD.signers[2 * kind];
        let mut header = Header::new(named(algorithm.as_str()).unwrap());
        header.kid = Some(signer.kid.to_owned());
        let token = encode(&header, &claims, &signer.key).unwrap();
        let expected = CONFIGURED.contains(&algorithm);
        assert_eq!(WORLD.ours(&token), expected, "{algorithm:?}");
        assert_eq!(WORLD.theirs(&token), expected, "{algorithm:?}");
    }
}
