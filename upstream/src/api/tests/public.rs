//! What needs an assertion, and what does not.

use super::{ASSERTION, api, ask, ask_of, good, options, service_of};

#[tokio::test]
async fn what_is_not_public_is_protected() {
    let table = [
        ("POST /api/accounts", 401, 405),
        ("HEAD /api/accounts", 401, 503),
        ("GET /api/login", 401, 405),
        ("GET /api/accounts/", 401, 404),
        ("GET /api/accounts/validate", 401, 404),
        ("GET /api/nowhere", 401, 404),
        ("GET /nowhere", 401, 404),
        ("GET /hub-api/nowhere", 401, 404),
        ("GET /hub-api", 401, 404),
        ("GET /hub-api/healthz", 401, 404),
        ("POST /healthz", 401, 405),
        ("PUT /api/v1/agents", 401, 405),
        ("GET /api/v1/agents/0", 401, 404),
        ("DELETE /api/v1/agents/0", 401, 404),
        ("POST /api/admin/accounts", 401, 403),
        ("GET /api/admin/accounts/acme", 401, 403),
        ("PATCH /api/admin/accounts/acme", 401, 403),
        ("GET /api/admin/accounts/acme/call-limits", 401, 403),
        ("PUT /api/admin/accounts/acme/call-limits", 401, 403),
        ("PUT /api/admin/accounts/acme/caps/requests", 401, 403),
        ("DELETE /api/admin/accounts/acme/caps/requests", 401, 403),
        ("GET /api/v1/call-limits", 401, 503),
        ("PUT /api/v1/call-limits", 401, 405),
        ("GET /api/v1/calls/originate", 401, 405),
        ("POST /api/v1/calls/0/end", 401, 404),
        ("GET /api/v1/api-keys", 401, 503),
        ("PATCH /api/v1/api-keys/0", 401, 404),
        ("DELETE /api/v1/api-keys/0", 401, 404),
        ("GET /api/v1/widget/auth/guest", 401, 405),
        ("POST /api/v1/widget/auth/other", 401, 404),
        ("POST /api/v1/widget/config", 401, 405),
        ("GET /api/v1/widget-keys", 401, 503),
        ("GET /api/v1/agents/0/widget-settings", 401, 404),
        // Of the internal listener only.
        ("POST /internal/introspect", 401, 404),
        ("GET /internal/widget/jwks", 401, 404),
        ("GET /internal/directory", 401, 404),
        ("GET /hub-api/internal/directory", 401, 404),
    ];
    for (request, without, with) in table {
        let answer = ask(request, &[], "").await;
        assert_eq!(answer.status, without, "{request} without an assertion");
        let answer = ask(request, &[(ASSERTION, &good())], "").await;
        assert_eq!(answer.status, with, "{request} with an assertion");
    }
}

#[tokio::test]
async fn public_routes_need_nothing() {
    let table = [
        ("GET /api/accounts", (503, "database_unavailable")),
        (
            "GET /api/accounts/validate/acme",
            (503, "database_unavailable"),
        ),
        ("GET /api/accounts/validate/Acme", (400, "account_invalid")),
        ("GET /api/accounts/validate/%ff", (400, "account_invalid")),
        ("GET /api/accounts/validate/kataven-admin", (200, "")),
        ("POST /api/login", (403, "login_disabled")),
        ("GET /api/user/org", (401, "token_missing")),
    ];
    for (request, expected) in table {
        assert_eq!(ask(request, &[], "").await.brief(), expected, "{request}");
        let nested = request.replace(" /", " /hub-api/");
        assert_eq!(ask(&nested, &[], "").await.brief(), expected, "{nested}");
    }
    let answer = ask("GET /healthz", &[], "").await;
    assert_eq!(answer.brief(), (503, "database_unavailable"));
}

#[tokio::test(start_paused = true)]
async fn look_ups_for_anybody_take_one_turn() {
    let api = api(&options(false));
    let turn = api.look_ups.take().await.unwrap();
    let ask = |request| ask_of(service_of(api.clone()), request, &[], "");
    for request in ["GET /api/accounts", "GET /api/accounts/validate/acme"] {
        let answer = ask(request).await;
        assert_eq!(answer.brief(), (503, "database_busy"), "{request}");
    }
    // About this nobody is asked.
    let answer = ask("GET /api/accounts/validate/kataven-admin").await;
    assert_eq!(answer.brief(), (200, ""));
    drop(turn);
}
