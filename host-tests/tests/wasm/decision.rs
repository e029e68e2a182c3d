//! The decision, request by request.

use host_tests::{Fault, Request, Token, Worker, World, configuration, status};
use serde_json::json;

/// What becomes of a request.
fn decide(request: Request) -> String {
    let mut worker = World::new().worker(&configuration::inline());
    worker.request(request).summary()
}

fn with_token(token: &Token) -> String {
    let request = Request::get("/api/v1/agents").account("acme");
    decide(request.bearer(&token.signed()))
}

fn good(path: &str) -> Request {
    let token = Token::good().signed();
    Request::get(path).account("acme").bearer(&token)
}

#[test]
fn a_member_passes() {
    assert_eq!(decide(good("/api/v1/agents")), "forwarded");
}

#[test]
fn a_mount_changes_nothing() {
    assert_eq!(decide(good("/hub-api/api/v1/agents")), "forwarded");
    let request = Request::get("/hub-api/api/v1/agents");
    assert_eq!(decide(request), "400 account_missing");
    assert_eq!(decide(Request::get("/hub-api/api/accounts")), "forwarded");
}

#[test]
fn only_the_listed_method_and_path_are_public() {
    for (method, path, expected) in [
        ("GET", "/api/accounts", "forwarded"),
        ("GET", "/api/accounts?x=1", "forwarded"),
        ("GET", "/api/accounts/validate/acme", "forwarded"),
        ("POST", "/api/accounts", "400 account_missing"),
        ("GET", "/api/accounts/validate", "400 account_missing"),
        ("GET", "/api/accounts/validate/a/b", "400 account_missing"),
        ("GET", "/", "400 account_missing"),
    ] {
        let found = decide(Request::new(method, path));
        assert_eq!(found, expected, "{method} {path}");
    }
}

#[test]
fn a_preflight_is_public_anywhere() {
    let asks = |method, path| {
        Request::new(method, path)
            .header("Origin", "https://acme.example")
            .header("Access-Control-Request-Method", "POST")
    };
    assert_eq!(decide(asks("OPTIONS", "/api/v1/agents")), "forwarded");
    assert_eq!(decide(asks("GET", "/api/v1/agents")), "400 account_missing");
    let bare = Request::new("OPTIONS", "/api/v1/agents");
    assert_eq!(decide(bare), "400 account_missing");
}

#[test]
fn a_path_with_two_readings_is_refused() {
    for path in [
        "/api/accounts/../v1/agents",
        "/api/accounts/%2e%2e/v1/agents",
        "/api//accounts",
        "/api/accounts/",
        "/api/accounts%2fvalidate",
        "/api/accounts%5cvalidate",
        "/api/accounts\\validate",
        "/api/accounts;x",
        "/api/accounts#x",
        "/api/accounts%00",
        "/api/accounts%",
        "*",
        "",
    ] {
        assert_eq!(decide(good(path)), "400 path_ambiguous", "{path}");
    }
    assert_eq!(decide(Request::get("/api/%61ccounts")), "forwarded");
}

#[test]
fn account_names() {
    let long = "a".repeat(64);
    for account in ["Acme", "-acme", "a.b", &long, "", "acme,globex"] {
        let request = Request::get("/api/v1/agents").account(account);
        assert_eq!(decide(request), "400 account_invalid", "{account}");
    }
    for account in ["kataven-admin", "postgres", "template0", "template1"] {
        let request = Request::get("/api/v1/agents").account(account);
        assert_eq!(decide(request.clone()), "403 account_reserved", "{account}");
        let token = Token::good().claim("accounts", json!([account])).signed();
        assert_eq!(decide(request.bearer(&token)), "403 account_reserved");
    }
}

#[test]
fn one_account_and_no_more() {
    for second in ["acme", "globex"] {
        let request = good("/api/v1/agents").account(second);
        assert_eq!(decide(request), "400 account_duplicate", "{second}");
    }
}

#[test]
fn one_bearer_token_and_no_more() {
    let request = || Request::get("/api/v1/agents").account("acme");
    let token = Token::good().signed();
    assert_eq!(decide(request()), "401 token_missing");
    let basic = request().header("Authorization", "Basic YTpi");
    assert_eq!(decide(basic), "401 token_missing");
    let two = request().bearer(&token).bearer(&token);
    assert_eq!(decide(two), "401 token_duplicate");
    let mixed = request()
        .header("Authorization", "Basic YTpi")
        .bearer(&token);
    assert_eq!(decide(mixed), "401 token_duplicate");
}

#[test]
fn claims_each_have_their_code() {
    let now = World::new().clock.now().as_secs();
    for (claim, value, expected) in [
        (
            "iss",
            json!("https://other.example.com"),
            "401 token_issuer",
        ),
        ("iss", json!(null), "401 token_issuer"),
        ("aud", json!(["other"]), "401 token_audience"),
        ("aud", json!("api"), "forwarded"),
        ("exp", json!(now - 61), "401 token_expired"),
        ("exp", json!(now - 59), "forwarded"),
        ("exp", json!(null), "401 token_malformed"),
        ("nbf", json!(now + 62), "401 token_not_yet_valid"),
        ("iat", json!(now + 62), "401 token_not_yet_valid"),
        ("sub", json!(null), "401 token_malformed"),
        ("accounts", json!(["globex"]), "403 account_forbidden"),
        ("accounts", json!("acme"), "403 account_forbidden"),
        ("accounts", json!(null), "403 account_forbidden"),
    ] {
        let found = with_token(&Token::good().claim(claim, value.clone()));
        assert_eq!(found, expected, "{claim}: {value}");
    }
}

#[test]
fn headers_each_have_their_code() {
    for (parameter, value, expected) in [
        ("alg", json!("none"), "401 token_algorithm"),
        ("alg", json!("HS256"), "401 token_algorithm"),
        ("alg", json!("RS384"), "401 token_algorithm"),
        ("alg", json!("ES256"), "401 token_key"),
        ("alg", json!(null), "401 token_malformed"),
        ("kid", json!("2"), "401 token_key"),
        ("kid", json!(null), "forwarded"),
        ("crit", json!(["exp"]), "401 token_malformed"),
        ("jwk", host_tests::jwk("1"), "401 token_malformed"),
    ] {
        let found = with_token(&Token::good().header(parameter, value.clone()));
        assert_eq!(found, expected, "{parameter}: {value}");
    }
}

#[test]
fn a_signature_of_another_key_or_of_another_text_is_refused() {
    assert_eq!(
        with_token(&Token::good().other_key()),
        "401 token_signature"
    );

    // All of the signature's bits count; the last character has only four of them.
    let token = Token::good().signed();
    let changed = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
        let token = String::from_utf8(bytes).unwrap();
        decide(
            Request::get("/api/v1/agents")
                .account("acme")
                .bearer(&token),
        )
    };
    let signature = token.rfind('.').unwrap() + 1;
    for at in [signature, signature + 100, token.len() - 2] {
        assert_eq!(changed(at), "401 token_signature", "character {at}");
    }
}

#[test]
fn a_token_has_a_largest_size() {
    let token = Token::good().claim("padding", "x".repeat(8192));
    assert_eq!(with_token(&token), "401 token_too_large");
}

#[test]
fn an_admin_route_needs_the_header_and_the_claim() {
    let member = Token::good().signed();
    let roles = json!({"platform-admin": {"1": "x"}});
    let administrator = Token::good()
        .claim("accounts", json!([]))
        .claim("roles", roles)
        .signed();
    let request = |token: &str| {
        Request::get("/api/admin/accounts")
            .account("acme")
            .bearer(token)
    };
    let asked = |token: &str| request(token).header("X-Admin", "true");

    assert_eq!(decide(asked(&member)), "403 admin_required");
    assert_eq!(decide(request(&administrator)), "403 admin_required");
    assert_eq!(decide(asked(&administrator)), "forwarded");
    let twice = asked(&administrator).header("X-Admin", "true");
    assert_eq!(decide(twice), "403 admin_required");
}

#[test]
fn asking_for_admin_elsewhere_changes_nothing() {
    let roles = json!({"platform-admin": {}});
    let stranger = Token::good()
        .claim("accounts", json!([]))
        .claim("roles", roles);
    let request = Request::get("/api/v1/agents").account("acme");
    let request = request.bearer(&stranger.signed()).header("X-Admin", "true");
    assert_eq!(decide(request), "403 account_forbidden");
}

#[test]
fn a_401_challenges_and_says_why_in_problem_json() {
    let mut worker = World::new().worker(&configuration::inline());
    let outcome = worker.request(Request::get("/api/v1/agents").account("acme"));
    let reply = outcome.reply();
    let challenge = reply.headers.get("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    let kind = reply.headers.get("content-type").unwrap();
    assert_eq!(kind, "application/problem+json");
    let body = reply.json();
    assert_eq!(
        (&body["status"], &body["code"]),
        (&json!(401), &json!("token_missing"))
    );
    assert_eq!(reply.details, "tollgate:token_missing");
}

#[test]
fn text_is_one_line() {
    let mut configuration = configuration::inline();
    configuration["errors"] = json!({"format": "text"});
    let mut worker = World::new().worker(&configuration);
    let outcome = worker.request(Request::get("/api/v1/agents"));
    let line = "account_missing: the account header is missing\n";
    assert_eq!(outcome.reply().body, line);
}

#[test]
fn each_decision_is_counted() {
    let mut worker = World::new().worker(&configuration::inline());
    worker.request(Request::get("/api/accounts"));
    worker.request(good("/api/v1/agents"));
    worker.request(good("/api/v1/agents"));
    worker.request(Request::get("/api/v1/agents"));
    worker.tick();
    let host = worker.host();
    assert_eq!(host.counter("tollgate.requests.public"), 1);
    assert_eq!(host.counter("tollgate.requests.forwarded"), 2);
    assert_eq!(host.counter("tollgate.requests.refused.account_missing"), 1);
}

#[test]
fn what_was_counted_before_the_end_is_told_with_it() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    worker.request(Request::get("/api/accounts"));
    worker.reload(&configuration::inline());
    worker.retire_old();
    assert_eq!(world.statistics.value("tollgate.requests.public"), 1);
}

#[test]
fn without_ticks_each_request_is_told_at_once() {
    let mut worker = Worker::start(&World::new());
    let fault = Fault::Status(status::INTERNAL_FAILURE);
    let period = "proxy_set_tick_period_milliseconds";
    worker.host().faults.always(period, fault);
    worker.configure(configuration::inline().to_string().as_bytes());
    worker.request(Request::get("/api/accounts"));
    assert_eq!(worker.host().counter("tollgate.requests.public"), 1);
}

#[test]
fn only_the_filter_state_that_is_configured_is_written() {
    let mut configuration = configuration::capped(configuration::inline(), 1);
    configuration["filter_state"] = json!(["subject", "decision"]);
    let mut worker = World::new().worker(&configuration);
    let mut state = || {
        let stream = worker.open(good("/api/v1/agents"));
        let state = worker.state(stream).into_iter();
        state
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        state(),
        ["tollgate.decision=forwarded", "tollgate.subject=user-1"]
    );
    assert_eq!(state(), ["tollgate.decision=cap_exceeded"]);
}
