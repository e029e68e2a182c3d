use super::*;
use crate::testing::{NOW, World, policy, token};
use serde_json::json;

fn verify_in(world: &World, token: &str) -> Result<String, Rejection> {
    let policy = policy(|configuration| {
        configuration["issuers"][0]["max_lifetime"] = json!("1h");
    });
    verify(&policy.issuers, token.as_bytes(), world).map(|token| token.subject().to_owned())
}

fn rejected(claims: &Value, header: &Value) -> Option<Rejection> {
    verify_in(&World::default(), &token(claims, header)).err()
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
    use Code::{
        TokenAudience, TokenExpired, TokenIssuer, TokenLifetime, TokenMalformed, TokenNotYetValid,
    };
    let skew = 60;
    for (claims, expected) in [
        (json!({"iss": "https://id.example.com/"}), Some(TokenIssuer)),
        (json!({"iss": null}), Some(TokenIssuer)),
        (
            json!({"iss": ["https://id.example.com"]}),
            Some(TokenIssuer),
        ),
        (json!({"aud": "api"}), None),
        (json!({"aud": ["other", "api"]}), None),
        (json!({"aud": "other"}), Some(TokenAudience)),
        (json!({"aud": []}), Some(TokenAudience)),
        (json!({"aud": null}), Some(TokenAudience)),
        (json!({"aud": ["api", 1]}), Some(TokenMalformed)),
        (json!({"aud": {"api": 1}}), Some(TokenMalformed)),
        (json!({"exp": null}), Some(TokenMalformed)),
        (json!({"exp": "soon"}), Some(TokenMalformed)),
        (json!({"exp": -1}), Some(TokenMalformed)),
        (json!({"exp": NOW - skew + 1}), None),
        (json!({"exp": 1_799_999_970.5}), None),
        (json!({"exp": NOW - skew}), Some(TokenExpired)),
        (json!({"exp": 0}), Some(TokenExpired)),
        (json!({"nbf": NOW + skew}), None),
        (json!({"nbf": NOW + skew + 1}), Some(TokenNotYetValid)),
        (json!({"nbf": "later"}), Some(TokenMalformed)),
        (json!({"iat": NOW + skew + 1}), Some(TokenNotYetValid)),
        (json!({"iat": NOW - 10, "exp": NOW + 3590}), None),
        (
            json!({"iat": NOW - 10, "exp": NOW + 3591}),
            Some(TokenLifetime),
        ),
        (json!({"iat": null}), Some(TokenLifetime)),
        (json!({"sub": null}), Some(TokenMalformed)),
        (json!({"sub": ""}), Some(TokenMalformed)),
        (json!({"sub": 7}), Some(TokenMalformed)),
    ] {
        let expected = expected.map(Rejection::Code);
        assert_eq!(rejected(&claims, &json!({})), expected, "{claims}");
    }
}

#[test]
fn headers() {
    use Code::{TokenAlgorithm, TokenKey, TokenMalformed};
    for (header, expected) in [
        (json!({"alg": "none"}), Some(TokenAlgorithm)),
        (json!({"alg": "HS256"}), Some(TokenAlgorithm)),
        (json!({"alg": "RS512"}), Some(TokenAlgorithm)),
        (json!({"alg": "rs256"}), Some(TokenAlgorithm)),
        (json!({"alg": null}), Some(TokenMalformed)),
        (json!({"kid": "2"}), Some(TokenKey)),
        (json!({"kid": null}), None),
        (json!({"crit": ["exp"]}), Some(TokenMalformed)),
    ] {
        let expected = expected.map(Rejection::Code);
        assert_eq!(rejected(&json!({}), &header), expected, "{header}");
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
        (json!(["web"]), Some(Code::TokenMalformed)),
    ] {
        let token = token(&json!({ "azp": azp }), &json!({}));
        let found = verify(&policy.issuers, token.as_bytes(), &World::default()).err();
        assert_eq!(found, expected.map(Rejection::Code), "{azp}");
    }
}

#[test]
fn a_signature_that_is_not_the_keys() {
    let token = token(&json!({}), &json!({}));
    let (signed, _) = token.rsplit_once('.').unwrap();
    for signature in ["", "c2lnbmVk_w"] {
        let token = format!("{signed}.{signature}");
        let found = verify_in(&World::default(), &token);
        assert_eq!(found, Err(Rejection::Code(Code::TokenSignature)));
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
        Err(Rejection::Code(Code::TokenExpired)),
        "no keys are needed for that"
    );
}

#[test]
fn size_is_bounded() {
    let long = token(&json!({"name": "n".repeat(8192)}), &json!({}));
    let found = verify_in(&World::default(), &long);
    assert_eq!(found, Err(Rejection::Code(Code::TokenTooLarge)));
}
