//! The development issuer is a good one, and misbehaves only on order.

mod token_endpoint;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Response};
use tollgate_envoy::issuer::{ALGORITHMS, AUDIENCE, Draft, Endpoint, Fault, FaultKind, Issuer};

use crate::world::wait_until;

/// One for all tests that change nothing.
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::start().unwrap());

fn at(issuer: &Issuer) -> Origin {
    Origin::parse(issuer.url()).unwrap()
}

/// The claims of a token, if it is signed by a key of the set, and for us.
fn verify(issuer: &Issuer, keys: &Value, token: &str) -> Result<Value, String> {
    let keys: JwkSet = serde_json::from_value(keys.clone()).unwrap();
    let header = jsonwebtoken::decode_header(token).map_err(|error| error.to_string())?;
    let key = keys.find(&header.kid.unwrap()).ok_or("no such key")?;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[issuer.url()]);
    jsonwebtoken::decode(token, &DecodingKey::from_jwk(key).unwrap(), &validation)
        .map(|token| token.claims)
        .map_err(|error| error.to_string())
}

fn keys(issuer: &Issuer) -> Value {
    at(issuer).get("/oauth/v2/keys").send().unwrap().json()
}

fn dev_token(body: &Value) -> Response {
    at(&ISSUER).post("/dev/token").json(body).send().unwrap()
}

/// The claims of a token that was minted so.
fn minted(body: &Value) -> Value {
    let token = dev_token(body).json();
    verify(&ISSUER, &keys(&ISSUER), token["token"].as_str().unwrap()).unwrap()
}

#[test]
fn discovery_leads_to_the_keys() {
    let document = at(&ISSUER)
        .get("/.well-known/openid-configuration")
        .send()
        .unwrap()
        .json();
    assert_eq!(document["issuer"], ISSUER.url());
    assert_eq!(
        document["jwks_uri"],
        format!("{}/oauth/v2/keys", ISSUER.url())
    );
    assert_eq!(
        document["id_token_signing_alg_values_supported"],
        json!(ALGORITHMS)
    );
}

#[test]
fn the_key_set_is_zitadels() {
    let answer = at(&ISSUER).get("/oauth/v2/keys").send().unwrap();
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let key = &answer.json()["keys"][0];
    assert_eq!((&key["use"], &key["kty"]), (&json!("sig"), &json!("RSA")));
    assert_eq!((&key["alg"], &key["e"]), (&json!("RS256"), &json!("AQAB")));
    assert!(key["kid"].as_str().unwrap().parse::<u64>().is_ok());
    assert_eq!(answer.json(), ISSUER.key_set());
}

#[test]
fn the_default_token_is_good_and_for_acme() {
    let claims = minted(&json!({}));
    assert_eq!(claims["urn:example:accounts"], json!(["acme"]));
    let claims = verify(&ISSUER, &keys(&ISSUER), &ISSUER.member("globex")).unwrap();
    assert_eq!(claims["urn:example:accounts"], json!(["globex"]));
    let claims = verify(&ISSUER, &keys(&ISSUER), &ISSUER.administrator()).unwrap();
    assert!(claims["urn:zitadel:iam:org:project:roles"]["platform-admin"].is_object());
}

#[test]
fn claims_are_merged_and_null_removes() {
    let claims = minted(&json!({"claims": {"sub": "me", "azp": null}}));
    assert_eq!(claims["sub"], "me");
    assert!(claims.get("azp").is_none());
    assert_eq!(claims["aud"], json!([AUDIENCE]));
}

#[test]
fn there_is_a_key_for_every_algorithm() {
    let set = keys(&ISSUER);
    for algorithm in ALGORITHMS {
        let token = ISSUER.mint(&Draft::default().algorithm(algorithm));
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(format!("{:?}", header.alg), algorithm);
        assert!(verify(&ISSUER, &set, &token).is_ok(), "{algorithm}");
        let key = set["keys"].as_array().unwrap().iter();
        let mut key = key.filter(|key| key["kid"] == json!(header.kid));
        let said = &key.next().unwrap()["alg"];
        assert!(*said == algorithm || said.is_null(), "{algorithm}: {said}");
        assert_eq!(key.next(), None, "each id once");
    }
}

#[test]
fn the_algorithm_decides_about_the_signature() {
    let none = ISSUER.mint(&Draft::default().header("alg", json!("none")));
    assert!(none.ends_with('.'));

    let other = ISSUER.mint(&Draft::default().header("alg", json!("XX1")));
    assert_eq!(
        other.split('.').next_back().unwrap().len(),
        342,
        "an RSA signature"
    );

    let confused = ISSUER.mint(&Draft::default().header("alg", json!("HS256")));
    let pem = {
        use rsa::pkcs8::EncodePublicKey;
        let key = &ISSUER.key_set()["keys"][0];
        let number = |name: &str| {
            use base64::Engine;
            let text = key[name].as_str().unwrap();
            let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD
                .decode(text)
                .unwrap();
            rsa::BigUint::from_bytes_be(&bytes)
        };
        let key = rsa::RsaPublicKey::new(number("n"), number("e")).unwrap();
        key.to_public_key_pem(rsa::pkcs8::LineEnding::LF).unwrap()
    };
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    let key = DecodingKey::from_secret(pem.as_bytes());
    assert!(jsonwebtoken::decode::<Value>(&confused, &key, &validation).is_ok());
}

#[test]
fn a_rotated_key_is_out_of_the_set() {
    let issuer = Issuer::start().unwrap();
    let (old_keys, old_token) = (keys(&issuer), issuer.member("acme"));
    let kid = at(&issuer).post("/dev/rotate").send().unwrap().json()["kid"].clone();
    let new_keys = keys(&issuer);
    assert_eq!(new_keys["keys"][0]["kid"], kid);
    let ids = |set: &Value| -> Vec<Value> {
        let keys = set["keys"].as_array().unwrap().iter();
        keys.map(|key| key["kid"].clone()).collect()
    };
    let (old_ids, new_ids) = (ids(&old_keys), ids(&new_keys));
    assert!(
        new_ids.iter().all(|id| !old_ids.contains(id)),
        "{new_ids:?}"
    );
    assert!(verify(&issuer, &old_keys, &old_token).is_ok());
    assert_eq!(
        verify(&issuer, &new_keys, &old_token),
        Err("no such key".to_owned())
    );
    assert!(verify(&issuer, &new_keys, &issuer.member("acme")).is_ok());
}

#[test]
fn bad_orders_get_a_sentence() {
    for (path, body, sentence) in [
        ("/dev/token", "{", "the body cannot be used: EOF"),
        ("/dev/token", r#"{"claim": {}}"#, "unknown field `claim`"),
        (
            "/dev/token",
            r#"{"claims": []}"#,
            "invalid type: sequence, expected a map",
        ),
        ("/dev/fault", "", "missing field `kind`"),
        (
            "/dev/fault",
            r#"{"kind": "explode"}"#,
            "unknown variant `explode`",
        ),
        (
            "/dev/fault",
            r#"{"kind": "status", "status": 7}"#,
            "write 200 to 599",
        ),
    ] {
        let answer = at(&ISSUER).post(path).body(body).send().unwrap();
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(answer.text().contains(sentence), "{}", answer.text());
    }
}

#[test]
fn faults_come_and_go() {
    let issuer = Issuer::start().unwrap();
    let good = issuer.key_set();
    let fetch = |order: Value| {
        let ordered = at(&issuer).post("/dev/fault").json(&order).send().unwrap();
        assert_eq!(ordered.status, 200, "{}", ordered.text());
        at(&issuer).get("/oauth/v2/keys").send()
    };
    assert_eq!(
        fetch(json!({"kind": "status", "status": 418}))
            .unwrap()
            .status,
        418
    );
    assert_eq!(
        fetch(json!({"kind": "garbage"})).unwrap().json(),
        Value::Null
    );
    assert_eq!(
        fetch(json!({"kind": "empty"})).unwrap().json(),
        json!({"keys": []})
    );
    let large = fetch(json!({"kind": "too_large"})).unwrap();
    assert!(large.body.len() > 1 << 20);
    assert_eq!(large.json()["keys"], good["keys"]);
    assert!(fetch(json!({"kind": "closed"})).is_err());
    let other = json!({"keys": [{"kty": "oct"}]});
    let served = fetch(json!({"kind": "body", "body": other}));
    assert_eq!(served.unwrap().json(), other);
    let start = Instant::now();
    assert_eq!(
        fetch(json!({"kind": "delay", "delay_ms": 200}))
            .unwrap()
            .json(),
        good
    );
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(fetch(json!({"kind": "none"})).unwrap().json(), good);

    issuer.fault(Fault::of_keys(FaultKind::Status));
    assert_eq!(
        at(&issuer).get("/oauth/v2/keys").send().unwrap().status,
        500
    );
    let other = at(&issuer)
        .get("/.well-known/openid-configuration")
        .send()
        .unwrap();
    assert_eq!(other.status, 200, "other endpoints go on");
    assert_eq!(issuer.requests(Endpoint::Keys), 9);
    let counts = at(&issuer).get("/dev/requests").send().unwrap().json();
    assert_eq!(counts, json!({"keys": 9, "token": 0, "discovery": 1}));
}

#[test]
fn a_request_can_hang() {
    let issuer = Issuer::start().unwrap();
    issuer.fault(Fault::of_keys(FaultKind::Hang));
    let mut connection = TcpStream::connect(at(&issuer).address()).unwrap();
    let request = b"GET /oauth/v2/keys HTTP/1.1\r\nhost: issuer\r\n\r\n";
    connection.write_all(request).unwrap();
    wait_until("it is asked", || issuer.requests(Endpoint::Keys) == 1);
    connection.set_nonblocking(true).unwrap();
    let read = connection.read(&mut [0]).unwrap_err();
    assert_eq!(read.kind(), ErrorKind::WouldBlock, "nothing came");
}

#[test]
fn it_can_be_down_and_come_back() {
    let issuer = Issuer::start().unwrap();
    let token = issuer.member("acme");
    issuer.down();
    let refused = at(&issuer).get("/oauth/v2/keys").send().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    issuer.up().unwrap();
    assert!(verify(&issuer, &keys(&issuer), &token).is_ok());
}
