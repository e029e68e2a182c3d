//! The development issuer's token endpoint: tokens for service accounts.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};

use super::{ISSUER, at, keys, verify};

fn service_account() -> Value {
    at(&ISSUER)
        .get("/dev/service-account")
        .send()
        .unwrap()
        .json()
}

fn token_request(form: &str) -> Request {
    at(&ISSUER).post("/oauth/v2/token").form(form)
}

/// An assertion of the service account, after `change`.
fn assertion(change: impl FnOnce(&mut Value)) -> String {
    let file = service_account();
    assert_eq!(file["type"], "serviceaccount");
    let now = jsonwebtoken::get_current_timestamp();
    let mut claims = json!({
        "iss": file["userId"], "sub": file["userId"], "aud": ISSUER.url(), "iat": now, "exp": now + 60,
    });
    change(&mut claims);
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(file["keyId"].as_str().unwrap().to_owned());
    let key = EncodingKey::from_rsa_pem(file["key"].as_str().unwrap().as_bytes()).unwrap();
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

fn by_assertion(assertion: &str) -> Response {
    let grant =
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=openid+profile";
    token_request(&format!("{grant}&assertion={assertion}"))
        .send()
        .unwrap()
}

#[test]
fn a_service_account_gets_tokens_by_its_key() {
    let answer = by_assertion(&assertion(|_| {}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(3600))
    );
    for token in ["access_token", "id_token"] {
        let claims = verify(&ISSUER, &keys(&ISSUER), answer[token].as_str().unwrap()).unwrap();
        assert_eq!(claims["sub"], service_account()["userId"]);
        assert_eq!(claims["urn:example:accounts"], json!(["acme"]));
    }
}

#[test]
fn a_wrong_assertion_gets_nothing() {
    for (claim, value, sentence) in [
        ("exp", json!(1), "has expired"),
        ("iat", json!(1), "has expired"),
        ("iat", json!(9_999_999_999_u64), "from the future"),
        (
            "aud",
            json!("https://other.example"),
            "aud must be the issuer",
        ),
        ("sub", json!("other"), "must be the account's userId"),
    ] {
        let answer = by_assertion(&assertion(|claims| claims[claim] = value));
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!("invalid_grant"))
        );
        assert!(
            answer.text().contains(sentence),
            "{sentence}: {}",
            answer.text()
        );
    }
    let other = by_assertion(&ISSUER.member("acme"));
    assert!(
        other.text().contains("kid is not the account's key"),
        "{}",
        other.text()
    );
    let changed = by_assertion(&assertion(|_| {}).replace(".ey", ".ey0"));
    assert!(
        changed.text().contains("signature is wrong"),
        "{}",
        changed.text()
    );
}

#[test]
fn a_service_account_gets_tokens_by_its_secret() {
    let file = service_account();
    let (id, secret) = (
        file["client_id"].as_str().unwrap(),
        file["client_secret"].as_str().unwrap(),
    );
    let grant = "grant_type=client_credentials";
    let in_form = token_request(&format!("{grant}&client_id={id}&client_secret={secret}"));
    let by_basic = token_request(grant).basic(id, secret);
    for request in [in_form, by_basic] {
        let answer = request.send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        assert!(verify(&ISSUER, &keys(&ISSUER), &token).is_ok());
        assert!(
            answer.json().get("id_token").is_none(),
            "only with the scope openid"
        );
    }
}

#[test]
fn token_requests_fail_as_oauth_says() {
    for (form, status, error) in [
        ("", 400, "invalid_request"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials", 401, "invalid_client"),
        (
            "grant_type=client_credentials&client_id=acme-robot&client_secret=no",
            401,
            "invalid_client",
        ),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            400,
            "invalid_request",
        ),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=x",
            400,
            "invalid_grant",
        ),
    ] {
        let answer = token_request(form).send().unwrap();
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (status, &json!(error)),
            "{form}"
        );
        assert_eq!(
            answer.header("www-authenticate").is_some(),
            status == 401,
            "{form}"
        );
    }
}
