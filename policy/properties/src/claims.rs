//! A token's claims are accepted if, and only if, another reader of RFC 7519 and of the configuration accepts them too.
//!
//! Input: a digit for one of three sets of rules, on a line of its own; then the claims. Every signature is right here.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tollgate_policy::account::AccountName;
use tollgate_policy::algorithm::Algorithm;
use tollgate_policy::config::Policy;
use tollgate_policy::json;
use tollgate_policy::keys::{KeySet, PublicKey};
use tollgate_policy::principal::Principal;
use tollgate_policy::token::{self, NewerKeys, Rejection, Unverifiable, Verifier};

use crate::line;
use crate::world::{ISSUER, NOW, World, jwks};

/// One issuer's rules, as they are configured and as this reader has them.
pub struct Rules {
    /// Compiled.
    pub policy: Policy,
    audiences: &'static [&'static str],
    parties: &'static [&'static str],
    skew: f64,
    longest: Option<f64>,
    claim: &'static [&'static str],
    shape: &'static str,
}

/// Three of them.
pub static RULES: LazyLock<[Rules; 3]> = LazyLock::new(|| {
    [
        Rules::new(&["api"], &[], 60, None, &["accounts"], "list"),
        Rules::new(
            &["api", "web"],
            &["spa", "app"],
            0,
            Some(3600),
            &["org", "account"],
            "string",
        ),
        Rules::new(&["api"], &[], 600, Some(86_400), &["urn:accounts"], "keys"),
    ]
});

/// Where every signature is right.
struct Believing(World);

/// See the module.
pub fn check(input: &[u8]) {
    let (number, claims) = line(input);
    let number = number.first().copied().unwrap_or_default();
    let rules = &RULES[usize::from(number) % RULES.len()];
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let token = format!(
        "{}.{}.AA",
        encode(br#"{"alg":"EdDSA","kid":"ed"}"#),
        encode(claims)
    );
    let found = token::verify(
        &rules.policy.issuers,
        token.as_bytes(),
        &Believing(World::new()),
    );
    let read = json::object(claims).ok();
    if token.len() > 8192 {
        assert!(found.is_err());
        return;
    }
    let expected = read.as_ref().is_some_and(|claims| rules.allow(claims));
    match &found {
        Ok(token) => {
            let claims = read.as_ref().expect("an object");
            assert!(expected, "{claims:?}");
            assert_eq!(token.claims(), claims);
            rules.check_principal(&Principal::of(token), claims);
        }
        Err(Rejection::Refused(refusal)) => {
            assert!(!expected, "{refusal:?}");
            assert_eq!(refusal.code.status(), 401);
        }
        Err(Rejection::KeysNeeded(_)) => panic!("there are keys"),
    }
}

// === impl Rules ===

impl Rules {
    fn new(
        audiences: &'static [&'static str],
        parties: &'static [&'static str],
        skew: u32,
        longest: Option<u32>,
        claim: &'static [&'static str],
        shape: &'static str,
    ) -> Self {
        let configuration = json!({"issuers": [{
            "issuer": ISSUER,
            "audiences": audiences,
            "authorized_parties": parties,
            "algorithms": ["RS256", "ES256", "EdDSA"],
            "jwks": {"inline": jwks()},
            "clock_skew": format!("{skew}s"),
            "max_lifetime": longest.map(|seconds| format!("{seconds}s")),
            "membership": {"claim": claim, "shape": shape},
            "admin": {"claim": ["roles", "admin"]},
        }]});
        Self {
            policy: Policy::from_bytes(configuration.to_string().as_bytes()).unwrap(),
            audiences,
            parties,
            skew: skew.into(),
            longest: longest.map(f64::from),
            claim,
            shape,
        }
    }

    /// Whether a token with these claims is good now.
    pub fn allow(&self, claims: &Map<String, Value>) -> bool {
        self.allow_what_is_there(claims).unwrap_or(false)
    }

    fn allow_what_is_there(&self, claims: &Map<String, Value>) -> Option<bool> {
        #[expect(clippy::cast_precision_loss, reason = "well below 2^53")]
        let now = NOW as f64;
        let seconds = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(value) => value.as_f64().filter(|time| *time >= 0.0).map(Some),
        };
        let audiences = match claims.get("aud")? {
            Value::Array(list) => list.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?,
            one => vec![one.as_str()?],
        };
        let (exp, nbf, iat) = (seconds("exp")??, seconds("nbf")?, seconds("iat")?);
        Some(
            claims.get("iss")?.as_str()? == ISSUER
                && audiences.iter().any(|one| self.audiences.contains(one))
                && (self.parties.is_empty()
                    || self.parties.contains(&claims.get("azp")?.as_str()?))
                && !claims.get("sub")?.as_str()?.is_empty()
                && exp + self.skew > now
                && nbf.is_none_or(|nbf| nbf - self.skew <= now)
                && iat.is_none_or(|iat| iat - self.skew <= now)
                && match self.longest {
                    None => true,
                    Some(longest) => exp - iat? <= longest,
                },
        )
    }

    /// Whether these claims make a member.
    pub fn is_member(&self, claims: &Map<String, Value>, account: &str) -> bool {
        let mut place = None;
        let mut members = Some(claims);
        for step in self.claim {
            place = members.and_then(|members| members.get(*step));
            members = place.and_then(Value::as_object);
        }
        match self.shape {
            "list" => place
                .and_then(Value::as_array)
                .is_some_and(|list| list.iter().any(|one| one == account)),
            "string" => place.is_some_and(|one| one == account),
            _ => members.is_some_and(|members| members.contains_key(account)),
        }
    }

    /// Whether these claims make an administrator.
    pub fn is_administrator(claims: &Map<String, Value>) -> bool {
        let role = claims
            .get("roles")
            .and_then(|roles| roles.as_object()?.get("admin"));
        role.is_some_and(|role| !role.is_null() && *role != json!(false))
    }

    fn check_principal(&self, principal: &Principal, claims: &Map<String, Value>) {
        assert_eq!(claims["sub"], principal.subject());
        assert_eq!(principal.is_administrator(), Self::is_administrator(claims));
        for name in ["acme", "globex", "a"] {
            let account = AccountName::parse(name.as_bytes()).unwrap();
            assert_eq!(principal.is_member(&account), self.is_member(claims, name));
        }
    }
}

impl Verifier for Believing {
    fn now(&self) -> Option<Duration> {
        self.0.now()
    }

    fn keys(&self, issuer: usize) -> Option<Arc<KeySet>> {
        self.0.keys(issuer)
    }

    fn newer_keys(&self, issuer: usize) -> NewerKeys {
        self.0.newer_keys(issuer)
    }

    fn verify(
        &self,
        _: Algorithm,
        _: &PublicKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<bool, Unverifiable> {
        Ok(true)
    }
}
