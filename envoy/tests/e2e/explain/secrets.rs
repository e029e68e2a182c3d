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
    printed += &in_wrong_places(&good);
    assert!(printed.contains("sk_live_acme_…"), "{printed}");
    let tokens = ["hunter2", "aHVudGVyMjpodW50ZXIy", &secret];
    for secret in tokens
        .into_iter()
        .chain(signatures.iter().map(String::as_str))
    {
        assert!(!printed.contains(secret), "{secret}");
    }
}

/// What is printed of a token in all kinds of places where none belongs.
fn in_wrong_places(good: &str) -> String {
    let scene = &*SCENE;
    let mut printed = String::new();
    // As curl's users write it, and in all kinds of wrong places.
    let header = format!("Authorization: Bearer {good}");
    let flag_first = [
        "-H",
        &header,
        "-H",
        "X-Account-ID: acme",
        "GET",
        "/api/v1/agents",
    ];
    let found = scene.explain(&[], &flag_first.map(str::to_owned));
    assert!(
        found.out.contains("forwarded"),
        "{}{}",
        found.out,
        found.errors
    );
    printed += &(found.out + &found.errors);
    let open = format!("open?access_token={good}");
    let spaced = format!("/a b/{good}");
    for wrong in [
        &[&*header, "/api/v1/agents"][..],
        &["GET", &open],
        &["GET", &spaced],
        &["GET", "/a", &header],
        &["GET", "/a", &format!("--Authorization:{good}")],
        &["GET", "/a", "-H", &format!("Bearer {good}: x")],
    ] {
        let wrong: Vec<_> = wrong.iter().map(|word| (*word).to_owned()).collect();
        let found = scene.explain(&[], &wrong);
        assert_eq!(found.code, Some(2), "{wrong:?}: {}", found.out);
        printed += &(found.out + &found.errors);
    }
    let odd = [
        json!({"log": {"entries": [{"request": {"method": "GET", "url": "https://x/", "headers": [header]}}]}}),
        json!({"log": {"entries": [{"request": {"method": "GET", "url": open, "headers": []}}]}}),
        json!({"log": {"entries": [{"request": {"method": "GET", "url": "/", "headers": [{"name": header, "value": ""}]}}]}}),
    ];
    for (number, odd) in odd.iter().enumerate() {
        let file = scene.write(&format!("odd-{number}.har"), odd);
        let found = scene.explain(&["--har", &file], &[]);
        assert_eq!(found.code, Some(2), "{odd}: {}", found.out);
        printed += &(found.out + &found.errors);
    }
    let nested = scene.token(Draft::member("acme").claim("act", json!({"id_token": good})));
    for (account, token, expected) in [
        ("acme", &*nested, "id_token"),
        (good, good, "account_invalid"),
    ] {
        let found = scene.explain(&[], &asks(account, token));
        assert!(found.out.contains(expected), "{}", found.out);
        printed += &(found.out + &found.errors);
    }
    printed
}
