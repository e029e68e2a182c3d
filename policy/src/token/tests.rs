use super::*;
use crate::testing::{NOW, World, policy, token};
use serde_json::json;

fn verify_in(world: &World, token: &str) -> Result<String, Rejection> {
    let policy = policy(|configuration| {
        configuration["issuers"][0]["max_lifetime"] = json!("1h");
    });
    verify(&policy.issuers, token.as_bytes(), world).map(|token| token.subject().to_owned())
}

fn rejected(claims: &Value, header: &Value) -> Option<Refusal> {
    let outcome = verify_in(&World::default(), &token(claims, header));
    outcome.err().map(refusal)
}

fn refusal(rejection: Rejection) -> Refusal {
    match rejection {
        Rejection::Refused(refusal) => refusal,
        Rejection::KeysNeeded(issuer) => panic!("needs keys of {issuer}"),
    }
}

#[test]
fn a_good_token_is_believed() {
    let token = token(&json!({}), &json!({}));
    assert_eq!(
        verify_in(&World::default(), &token),
        Ok("user-1".to_owned())
    );
}

#[test]
fn claims() {
    let malformed = |why: Malformed| Some(Refusal::from(why));
    let [audience, expired, issuer, lifetime, early] = [
        Code::TokenAudience,
        Code::TokenExpired,
        Code::TokenIssuer,
        Code::TokenLifetime,
        Code::TokenNotYetValid,
    ]
    .map(|code| Some(Refusal::from(code)));
    let skew = 60;
    for (claims, expected) in [
        (json!({"iss": "https://id.example.com/"}), &issuer),
        (json!({"iss": null}), &issuer),
        (json!({"iss": ["https://id.example.com"]}), &issuer),
        (json!({"aud": "api"}), &None),
        (json!({"aud": ["other", "api"]}), &None),
        (json!({"aud": "other"}), &audience),
        (json!({"aud": []}), &audience),
        (json!({"aud": null}), &audience),
        (json!({"aud": ["api", 1]}), &malformed(Malformed::Audience)),
        (json!({"aud": {"api": 1}}), &malformed(Malformed::Audience)),
        (json!({"exp": null}), &malformed(Malformed::NoExpiry)),
        (json!({"exp": "soon"}), &malformed(Malformed::Time)),
        (json!({"exp": -1}), &malformed(Malformed::Time)),
        (json!({"exp": [NOW + 9]}), &malformed(Malformed::Time)),
        (json!({"exp": true}), &malformed(Malformed::Time)),
        (json!({"exp": NOW - skew + 1}), &None),
        (json!({"exp": 1_799_999_970.5}), &None),
        (json!({"exp": 1.8e9}), &None),
        (json!({"exp": 1e300, "iat": null}), &lifetime),
        (json!({"exp": NOW - skew}), &expired),
        (json!({"exp": 0}), &expired),
        (json!({"nbf": NOW + skew}), &None),
        (json!({"nbf": NOW + skew + 1}), &early),
        (json!({"nbf": 1_800_000_090.5}), &early),
        (json!({"nbf": "later"}), &malformed(Malformed::Time)),
        (json!({"iat": NOW + skew + 1}), &early),
        (json!({"iat": "now"}), &malformed(Malformed::Time)),
        (json!({"iat": NOW - 10, "exp": NOW + 3590}), &None),
        (json!({"iat": NOW - 10, "exp": NOW + 3591}), &lifetime),
        (json!({"iat": null}), &lifetime),
        (json!({"sub": null}), &malformed(Malformed::Subject)),
        (json!({"sub": ""}), &malformed(Malformed::Subject)),
        (json!({"sub": 7}), &malformed(Malformed::Subject)),
    ] {
        assert_eq!(&rejected(&claims, &json!({})), expected, "{claims}");
    }
}

#[test]
fn headers() {
    let [algorithm, key] =
        [Code::TokenAlgorithm, Code::TokenKey].map(|code| Some(Refusal::from(code)));
    for (header, expected) in [
        (json!({"alg": "none"}), &algorithm),
        (json!({"alg": "None"}), &algorithm),
        (json!({"alg": ""}), &algorithm),
        (json!({"alg": "HS256"}), &algorithm),
        (json!({"alg": "HS512"}), &algorithm),
        (json!({"alg": "RS512"}), &algorithm),
        (json!({"alg": "ES512"}), &algorithm),
        (json!({"alg": "rs256"}), &algorithm),
        (json!({"alg": "RS256 "}), &algorithm),
        (json!({"kid": "2"}), &key),
        (json!({"kid": ""}), &key),
        (json!({"kid": null}), &None),
        (json!({"crit": ["exp"]}), &Some(Malformed::Critical.into())),
    ] {
        assert_eq!(&rejected(&json!({}), &header), expected, "{header}");
    }
}

#[test]
fn parties() {
    let policy = policy(|configuration| {
        configuration["issuers"][0]["authorized_parties"] = json!(["web"]);
    });
    for (azp, expected) in [
        (json!("web"), None),
        (json!("app"), Some(Code::TokenParty)),
        (json!(null), Some(Code::TokenParty)),
    ] {
        let token = token(&json!({ "azp": azp }), &json!({}));
        let found = verify(&policy.issuers, token.as_bytes(), &World::default()).err();
        assert_eq!(found, expected.map(Rejection::from), "{azp}");
    }
    let token = token(&json!({ "azp": ["web"] }), &json!({}));
    let found = verify(&policy.issuers, token.as_bytes(), &World::default()).err();
    assert_eq!(found, Some(Malformed::Party.into()));
}

#[test]
fn a_signature_that_is_not_the_keys() {
    let token = token(&json!({}), &json!({}));
    let (signed, _) = token.rsplit_once('.').unwrap();
    for signature in ["", "c2lnbmVk_w"] {
        let token = format!("{signed}.{signature}");
        let found = verify_in(&World::default(), &token);
        assert_eq!(found, Err(Rejection::from(Code::TokenSignature)));
    }
}

#[test]
fn cheap_checks_come_before_the_signature() {
    let world = World::default();
    for (claims, header) in [
        (json!({"exp": 1}), json!({})),
        (json!({"aud": "other"}), json!({})),
        (json!({"iss": "other"}), json!({})),
        (json!({}), json!({"alg": "none"})),
        (json!({}), json!({"kid": "2"})),
    ] {
        assert!(verify_in(&world, &token(&claims, &header)).is_err());
    }
    assert_eq!(world.verified.get(), 0);
}

#[test]
fn keys_that_are_not_there_yet_are_asked_for() {
    let world = World {
        keys: None,
        ..World::default()
    };
    let found = verify_in(&world, &token(&json!({}), &json!({})));
    assert_eq!(found, Err(Rejection::KeysNeeded(0)));
    let found = verify_in(&world, &token(&json!({"exp": 1}), &json!({})));
    assert_eq!(
        found,
        Err(Rejection::from(Code::TokenExpired)),
        "no keys are needed for that"
    );
}

#[test]
fn size_is_bounded() {
    let long = token(&json!({"name": "n".repeat(8192)}), &json!({}));
    let found = verify_in(&World::default(), &long);
    assert_eq!(found, Err(Rejection::from(Code::TokenTooLarge)));
}

#[test]
fn newer_keys_are_asked_for_when_they_may_have_the_tokens_key() {
    let token = token(&json!({}), &json!({"kid": "2"}));
    for (newer_keys, expected) in [
        (NewerKeys::None, Code::TokenKey.into()),
        (NewerKeys::Fetchable, Rejection::KeysNeeded(0)),
        (NewerKeys::OutOfReach, Code::KeysUnavailable.into()),
    ] {
        let world = World {
            newer_keys,
            ..World::default()
        };
        assert_eq!(verify_in(&world, &token), Err(expected), "{newer_keys:?}");
    }
}

#[test]
fn a_signature_that_cannot_be_verified_is_not_wrong() {
    for why in [Unverifiable::Broken, Unverifiable::Busy] {
        let Rejection::Refused(refusal) = why.into() else {
            panic!("{why:?}")
        };
        assert_eq!(refusal.code, Code::NotReady);
    }
}
