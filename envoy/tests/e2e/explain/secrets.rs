//! No secret is ever printed, whatever becomes of the request.

use serde_json::json;
use tollgate_envoy::issuer::Draft;

use super::{SCENE, archive, asks, key, to, words};

#[test]
fn no_secret_is_printed() {
    let scene = &*SCENE;
    let (good, key) = (scene.member(), key());
    let expired = scene.token(Draft::member("acme").claim("exp", json!(1)));
    let mistyped = key.replace("acme", "acne");
    let echoing = scene.write(
        "echo.json",
        &json!({"active": true, "sub": "key-7", "token": key, "note": format!("of {key}")}),
    );
    let query = format!("/api/user/org?access_token={good}");
    let basic = "Authorization: Basic aHVudGVyMjpodW50ZXIy";
    let raw = format!("Authorization: {good}");
    let requests = [
        asks("acme", &good),
        asks("acme", &expired),
        asks("globex", &good),
        asks("acme", &format!("{good}.x")),
        asks("acme", &key),
        asks("globex", &key),
        asks("acme", &mistyped),
        asks("acme", &format!("{key}x")),
        to("GET", &query, "acme", &key),
        words("GET", "/api/v1/agents", &["X-Account-ID: acme", basic]),
        words(
            "GET",
            "/api/v1/agents",
            &["X-Account-ID: acme", &raw, "Cookie: s=hunter2"],
        ),
        words(
            "GET",
            "/api/accounts",
            &[&raw, "Cookie: s=hunter2", "X-Api-Key: hunter2"],
        ),
    ];
    let signatures = [&good, &expired].map(|token| token.rsplit('.').next().unwrap().to_owned());
    let secret = key.rsplit('_').next().unwrap().to_owned();
    let mut printed = String::new();
    let file = scene.write("secrets.har", &archive(&requests));
    for flag in [&["--json"][..], &[]] {
        let flags: Vec<_> = ["--introspection", &echoing, "--har", &file]
            .iter()
            .chain(flag)
            .copied()
            .collect();
        let found = scene.explain(&flags, &[]);
        assert!(found.out.contains("key-7"), "{}{}", found.out, found.errors);
        printed += &(found.out + &found.errors);
    }
    for wrong in [&["--nonsense"][..], &["GET"]] {
        let mut request = asks("acme", &good);
        request.extend(wrong.iter().map(|word| (*word).to_owned()));
        let found = scene.explain(&[], &request);
        assert_eq!(found.code, Some(2), "{}", found.out);
        printed += &(found.out + &found.errors);
    }
    assert!(printed.contains("sk_live_acme_…"), "{printed}");
    let tokens = ["eyJ", "hunter2", "aHVudGVyMjpodW50ZXIy", &secret];
    for secret in tokens
        .into_iter()
        .chain(signatures.iter().map(String::as_str))
    {
        assert!(!printed.contains(secret), "{secret}");
    }
}
