//! What administrators say of accounts that come and go.

use super::{ASSERTION, Brief, JSON, admin, ask};

#[tokio::test]
async fn what_is_not_meant_is_refused_before_the_database_is_asked() {
    let table: &[(&str, &str, Brief)] = &[
        (
            "PATCH /api/admin/accounts/acme",
            r#"{"name": "other"}"#,
            (400, "account_not_renamed"),
        ),
        (
            "PATCH /api/admin/accounts/acme",
            r#"{"status": "active", "name": "acme"}"#,
            (400, "account_not_renamed"),
        ),
        (
            "DELETE /api/admin/accounts/acme",
            r#"{"name": "acme"}"#,
            (400, "confirmation_missing"),
        ),
        (
            "DELETE /api/admin/accounts/acme?confirm=globex",
            "",
            (400, "confirmation_missing"),
        ),
        (
            "DELETE /api/admin/accounts/acme?confirm=acme&confirm=acme",
            "",
            (400, "confirmation_missing"),
        ),
        (
            "DELETE /api/admin/accounts/acme?confirm=acme&force",
            "",
            (400, "confirmation_missing"),
        ),
        (
            "DELETE /api/admin/accounts/acme?confirm=acme",
            "",
            (503, "database_unavailable"),
        ),
        (
            "DELETE /api/admin/accounts/postgres?confirm=postgres",
            "",
            (403, "account_reserved"),
        ),
        (
            "DELETE /api/admin/accounts/TOLLGATE_DELETED_1?confirm=TOLLGATE_DELETED_1",
            "",
            (400, "account_invalid"),
        ),
        (
            "GET /api/admin/accounts?after=acme&limit=1000",
            "",
            (503, "database_unavailable"),
        ),
        (
            "GET /api/admin/accounts?limit=0",
            "",
            (400, "query_invalid"),
        ),
        (
            "GET /api/admin/accounts?limit=1001",
            "",
            (400, "query_invalid"),
        ),
        (
            "GET /api/admin/accounts?after=a%00",
            "",
            (400, "query_invalid"),
        ),
        ("GET /api/admin/accounts?page=2", "", (400, "query_invalid")),
    ];
    let admin = admin();
    for (request, body, expected) in table {
        let answer = ask(request, &[(ASSERTION, &admin), JSON], body).await;
        assert_eq!(answer.brief(), *expected, "{request} {body}");
    }
}
