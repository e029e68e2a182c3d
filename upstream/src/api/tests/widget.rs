//! What widgets send, as far as it can be judged without a database.

use tollgate_policy::api_key::ApiKey;

use super::{ASSERTION, Brief, Headers, JSON, api, ask, ask_of, good, options, service_of};
use crate::api::Api;
use crate::bound::Bound;

const ORIGIN: (&str, &str) = ("origin", "https://acme.com");

#[tokio::test]
async fn what_widgets_send_is_read() {
    let client_key = ApiKey::write("pk_live_", "acme", &[7; 24]);
    let api_key = ApiKey::write("sk_live_", "acme", &[7; 24]);
    let bearer = format!("Bearer {api_key}");
    let with = |fields: &str| format!(r#"{{"client_key": "{client_key}"{fields}}}"#);
    let reached = (503, "database_unavailable");
    let unknown = (401, "client_key_invalid");
    let bad = (400, "body_invalid");
    let browser: Headers = &[ORIGIN, JSON];
    let server: Headers = &[("authorization", &bearer), JSON];
    let other: Headers = &[("authorization", "Bearer sk_live_x"), JSON];
    let two: Headers = &[("authorization", &bearer), ("authorization", &bearer), JSON];
    let agent = r#", "agent_id": "Ada""#;
    let user = r#"{"external_user_id": "42", "display_name": "Ada", "email": "a@b.example"}"#;
    let table: &[(&str, Headers, &str, Brief)] = &[
        ("guest", browser, &with(""), reached),
        ("guest", browser, &with(agent), (404, "agent_not_found")),
        ("guest", browser, "{}", bad),
        ("guest", browser, r#"{"client_key": ""}"#, unknown),
        ("guest", browser, &with("").replace("acme", "acne"), unknown),
        ("guest", browser, &with("").replace("pk_", "sk_"), unknown),
        (
            "guest",
            &[ORIGIN],
            &with(""),
            (415, "media_type_unsupported"),
        ),
        ("user-token", server, user, reached),
        ("user-token", &[JSON], user, (401, "token_missing")),
        ("user-token", two, user, (401, "token_duplicate")),
        ("user-token", other, user, (401, "key_inactive")),
        ("user-token", server, "{}", bad),
        ("user-token", server, r#"{"external_user_id": ""}"#, bad),
        ("user-token", server, r#"{"external_user_id": " 42"}"#, bad),
        ("user-token", server, &user.replace('@', " "), bad),
        (
            "user-token",
            server,
            &user.replace("42", &"4".repeat(201)),
            bad,
        ),
        ("exchange", browser, r#"{"user_token": "a"}"#, bad),
        (
            "exchange",
            browser,
            &with(r#", "user_token": "a""#),
            reached,
        ),
        ("exchange", browser, &with(""), bad),
        ("refresh", browser, "{}", bad),
        (
            "refresh",
            browser,
            r#"{"refresh_token": "a.b.c"}"#,
            (400, "refresh_token_invalid"),
        ),
    ];
    for (path, headers, body, expected) in table {
        for mount in ["", "/hub-api"] {
            let request = format!("POST {mount}/api/v1/widget/auth/{path}");
            let answer = ask(&request, headers, body).await;
            assert_eq!(answer.brief(), *expected, "{request} {body}");
        }
    }
    let query = |query: &str| format!("GET /api/v1/widget/config{query}");
    for (request, expected) in [
        (query(&format!("?client_key={client_key}")), reached),
        (
            query(&format!("?client_key={client_key}&client_key=a")),
            bad,
        ),
        (query(""), bad),
        (query("?client_key=a"), unknown),
    ] {
        let answer = ask(&request, &[ORIGIN], "").await;
        assert_eq!(answer.brief(), expected, "{request}");
    }
}

#[tokio::test]
async fn an_entry_that_is_none_is_named() {
    for request in [
        "POST /api/v1/widget-keys",
        "PATCH /api/v1/widget-keys/6b1a2f3c-0000-4000-8000-000000000000",
    ] {
        let body = r#"{"name": "Shop", "domain_allowlist": ["acme.com", "*.com"]}"#;
        let answer = ask(request, &[(ASSERTION, &good()), JSON], body).await;
        assert_eq!(answer.brief(), (400, "body_invalid"));
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(r#"domain_allowlist[1]: "*.com": "#),
            "{detail}"
        );
    }
}

/// Whoever is turned away was asked for nothing that takes a core.
#[tokio::test(start_paused = true)]
async fn too_many_signatures_are_turned_away_and_keep_no_user_waiting() {
    let api = Api {
        signatures: Bound::all_taken(),
        ..api(&options(false))
    };
    let refresh = "POST /api/v1/widget/auth/refresh";
    let body = r#"{"refresh_token": "a.b.c"}"#;
    let answer = ask_of(service_of(api.clone()), refresh, &[ORIGIN, JSON], body).await;
    assert_eq!(answer.brief(), (503, "verification_busy"));
    assert_eq!(answer.headers["retry-after"], "1");

    let bearer = [("authorization", "Bearer a")];
    let answer = ask_of(service_of(api), "GET /api/user/org", &bearer, "").await;
    assert_eq!(answer.brief(), (401, "token_malformed"));
}
