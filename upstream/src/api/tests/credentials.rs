//! Which credential opens what: on the internal listener the gate's own, and behind the gate each kind its share.

use axum::Router;
use tollgate_policy::api_key::ApiKey;
use tollgate_policy::assertion::{Assertion, CredentialKind};
use tollgate_policy::credential;

use super::super::internal;
use super::{
    ASSERTION, Brief, Headers, JSON, KEY, admin, api, ask, ask_of, assertion, now, options, signed,
};
use crate::identity::GateCredential;
use crate::secrets::Secret;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub(super) fn internal_listener() -> Router {
    let gate = GateCredential::new(&Secret::of_test(b'x')).unwrap();
    internal::router(api(&options(false)), gate)
}

pub(super) fn gate() -> String {
    format!("Bearer {}", "x".repeat(32))
}

/// A key that may be somebody's.
pub(super) fn key() -> String {
    ApiKey::write("sk_live_", "acme", &[7; 24])
}

fn with(credential: CredentialKind) -> String {
    let assertion = Assertion {
        credential,
        ..assertion("acme", false)
    };
    signed(KEY, "upstream", now(), &assertion)
}

#[tokio::test]
async fn the_internal_listener_is_for_the_gate() {
    let table = [
        (
            "GET /internal/directory",
            401,
            (503, "database_unavailable"),
        ),
        ("HEAD /internal/directory", 401, (503, "")),
        ("POST /internal/directory", 405, (405, "method_not_allowed")),
        ("GET /internal/introspect", 405, (405, "method_not_allowed")),
        (
            "POST /internal/introspect",
            401,
            (415, "media_type_unsupported"),
        ),
        ("GET /internal/widget/jwks", 200, (200, "")),
        (
            "POST /internal/widget/jwks",
            405,
            (405, "method_not_allowed"),
        ),
        ("GET /healthz", 503, (503, "database_unavailable")),
        ("GET /internal/directory/", 404, (404, "not_found")),
        ("GET /api/v1/agents", 404, (404, "not_found")),
        ("GET /api/accounts", 404, (404, "not_found")),
    ];
    let (gate, admin) = (gate(), admin());
    let bearer = format!("Bearer {admin}");
    for (request, without, expected) in table {
        // Neither does an assertion open anything here.
        let others: [Headers; 3] = [
            &[],
            &[(ASSERTION, &admin), ("authorization", &bearer)],
            &[("authorization", &gate), ("authorization", &gate)],
        ];
        for headers in others {
            let answer = ask_of(internal_listener(), request, headers, "").await;
            assert_eq!(answer.status, without, "{request} {headers:?}");
        }
        let headers = [("authorization", gate.as_str())];
        let answer = ask_of(internal_listener(), request, &headers, "").await;
        assert_eq!(answer.brief(), expected, "{request}");
    }
}

#[tokio::test]
async fn an_introspection_asks_about_one_token() {
    let (gate, key) = (gate(), key());
    let form = |text: &str| format!("token={text}");
    let large = form(&"a".repeat(internal::BODY_LIMIT));
    let mistyped = key.replace("acme", "acne");
    let table: &[(String, Brief)] = &[
        (String::new(), (400, "invalid_request")),
        ("token=".to_owned(), (400, "invalid_request")),
        ("token=a&token=a".to_owned(), (400, "invalid_request")),
        (large, (413, "body_too_large")),
        // The longest that the gate takes, at its longest.
        (form(&"%41".repeat(credential::MAX_BYTES)), (200, "")),
        // The database is gone. What is no key is inactive all the same; about a key nothing can be said.
        (form("a"), (200, "")),
        (form("eyJhbGciOiJSUzI1NiJ9.e30.AA"), (200, "")),
        (form(&mistyped), (200, "")),
        (form(&key.replace("sk_", "pk_")), (200, "")),
        (form(&key), (503, "database_unavailable")),
    ];
    for (body, expected) in table {
        let headers = [("authorization", gate.as_str()), FORM];
        let request = "POST /internal/introspect";
        let answer = ask_of(internal_listener(), request, &headers, body).await;
        assert_eq!(answer.brief(), *expected, "{}", &body[..body.len().min(60)]);
        if expected.0 == 200 {
            assert_eq!(answer.body, serde_json::json!({"active": false}));
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
}

#[tokio::test]
async fn each_kind_of_credential_opens_its_share() {
    let refused = (403, "credential_not_allowed");
    let reached = (503, "database_unavailable");
    let id = "6b1a2f3c-0000-4000-8000-000000000000";
    let key = format!("/api/v1/api-keys/{id}");
    let new = r#"{"name": "CI", "expiry": "90d"}"#;
    let widget = r#"{"name": "Shop", "domain_allowlist": ["acme.com"]}"#;
    // As a user, an API key, a widget's visitor.
    let table: &[(&str, &str, [Brief; 3])] = &[
        ("GET /api/v1/agents", "", [reached, reached, refused]),
        (
            &format!("GET /api/v1/agents/{id}"),
            "",
            [reached, reached, reached],
        ),
        (
            &format!("DELETE /api/v1/agents/{id}"),
            "",
            [reached, reached, refused],
        ),
        ("GET /api/v1/call-limits", "", [reached, reached, refused]),
        (
            &format!("POST /api/v1/calls/{id}/end"),
            "",
            [reached, reached, refused],
        ),
        (
            "GET /nowhere",
            "",
            [(404, "not_found"), (404, "not_found"), refused],
        ),
        ("GET /api/v1/api-keys", "", [reached, reached, refused]),
        ("POST /api/v1/api-keys", new, [reached, refused, refused]),
        (
            &format!("PATCH {key}"),
            r#"{"disabled": false}"#,
            [reached, refused, refused],
        ),
        (&format!("DELETE {key}"), "", [reached, refused, refused]),
        ("GET /api/v1/widget-keys", "", [reached, reached, refused]),
        (
            "POST /api/v1/widget-keys",
            widget,
            [reached, refused, refused],
        ),
        (
            &format!("PATCH /api/v1/widget-keys/{id}"),
            r#"{"domain_allowlist": []}"#,
            [reached, refused, refused],
        ),
        (
            &format!("DELETE /api/v1/widget-keys/{id}"),
            "",
            [reached, refused, refused],
        ),
        (
            &format!("GET /api/v1/agents/{id}/widget-settings"),
            "",
            [reached, reached, refused],
        ),
        (
            &format!("PATCH /api/v1/agents/{id}/widget-settings"),
            r#"{"auth_mode": "user"}"#,
            [reached, reached, refused],
        ),
    ];
    let kinds = [
        CredentialKind::Jwt,
        CredentialKind::ApiKey,
        CredentialKind::RestrictedJwt,
    ];
    for (request, body, expected) in table {
        for (kind, expected) in kinds.into_iter().zip(expected) {
            for request in [request.to_string(), request.replace(" /", " /hub-api/")] {
                let headers = [(ASSERTION, &*with(kind)), JSON];
                let answer = ask(&request, &headers, body).await;
                assert_eq!(answer.brief(), *expected, "{request} with {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_administrator_is_a_user() {
    for credential in [CredentialKind::ApiKey, CredentialKind::RestrictedJwt] {
        let assertion = Assertion {
            credential,
            ..assertion("acme", true)
        };
        let assertion = signed(KEY, "upstream", now(), &assertion);
        let request = "GET /api/admin/accounts/acme";
        let answer = ask(request, &[(ASSERTION, &assertion)], "").await;
        assert_eq!(answer.brief(), (403, "credential_not_allowed"));
    }
}

#[tokio::test]
async fn a_new_key_has_a_name_and_an_end() {
    let table = [
        (r#"{"name": " CI ", "expiry": "never"}"#, 503),
        (r#"{"name": "CI", "expiry": "1y"}"#, 503),
        (r#"{"name": "CI", "expiry": "30d"}"#, 503),
        (r#"{"name": "CI", "expiry": "31d"}"#, 400),
        (r#"{"name": "CI", "expiry": null}"#, 400),
        (r#"{"name": "CI"}"#, 400),
        (r#"{"name": "", "expiry": "90d"}"#, 400),
        (r#"{"expiry": "90d"}"#, 400),
        (
            r#"{"name": "CI", "expiry": "90d", "account": "globex"}"#,
            400,
        ),
    ];
    for (body, expected) in table {
        let headers = [(ASSERTION, &*with(CredentialKind::Jwt)), JSON];
        let answer = ask("POST /api/v1/api-keys", &headers, body).await;
        assert_eq!(answer.status, expected, "{body}");
    }
}

#[tokio::test]
async fn a_new_keys_maker_can_be_stored() {
    let reached = (503, "database_unavailable");
    for (subject, expected) in [
        ("a\0b", (403, "subject_invalid")),
        ("a\u{1}\u{10ffff}b", reached),
    ] {
        let assertion = Assertion {
            subject: subject.to_owned(),
            ..assertion("acme", false)
        };
        let assertion = signed(KEY, "upstream", now(), &assertion);
        let body = r#"{"name": "CI", "expiry": "90d"}"#;
        let headers = [(ASSERTION, assertion.as_str()), JSON];
        let answer = ask("POST /api/v1/api-keys", &headers, body).await;
        assert_eq!(answer.brief(), expected, "{subject:?}");
    }
}
