//! A token is accepted only if a second library finds its signature right, another reader its claims, and nothing in its
//! header asks for more; and a good one always is.
//!
//! Input, in lines: `raw`, and then a token; or how it is signed (`good`, `other`: by a stranger's key, `changed`: one bit
//! off, `none`), its header, and its claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Validation, decode};
use serde_json::{Map, Value};
use tollgate_policy::config::Policy;
use tollgate_policy::decide::Knowledge;
use tollgate_policy::json;
use tollgate_policy::principal::Principal;
use tollgate_policy::token;

use crate::claims::RULES;
use crate::line;
use crate::world::{ISSUER, SIGNERS, Signer, World, token};

/// See the module.
pub fn check(input: &[u8]) {
    let (how, rest) = line(input);
    let rules = &RULES[0];
    if how == b"raw" {
        is_verified(&rules.policy, rest);
        return;
    }
    let (header, claims) = line(rest);
    let read = json::object(header).ok();
    let signer = read.as_ref().and_then(signer).unwrap_or(&SIGNERS[0]);
    let key = if how == b"other" {
        &signer.other
    } else {
        &signer.good
    };
    let mut token = token(header, claims, signer, key);
    let end = token.rfind('.').unwrap() + 1;
    if how == b"changed" {
        let mut signature = URL_SAFE_NO_PAD.decode(&token[end..]).unwrap();
        let place = claims.len() % signature.len();
        signature[place] ^= 1;
        token.replace_range(end.., &URL_SAFE_NO_PAD.encode(signature));
    } else if how == b"none" {
        token.truncate(end);
    }
    let is_accepted = is_verified(&rules.policy, token.as_bytes());
    if matches!(how, b"other" | b"changed" | b"none") {
        assert!(!is_accepted, "{token}");
    } else if let (Some(header), Ok(claims)) = (read, json::object(claims))
        && is_plain(&header, signer)
        && rules.allow(&claims)
        && token.len() <= 8192
    {
        assert!(is_accepted, "{token}");
    }
}

/// Whether the gate accepts a token, and rightly so.
fn is_verified(policy: &Policy, token: &[u8]) -> bool {
    let world = World::new();
    let verified = token::verify(&policy.issuers, token, &world);
    for _ in 0..2 {
        let whose = token::authenticate(&policy.issuers, token, &world, world.tokens());
        let expected = verified.as_ref().map(Principal::of);
        assert_eq!(whose.as_deref(), expected.as_ref().map_err(|error| *error));
    }
    let Ok(verified) = verified else {
        return false;
    };
    let token = str::from_utf8(token).expect("ASCII");
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{token}");
    };
    let part = |part| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let header = part(header);
    let header = header.as_object().expect("an object");
    for refused in ["crit", "b64", "jwk", "jku", "x5c", "x5u", "zip", "enc"] {
        assert!(!header.contains_key(refused), "{token}");
    }
    let signer = signer(header).expect("an algorithm of the issuer's");
    assert!(
        header.get("kid").is_none_or(|kid| kid == signer.kid),
        "{token}"
    );
    let signed = &token[..token.rfind('.').unwrap()];
    let is_right = jsonwebtoken::crypto::verify(
        signature,
        signed.as_bytes(),
        &signer.public,
        signer.algorithm,
    );
    assert!(is_right.expect("a signature"), "{token}");
    let claims = part(claims);
    assert!(RULES[0].allow(claims.as_object().expect("an object")));
    assert_eq!(claims["sub"], verified.subject());
    if is_plain(header, signer) {
        let mut rules = Validation::new(signer.algorithm);
        // It knows no clock but the system's.
        rules.validate_exp = false;
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&["api"]);
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        decode::<Value>(token, &signer.public, &rules).expect(token);
    }
    true
}

fn signer(header: &Map<String, Value>) -> Option<&'static Signer> {
    let name = header.get("alg")?.as_str()?;
    let is_it = |signer: &&Signer| format!("{:?}", signer.algorithm) == name;
    SIGNERS.iter().find(is_it)
}

/// Whether a header says which key and which algorithm, and nothing else.
fn is_plain(header: &Map<String, Value>, signer: &Signer) -> bool {
    let typ = header.get("typ");
    header.get("alg").and_then(Value::as_str) == Some(&format!("{:?}", signer.algorithm))
        && header.get("kid").and_then(Value::as_str) == Some(signer.kid)
        && typ.is_none_or(|typ| typ == "JWT")
        && header.len() == 2 + usize::from(typ.is_some())
}
