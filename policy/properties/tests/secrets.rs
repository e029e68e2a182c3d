//! Nothing that the rules make shows a secret: not by `Debug`, not in an error, a refusal, or what is counted.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};
use tollgate_policy::config::Policy;
use tollgate_policy::credential::Credential;
use tollgate_policy::decide::{Decision, Knowledge, decide};
use tollgate_policy::digest::{Digest, FingerprintKey};
use tollgate_policy::introspection::{Answer, Inquiry};
use tollgate_policy::principal::Principal;
use tollgate_policy::refusal::Format;
use tollgate_policy::request::{Field, Request};
use tollgate_policy::token;
use tollgate_properties::world::{ASSERTION_KEY, ISSUER, NOW, SIGNERS, World, jwks, key};

/// All that was shown, and what it is looked through for.
struct Shown {
    texts: Vec<String>,
    secrets: Vec<(&'static str, Vec<u8>)>,
}

impl Shown {
    fn see(&mut self, thing: &impl std::fmt::Debug) {
        self.texts.push(format!("{thing:?}"));
        self.texts.push(format!("{thing:#?}"));
    }

    fn read(&mut self, thing: &impl ToString) {
        self.texts.push(thing.to_string());
    }

    /// The first twelve bytes of a secret are enough to know it by, in any of the forms in which bytes are shown.
    fn hides_all(&self) {
        for (what, secret) in &self.secrets {
            let part = secret.get(..12).unwrap();
            let hex = |form: fn(&u8) -> String, between: &str| {
                part.iter().map(form).collect::<Vec<_>>().join(between)
            };
            let forms = [
                String::from_utf8_lossy(part).into_owned(),
                URL_SAFE_NO_PAD.encode(part),
                STANDARD_NO_PAD.encode(part),
                hex(|byte| format!("{byte:02x}"), ""),
                hex(|byte| format!("{byte:02X}"), ""),
                hex(ToString::to_string, ", "),
                hex(ToString::to_string, ",\n    "),
            ];
            for text in &self.texts {
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                for form in &forms {
                    let form = form.split_whitespace().collect::<Vec<_>>().join(" ");
                    assert!(!text.contains(&form), "{what} as {form} in {text}");
                }
            }
        }
    }
}

fn policy() -> Policy {
    let configuration = json!({
        "issuers": [{
            "issuer": ISSUER,
            "audiences": ["api"],
            "algorithms": ["EdDSA", "ES256"],
            "jwks": {"inline": jwks()},
            "membership": {"claim": ["accounts"], "shape": "list"},
        }],
        "api_keys": {
            "prefix": "sk_live_",
            "introspection": {"cluster": "c", "uri": "http://c/i", "authorization_env": "E"},
        },
        "caps": [{"name": "requests", "limits": {"per_minute": 2}}],
        "routes": [{"match": "GET /public", "access": "public", "forward_authorization": true}],
        "assertion": {"key_env": "KEY", "audience": "upstream"},
    });
    Policy::from_bytes(configuration.to_string().as_bytes()).unwrap()
}

/// By a stranger too, if so wanted: a refused token is as secret as an accepted one.
fn token(claims: &serde_json::Value, is_good: bool) -> String {
    let [signer, ..] = &*SIGNERS;
    let by = if is_good { &signer.good } else { &signer.other };
    let header = br#"{"alg":"EdDSA","kid":"ed"}"#;
    tollgate_properties::world::token(header, claims.to_string().as_bytes(), signer, by)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one world, and all that is in it")]
fn nothing_shows_a_secret() {
    let policy = policy();
    let world = World::new();
    let claims = json!({"iss": ISSUER, "aud": "api", "sub": "user-1", "exp": NOW + 60, "accounts": ["acme"]});
    let expired = json!({"iss": ISSUER, "aud": "api", "sub": "user-1", "exp": NOW - 90});
    let good = token(&claims, true);
    let tokens = [good.clone(), token(&claims, false), token(&expired, true)];
    let (active, inactive) = (key("acme", 1), key("acme", 2));
    let mistyped = active.replace("acme", "acne");
    world.answers(&policy, &active, &json!({"active": true, "sub": "key-1"}));
    world.answers(&policy, &inactive, &json!({"active": false}));
    let garbage = "sensitive-garbage-that-is-no-token".to_owned();

    let mut shown = Shown {
        texts: Vec::new(),
        secrets: vec![("assertion key", ASSERTION_KEY.to_vec())],
    };
    let secret_of = |key: &String| key.as_bytes().split_at(key.len() - 39).1.to_vec();
    for key in [&active, &inactive, &mistyped, &key("acme", 3)] {
        shown.secrets.push(("API key", secret_of(key)));
    }
    for token in &tokens {
        let mut parts = token.split('.').skip(1);
        shown.secrets.push(("claims", parts.next().unwrap().into()));
        shown
            .secrets
            .push(("signature", parts.next().unwrap().into()));
    }
    shown
        .secrets
        .push(("garbage", garbage.clone().into_bytes()));

    let credentials = tokens.iter().cloned().chain([
        good.clone(),
        good.clone(),
        active.clone(),
        inactive,
        mistyped,
        key("acme", 3),
        garbage,
    ]);
    let (mut forwarded, mut refused, mut needed) = (0, 0, 0);
    for (credential, target) in credentials.flat_map(|credential| {
        ["/x?key=", "/public?key=", "/a/../b?key="].map(|path| {
            let target = format!("{path}{credential}");
            (credential.clone(), target)
        })
    }) {
        let bearer = format!("Bearer {credential}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", target.as_bytes()),
            (b"x-account-id", b"acme"),
            (b"authorization", bearer.as_bytes()),
        ];
        let request = Request::read(headers, "x-account-id");
        shown.see(&request);
        shown.see(&request.authorization);
        let decision = decide(&policy, &request, &world);
        shown.see(&decision);
        match &decision {
            Decision::Forward(forward) => {
                forwarded += 1;
                let edits = forward.edits(&request, &policy);
                let assertion = edits
                    .set
                    .iter()
                    .find(|(name, _)| *name == "x-tollgate-assertion");
                if let Some((_, assertion)) = assertion {
                    let signature = assertion.rsplit('.').next().unwrap();
                    shown.secrets.push(("assertion", signature.into()));
                }
                shown.see(&edits);
            }
            Decision::Refuse(refusal) => {
                refused += 1;
                for format in [Format::ProblemJson, Format::Text] {
                    shown.see(&refusal.answer(format, false));
                    shown.see(&refusal.answer(format, true));
                }
            }
            Decision::Need(need) => {
                needed += 1;
                shown.see(&need.refusal());
            }
        }
        match token::verify(&policy.issuers, credential.as_bytes(), &world) {
            Ok(token) => {
                shown.see(&token);
                shown.see(&Principal::of(&token));
            }
            Err(rejection) => shown.see(&rejection),
        }
        shown.see(&Digest::of(credential.as_bytes()));
        let fingerprints = FingerprintKey::new([7; 16]);
        shown.see(&fingerprints);
        shown.see(&fingerprints.fingerprint(credential.as_bytes()));
        let keys = policy.api_keys.as_ref().unwrap();
        let Ok(read) = Credential::read(Field::One(bearer.as_bytes()), Some(keys)) else {
            panic!("{credential}");
        };
        if let Some(inquiry) = Inquiry::about(&read) {
            for answer in [
                credential.clone(),
                json!({"active": credential}).to_string(),
            ] {
                let now = Duration::from_secs(NOW);
                let error = Answer::read(keys, &inquiry, answer.as_bytes(), now).unwrap_err();
                shown.see(&error);
                shown.read(&error);
            }
        }
    }
    assert!(
        forwarded > 10 && refused > 10 && needed > 0,
        "{forwarded} {refused} {needed}"
    );

    shown.see(&policy);
    shown.see(&world.tokens());
    shown.see(&world.introspections());
    assertion_key(&mut shown);
    shown.hides_all();
}

fn assertion_key(shown: &mut Shown) {
    let key = AssertionKey::new(ASSERTION_KEY).unwrap();
    shown.see(&key);
    let weak = AssertionKey::new(ASSERTION_KEY.get(..31).unwrap()).unwrap_err();
    shown.see(&weak);
    shown.read(&weak);
    let statement = Assertion {
        account: tollgate_policy::account::AccountName::parse(b"acme").unwrap(),
        subject: "user-1".to_owned(),
        admin: false,
        credential: CredentialKind::Jwt,
    };
    shown.see(&statement);
    let signed = key.sign(&statement, "upstream", NOW, 60).unwrap();
    let signature = signed.rsplit('.').next().unwrap();
    shown.secrets.push(("assertion", signature.into()));
    let other = AssertionKey::new(&[7; 32]).unwrap();
    for wrong in [
        other.verify(&signed, "upstream", NOW),
        key.verify(&signed, "another", NOW),
        key.verify(&signed, "upstream", NOW + 60),
        key.verify("x", "upstream", NOW),
    ] {
        let error = wrong.unwrap_err();
        shown.see(&error);
        shown.read(&error);
    }
}
