//! `mode: report`: what would be refused goes on as it came, marked and counted.

use host_tests::{Headers, Outcome, Request, Token, Worker, World, configuration};
use serde_json::{Value, json};

use super::{good, open};

fn reporting(mut configuration: Value) -> Value {
    configuration["mode"] = json!("report");
    configuration
}

fn worker(world: &World, limits: Value) -> Worker {
    world.worker(&reporting(configuration::limited(
        configuration::inline(),
        limits,
    )))
}

/// One request for each way to be refused, with its code.
fn refused() -> Vec<(&'static str, Request)> {
    let to = |token: &Token| Request::get("/x").account("acme").bearer(&token.signed());
    vec![
        ("path_ambiguous", Request::get("/a//b").account("acme")),
        ("account_missing", Request::get("/x")),
        ("account_invalid", Request::get("/x").account("Not A Name")),
        ("account_reserved", Request::get("/x").account("postgres")),
        (
            "account_duplicate",
            Request::get("/x").account("a").account("b"),
        ),
        ("token_missing", Request::get("/x").account("acme")),
        (
            "token_malformed",
            Request::get("/x").account("acme").bearer("x"),
        ),
        ("token_signature", to(&Token::good().other_key())),
        ("token_expired", to(&Token::good().claim("exp", 1))),
        ("token_audience", to(&Token::good().claim("aud", "other"))),
        (
            "account_forbidden",
            to(&Token::good().claim("accounts", json!([]))),
        ),
    ]
}

#[test]
fn every_refusal_passes_as_it_came() {
    let world = World::new();
    let mut worker = worker(&world, json!({"per_minute": 5}));
    for (code, request) in refused() {
        let request = request
            .header("X-Admin", "true")
            .header("X-Tollgate-Assertion", "forged")
            .header("x_tollgate_subject", "forged");
        let mut expected = sent(&mut World::new().worker(&public()), &request);
        let outcome = worker.request(request);
        let forwarded = outcome.forwarded().clone();
        expected
            .retain(|(name, _)| !name.starts_with("x-tollgate") && !name.starts_with("x_tollgate"));
        assert_eq!(lines(&forwarded), expected, "{code}");
        assert_eq!(
            outcome.state()["tollgate.decision"],
            format!("reported:{code}")
        );
        worker.tick();
        let count = |what: &str| {
            world
                .statistics
                .value(&format!("tollgate.requests.{what}.{code}"))
        };
        assert_eq!((count("reported"), count("refused")), (1, 0), "{code}");
    }
    assert_eq!(worker.host().count("proxy_send_local_response"), 0);
}

fn public() -> Value {
    configuration::inline()
}

/// A request's headers as the filter gets them.
fn sent(worker: &mut Worker, request: &Request) -> Vec<(String, String)> {
    let stream = worker.open(request.clone());
    lines(&worker.received(stream))
}

fn lines(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers
        .iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[test]
fn a_good_request_goes_on_as_ever() {
    let enforced = World::new()
        .worker(&configuration::inline())
        .request(good());
    let reporting = World::new()
        .worker(&reporting(configuration::inline()))
        .request(good());
    assert_eq!(reporting, enforced);
}

#[test]
fn what_exceeds_a_cap_goes_on_with_its_identity() {
    let world = World::new();
    let mut worker = worker(&world, json!({"per_minute": 1}));
    let within = worker.request(good());
    let beyond = worker.request(good());
    assert_eq!(beyond.forwarded(), within.forwarded());
    let state = beyond.state();
    assert_eq!(state["tollgate.decision"], "reported:cap_exceeded");
    assert_eq!(state["tollgate.cap"], "requests.per_minute=0");
    assert_eq!(state["tollgate.account"], "acme");
    worker.tick();
    let value = |name: &str| world.statistics.value(&format!("tollgate.{name}"));
    assert_eq!(value("requests.reported.cap_exceeded"), 1);
    assert_eq!(value("caps.requests.refused.per_minute"), 1);
    assert_eq!(value("caps.requests.admitted"), 1);
    assert_eq!(value("requests.forwarded"), 2);
}

#[test]
fn what_exceeds_a_cap_counts_in_none() {
    let world = World::new();
    let mut worker = worker(&world, json!({"concurrent": 1, "per_minute": 2}));
    let streams = open(&mut worker, 5);
    assert_eq!(streams.len(), 5, "all go on");
    let exceeded = |worker: &mut Worker| {
        let outcome = worker.request(good());
        outcome.state()["tollgate.decision"] != "forwarded"
    };
    assert!(exceeded(&mut worker));
    worker.end_all(streams);
    assert!(!exceeded(&mut worker), "one of the minute is left");
    assert!(exceeded(&mut worker));
}

#[test]
fn clients_are_told_nothing() {
    let mut worker = worker(&World::new(), json!({"per_minute": 1}));
    for _ in 0..3 {
        let answer = worker.exchange(good());
        assert_eq!(answer.names(), [":status"]);
    }
}

#[test]
fn what_cannot_be_counted_is_reported_too() {
    let world = World::new();
    let mut worker = worker(&world, json!({"per_minute": 1}));
    let fault = host_tests::Fault::Status(host_tests::status::INTERNAL_FAILURE);
    worker.host().faults.always("proxy_get_shared_data", fault);
    let outcome = worker.request(good());
    assert_eq!(outcome.state()["tollgate.decision"], "reported:not_ready");
    worker.tick();
    assert_eq!(
        world
            .statistics
            .value("tollgate.shared_counts.failed.unreachable"),
        1
    );
}

#[test]
fn a_request_whose_forged_identity_cannot_be_removed_is_refused() {
    let mut worker = worker(&World::new(), json!({"per_minute": 1}));
    let fault = host_tests::Fault::Status(host_tests::status::INTERNAL_FAILURE);
    worker
        .host()
        .faults
        .always("proxy_remove_header_map_value", fault);
    let request = Request::get("/x").header("x-tollgate-subject", "root");
    let outcome: Outcome = worker.request(request);
    assert_eq!(outcome.summary(), "400 account_missing");
}

#[test]
fn a_request_that_waits_is_reported_when_its_time_is_over() {
    let world = World::new();
    let mut worker = world.fetching(&reporting(configuration::remote()));
    let stream = worker.open(good());
    assert_eq!(worker.outcome(stream).summary(), "waiting");
    world.clock.advance(super::SECOND * 3);
    worker.tick();
    let outcome = worker.outcome(stream);
    assert_eq!(
        outcome.state()["tollgate.decision"],
        "reported:keys_unavailable"
    );
}

#[test]
fn a_filter_without_a_configuration_reports_nothing_and_refuses() {
    let mut worker = Worker::start(&World::new());
    assert!(!worker.configure(br#"{"mode": "report"}"#));
    assert_eq!(worker.request(good()).summary(), "503 not_ready");
}
