//! Step 5: the token.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::issuer::Draft;

use crate::world::{AGENTS, gate, good};

fn agents() -> Request {
    gate().get(AGENTS).account("acme")
}

fn by_token(token: impl AsRef<[u8]>) -> Response {
    agents().bearer(token).send().unwrap()
}

fn by_draft(draft: &Draft) -> Response {
    by_token(gate().issuer().mint(draft))
}

#[test]
fn each_wrong_token_has_its_code() {
    let now = jsonwebtoken::get_current_timestamp();
    let claim = |name, value| Draft::default().claim(name, value);
    let header = |name, value: &str| Draft::default().header(name, json!(value));
    for (draft, expected) in [
        (Draft::default(), "200"),
        (claim("exp", json!(now - 3600)), "401 token_expired"),
        (claim("exp", json!(now - 30)), "200"),
        (claim("exp", Value::Null), "401 token_malformed"),
        (claim("exp", json!("tomorrow")), "401 token_malformed"),
        (claim("nbf", json!(now + 3600)), "401 token_not_yet_valid"),
        (
            claim("iss", json!("https://other.example")),
            "401 token_issuer",
        ),
        (claim("aud", json!(["other"])), "401 token_audience"),
        (claim("aud", json!("tollgate-demo")), "200"),
        (claim("aud", json!(["other", "tollgate-demo"])), "200"),
        (header("alg", "none"), "401 token_algorithm"),
        (header("alg", "None"), "401 token_algorithm"),
        (header("alg", "HS256"), "401 token_algorithm"),
        (header("alg", "RS512"), "401 token_algorithm"),
        (header("kid", "1"), "401 token_key"),
        (
            claim("padding", json!("x".repeat(9000))),
            "401 token_too_large",
        ),
    ] {
        let answer = by_draft(&draft);
        assert_eq!(answer.outcome(), expected, "{draft:?}");
        let challenged = answer
            .header("www-authenticate")
            .is_some_and(|it| it.starts_with("Bearer "));
        assert_eq!(challenged, answer.status == 401, "{draft:?}");
    }
}

#[test]
fn each_credential_that_is_no_single_token_has_its_code() {
    let token = gate().issuer().member("acme");
    for (values, expected) in [
        (vec![], "401 token_missing"),
        (vec!["Basic YTpi".to_owned()], "401 token_missing"),
        (vec!["Bearer".to_owned()], "401 token_missing"),
        (vec![token.clone()], "401 token_missing"),
        (vec![format!("bearer {token}")], "200"),
        (vec!["Bearer nonsense".to_owned()], "401 token_malformed"),
        (vec!["Bearer a.b.c".to_owned()], "401 token_malformed"),
        (vec![format!("Bearer {token}"); 2], "401 token_duplicate"),
        (
            vec![format!("Bearer {token}"), "Basic YTpi".to_owned()],
            "401 token_duplicate",
        ),
        (
            vec![format!("Bearer {token},Bearer {token}")],
            "401 token_duplicate",
        ),
    ] {
        let request = values.iter().fold(agents(), |request, value| {
            request.header("Authorization", value)
        });
        let answer = request.send().unwrap();
        assert_eq!(answer.outcome(), expected, "{values:?}");
        assert_eq!(
            answer.header("www-authenticate").is_some(),
            answer.status == 401
        );
    }
}

#[test]
fn one_bit_of_the_signature_decides() {
    let token = gate().issuer().member("acme");
    let (text, signature) = token.rsplit_once('.').unwrap();
    for position in [0, 100, 255] {
        let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[position] ^= 1;
        let changed = format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(
            by_token(changed).outcome(),
            "401 token_signature",
            "byte {position}"
        );
    }
}

#[test]
fn changed_claims_need_another_signature() {
    let issuer = gate().issuer();
    let (mine, other) = (issuer.member("acme"), issuer.member("globex"));
    let mine: Vec<_> = mine.split('.').collect();
    let other: Vec<_> = other.split('.').collect();
    let stitched = [mine[0], mine[1], other[2]].join(".");
    assert_eq!(by_token(stitched).outcome(), "401 token_signature");
}

#[test]
fn bytes_that_are_no_text_are_no_token() {
    assert_eq!(by_token(b"\xff\xfe").outcome(), "401 token_malformed");
    assert_eq!(
        good(gate()).send().unwrap().status,
        200,
        "and nothing broke"
    );
}

#[test]
fn a_program_gets_in_by_its_service_account() {
    let file = gate().issuer().service_account();
    let origin = tollgate_envoy::client::Origin::parse(gate().issuer().url()).unwrap();
    let answer = origin
        .post("/oauth/v2/token")
        .basic(
            file["client_id"].as_str().unwrap(),
            file["client_secret"].as_str().unwrap(),
        )
        .form("grant_type=client_credentials&scope=openid")
        .send()
        .unwrap()
        .json();
    for token in ["access_token", "id_token"] {
        let token = answer[token].as_str().unwrap();
        assert_eq!(by_token(token).outcome(), "200");
    }
}

#[test]
fn nothing_of_a_token_comes_back() {
    let draft = Draft::default().claim("aud", json!(["a-secret-name"]));
    let answer = by_draft(&draft);
    assert!(!answer.text().contains("a-secret-name"));
    assert!(
        !answer
            .header("www-authenticate")
            .unwrap()
            .contains("a-secret-name")
    );
}
