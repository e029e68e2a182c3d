//! The directory of accounts, and the administrators who write it.

use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Request, Response};
use tollgate_envoy::stack::Stack;

use crate::database::{Database, SYSTEM};
use crate::world::{AGENTS, gate, stack};

/// A request past the gate, to the internal listener.
fn directory(stack: &Stack, method: &str) -> Request {
    let origin = Origin::parse(&stack.directory_url().unwrap()).unwrap();
    let request = origin.request(method, "/internal/directory");
    request.bearer(stack.introspection_token())
}

fn read(stack: &Stack) -> Response {
    let answer = directory(stack, "GET").send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

fn entry(account: &str) -> Value {
    read(gate()).json()["accounts"][account].clone()
}

fn administer(stack: &Stack, method: &str, path: &str) -> Request {
    let path = format!("/api/admin/accounts{path}");
    let request = stack.request(method, path).account("platform");
    request.bearer(stack.issuer().administrator()).as_admin()
}

fn create(account: &str) {
    let request = administer(gate(), "POST", "").json(&json!({"name": account}));
    assert_eq!(request.send().unwrap().status, 201);
}

fn set_status(stack: &Stack, account: &str, status: &str) -> Response {
    let request = administer(stack, "PATCH", &format!("/{account}"));
    request.json(&json!({"status": status})).send().unwrap()
}

fn agents(account: &str) -> String {
    let token = gate().issuer().member(account);
    let request = gate().get(AGENTS).account(account).bearer(token);
    request.send().unwrap().outcome()
}

#[test]
fn a_suspended_account_is_told_and_gets_nothing() {
    create("dir-suspended");
    assert_eq!(
        (entry("dir-suspended"), agents("dir-suspended")),
        (json!({}), "200".into())
    );

    let suspended = set_status(gate(), "dir-suspended", "suspended");
    assert_eq!(suspended.status, 200, "{}", suspended.text());
    assert_eq!(suspended.json()["status"], "suspended");
    assert_eq!(entry("dir-suspended"), json!({"status": "suspended"}));
    for (method, path) in [
        ("GET", AGENTS),
        ("GET", "/hub-api/api/v1/agents"),
        ("GET", "/api/v1/call-limits"),
        (
            "POST",
            "/api/v1/calls/7a1c9c5e-6b4f-4a57-9a52-0e6f4a4c2f10/end",
        ),
    ] {
        let token = gate().issuer().member("dir-suspended");
        let request = gate().request(method, path).account("dir-suspended");
        let answer = request.bearer(token).send().unwrap();
        assert_eq!(answer.outcome(), "403 account_suspended", "{method} {path}");
    }
    let limits = administer(gate(), "GET", "/dir-suspended/call-limits");
    assert_eq!(
        limits.send().unwrap().status,
        200,
        "administrators still see it"
    );

    assert_eq!(set_status(gate(), "dir-suspended", "active").status, 200);
    assert_eq!(
        (entry("dir-suspended"), agents("dir-suspended")),
        (json!({}), "200".into())
    );
}

#[test]
fn an_account_has_the_caps_that_were_put() {
    create("dir-caps");
    let put = |cap: &str, limits: Value| {
        let request = administer(gate(), "PUT", &format!("/dir-caps/caps/{cap}"));
        let answer = request.json(&limits).send().unwrap();
        assert_eq!((answer.status, answer.json()), (200, limits));
    };
    let delete = |cap: &str| {
        let request = administer(gate(), "DELETE", &format!("/dir-caps/caps/{cap}"));
        request.send().unwrap().outcome()
    };
    put("requests", json!({"per_minute": 600, "per_day": null}));
    put(
        "Calls-1_a",
        json!({"concurrent": 0, "per_hour": 4_294_967_295_u32}),
    );
    let caps = json!({
        "Calls-1_a": {"concurrent": 0, "per_hour": 4_294_967_295_u32},
        "requests": {"per_minute": 600, "per_day": null},
    });
    assert_eq!(entry("dir-caps"), json!({"caps": caps}));
    let record = administer(gate(), "GET", "/dir-caps")
        .send()
        .unwrap()
        .json();
    assert!(record["created_at"].is_string());
    assert!(record["schema_version"].as_u64().unwrap() > 0);
    let expected = json!({
        "name": "dir-caps",
        "status": "active",
        "server": null,
        "created_at": record["created_at"],
        "schema_version": record["schema_version"],
        "caps": caps,
    });
    assert_eq!(record, expected);

    put("requests", json!({"concurrent": 20}));
    assert_eq!(
        entry("dir-caps")["caps"]["requests"],
        json!({"concurrent": 20})
    );
    assert_eq!(delete("Calls-1_a"), "204");
    assert_eq!(delete("Calls-1_a"), "404 cap_not_found");
    put("requests", json!({}));
    assert_eq!(entry("dir-caps"), json!({}), "nothing of its own is left");
}

/// More in one account than the gate reads would spoil the directory of all.
#[test]
fn an_account_has_no_more_caps_than_a_gate() {
    create("dir-many-caps");
    let put = |number: usize| {
        let path = format!("/dir-many-caps/caps/{number:0>64}");
        let limits = json!({"concurrent": u32::MAX, "per_minute": u32::MAX, "per_hour": u32::MAX, "per_day": u32::MAX});
        let request = administer(gate(), "PUT", &path).json(&limits);
        request.send().unwrap().outcome()
    };
    for number in 0..16 {
        assert_eq!(put(number), "200");
    }
    assert_eq!(put(16), "409 caps_too_many");
    assert_eq!(put(15), "200", "it has that one");
    let written = entry("dir-many-caps")["caps"].clone();
    assert_eq!(written.as_object().unwrap().len(), 16);
    let path = format!("/dir-many-caps/caps/{:0>64}", 0);
    let deleted = administer(gate(), "DELETE", &path).send().unwrap();
    assert_eq!((deleted.status, put(16)), (204, "200".into()));
}

#[test]
fn what_is_not_there_or_not_yet_cannot_be_changed() {
    let system = Database::open(gate(), SYSTEM);
    system.run("insert into accounts (name, status) values ('dir-creating', 'creating')");
    assert_eq!(entry("dir-creating"), Value::Null);
    let limits = json!({
        "concurrent_max": 1,
        "calls_per_minute": 1,
        "daily_calls_max": 1,
        "daily_minutes_max": 1,
    });
    let table = [
        ("PATCH", "", json!({"status": "active"})),
        ("PUT", "/caps/requests", json!({"per_minute": 1})),
        ("DELETE", "/caps/requests", json!({})),
        ("GET", "/call-limits", json!({})),
        ("PUT", "/call-limits", limits),
    ];
    for (method, path, body) in table {
        for (account, expected) in [
            ("dir-creating", "409 account_creating"),
            ("dir-nobody", "404 account_not_found"),
            ("kataven-admin", "403 account_reserved"),
            ("Dir", "400 account_invalid"),
        ] {
            let request = administer(gate(), method, &format!("/{account}{path}"));
            let answer = request.json(&body).send().unwrap();
            assert_eq!(answer.outcome(), expected, "{method} {account}{path}");
        }
    }
    let creating = administer(gate(), "GET", "/dir-creating").send().unwrap();
    assert_eq!(creating.json()["status"], "creating");
    let nobody = administer(gate(), "GET", "/dir-nobody").send().unwrap();
    assert_eq!(nobody.outcome(), "404 account_not_found");
    system.run("delete from accounts where name = 'dir-creating'");
}

#[test]
fn only_administrators_who_say_so_reach_any_of_it() {
    let member = gate().issuer().member("acme");
    let administrator = gate().issuer().administrator();
    for (method, path) in [
        ("GET", ""),
        ("GET", "/acme"),
        ("PATCH", "/acme"),
        ("DELETE", "/acme?confirm=acme"),
        ("GET", "/acme/call-limits"),
        ("PUT", "/acme/call-limits"),
        ("PUT", "/acme/caps/requests"),
        ("DELETE", "/acme/caps/requests"),
    ] {
        for mount in ["", "/hub-api"] {
            let path = format!("{mount}/api/admin/accounts{path}");
            let request = || gate().request(method, &path).account("acme");
            for request in [
                request().bearer(&member),
                request().bearer(&member).as_admin(),
                request().bearer(&administrator),
            ] {
                let answer = request.send().unwrap();
                assert_eq!(answer.outcome(), "403 admin_required", "{method} {path}");
            }
        }
    }
}

#[test]
fn the_directory_is_on_the_internal_listener_only() {
    let administrator = gate().issuer().administrator();
    for path in ["/internal/directory", "/hub-api/internal/directory"] {
        let past_the_gate = Origin::parse(&gate().upstream_url()).unwrap().get(path);
        assert_eq!(
            past_the_gate.send().unwrap().outcome(),
            "401 assertion_missing"
        );
        let through = gate().get(path).account("platform").bearer(&administrator);
        assert_eq!(through.send().unwrap().outcome(), "403 account_forbidden");
        let through = gate()
            .get(path)
            .account("acme")
            .bearer(gate().issuer().member("acme"));
        assert_eq!(through.send().unwrap().outcome(), "404 not_found");
    }
    let internal = Origin::parse(&gate().directory_url().unwrap()).unwrap();
    assert_eq!(internal.get("/healthz").send().unwrap().status, 200);
    for (request, expected) in [
        (internal.get(AGENTS), "404 not_found"),
        (
            internal.get("/internal/directory"),
            "401 gate_credential_invalid",
        ),
        (
            internal.post("/internal/directory"),
            "405 method_not_allowed",
        ),
    ] {
        assert_eq!(request.send().unwrap().outcome(), expected);
    }
}

/// With a stack of its own: nobody else changes these accounts.
#[test]
fn who_has_the_directory_is_told_so() {
    let stack = stack().start().unwrap();
    let first = read(&stack);
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.text(), r#"{"accounts":{"acme":{},"globex":{}}}"#);
    let tag = first.header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let head = directory(&stack, "HEAD").send().unwrap();
    assert_eq!(
        (head.status, head.header("etag")),
        (200, Some(tag.as_str()))
    );

    let status = |having: &str| {
        let request = directory(&stack, "GET").header("If-None-Match", having);
        let answer = request.send().unwrap();
        assert!(answer.header("etag").is_some());
        assert_eq!(answer.status == 304, answer.body.is_empty());
        answer.status
    };
    let weak = format!("\"other\", W/{tag}");
    for (having, expected) in [
        (tag.as_str(), 304),
        (&weak, 304),
        ("*", 304),
        ("\"other\"", 200),
    ] {
        assert_eq!(status(having), expected, "{having}");
    }

    assert_eq!(set_status(&stack, "globex", "suspended").status, 200);
    assert_eq!(status(&tag), 200);
    let second = read(&stack);
    assert_eq!(
        second.text(),
        r#"{"accounts":{"acme":{},"globex":{"status":"suspended"}}}"#
    );
    assert_ne!(second.header("etag"), Some(tag.as_str()));
    set_status(&stack, "globex", "active");
    assert_eq!(status(&tag), 304, "the same accounts have the same tag");
    assert_ten_thousand_fit(&stack);
}

fn assert_ten_thousand_fit(stack: &Stack) {
    Database::open(stack, SYSTEM).run(
        "insert into accounts (name) select 'many-' || n from generate_series(1, 10000) as n; \
         insert into account_caps select 'many-' || n, 'requests', dimension, n \
         from generate_series(1, 10000) as n, unnest(array['per_minute', 'per_day']) as dimension",
    );
    let many = read(stack);
    let expected = json!({"caps": {"requests": {"per_minute": 7, "per_day": 7}}});
    assert_eq!(many.json()["accounts"]["many-7"], expected);
    assert_eq!(many.json()["accounts"].as_object().unwrap().len(), 10_002);
}
