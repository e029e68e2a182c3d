//! What administrators name in paths and bodies.

use super::{ASSERTION, Brief, JSON, admin, ask};

#[tokio::test]
async fn what_administrators_name_is_parsed() {
    let (admin, longest) = (admin(), "a".repeat(65));
    let limits = r#"{"concurrent_max": 5, "calls_per_minute": null, "daily_calls_max": null, "daily_minutes_max": null}"#;
    let requests = "PUT /api/admin/accounts/acme/caps/requests";
    let too_long = format!("PUT /api/admin/accounts/acme/caps/{longest}");
    let table: &[(&str, &str, Brief)] = &[
        (
            "GET /api/admin/accounts/acme",
            "",
            (503, "database_unavailable"),
        ),
        ("GET /api/admin/accounts/Acme", "", (400, "account_invalid")),
        ("GET /api/admin/accounts/%ff", "", (400, "account_invalid")),
        (
            "GET /api/admin/accounts/a%22b",
            "",
            (400, "account_invalid"),
        ),
        (
            "GET /api/admin/accounts/a%00b",
            "",
            (400, "account_invalid"),
        ),
        (
            "GET /api/admin/accounts/a%2fb",
            "",
            (400, "account_invalid"),
        ),
        (
            "GET /api/admin/accounts/postgres",
            "",
            (403, "account_reserved"),
        ),
        (
            "GET /api/admin/accounts/kataven-admin/call-limits",
            "",
            (403, "account_reserved"),
        ),
        (
            "PUT /api/admin/accounts/kataven-admin/call-limits",
            limits,
            (403, "account_reserved"),
        ),
        (
            "PUT /api/admin/accounts/acme/call-limits",
            limits,
            (503, "database_unavailable"),
        ),
        (
            "PUT /api/admin/accounts/acme/call-limits",
            "{}",
            (400, "body_invalid"),
        ),
        (
            "PATCH /api/admin/accounts/acme",
            r#"{"status": "suspended"}"#,
            (503, "database_unavailable"),
        ),
        (
            "PATCH /api/admin/accounts/acme",
            r#"{"status": "creating"}"#,
            (400, "body_invalid"),
        ),
        (
            "PATCH /api/admin/accounts/acme",
            "{}",
            (400, "body_invalid"),
        ),
        (
            requests,
            r#"{"per_minute": 600}"#,
            (503, "database_unavailable"),
        ),
        (requests, r#"{"per_minute": -1}"#, (400, "body_invalid")),
        (requests, r#"{"per_second": 1}"#, (400, "body_invalid")),
        (&too_long, "{}", (400, "cap_invalid")),
        (
            "PUT /api/admin/accounts/acme/caps/a%20b",
            "{}",
            (400, "cap_invalid"),
        ),
        (
            "DELETE /api/admin/accounts/acme/caps/%ff",
            "",
            (400, "account_invalid"),
        ),
        (
            "DELETE /api/admin/accounts/acme/caps/requests",
            "",
            (503, "database_unavailable"),
        ),
    ];
    for (request, body, expected) in table {
        let answer = ask(request, &[(ASSERTION, &admin), JSON], body).await;
        assert_eq!(answer.brief(), *expected, "{request} {body}");
    }
}
