//! The issuer's keys: fetched, kept while fetching fails, and fetched again before they grow old.

use std::time::Duration;

use host_tests::{Answer, Request, Token, Worker, World, configuration, key_set, other_jwk};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A token that outlives the keys.
fn good() -> Request {
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

/// A worker that has fetched its keys.
fn ready(world: &World) -> Worker {
    let mut worker = world.worker(&configuration::remote());
    worker.answer_callout(keys());
    worker
}

fn with_inline(mut configuration: Value) -> Value {
    configuration["issuers"][0]["jwks"]["inline"] = key_set();
    configuration
}

/// All ways in which a fetch fails.
fn failures() -> Vec<Answer> {
    let too_large = format!("{}{}", key_set(), " ".repeat(300 * 1024));
    vec![
        Answer::new(503, "upstream connect error"),
        Answer::new(504, "upstream request timeout"),
        Answer::new(500, key_set().to_string()),
        Answer::new(404, ""),
        Answer::new(302, ""),
        Answer::new(204, ""),
        Answer::new(200, ""),
        Answer::new(200, "garbage"),
        Answer::new(200, b"\xff\xfe\x00"),
        Answer::new(200, "[]"),
        Answer::new(200, r#"{"keys": []}"#),
        Answer::new(200, r#"{"keys": [{"kty": "RSA"}]}"#),
        Answer::new(200, "[".repeat(100_000)),
        Answer::new(200, too_large),
        Answer::broken(),
    ]
}

#[test]
fn they_are_asked_for_as_configured() {
    let worker = World::new().worker(&configuration::remote());
    let [callout] = worker.callouts() else {
        panic!("{:?}", worker.callouts());
    };
    assert_eq!(callout.cluster, "issuer");
    assert_eq!(callout.timeout, SECOND * 5);
    let header = |name| callout.headers.get(name).unwrap();
    assert_eq!(header(":method"), "GET");
    assert_eq!(header(":authority"), "id.example.com");
    assert_eq!(header(":path"), "/oauth/v2/keys");
}

#[test]
fn no_fetch_brings_keys_that_it_should_not() {
    for failure in failures() {
        let mut worker = World::new().worker(&configuration::remote());
        worker.answer_callout(failure.clone());
        let outcome = worker.request(good());
        assert_eq!(outcome.summary(), "waiting", "{failure:?}");
        assert_eq!(worker.host().counter("tollgate.keys.failed"), 1);
        assert!(worker.host().logged(3, "not fetched"), "{failure:?}");
    }
}

#[test]
fn a_failing_fetch_keeps_good_keys_until_max_stale() {
    for failure in failures() {
        let world = World::new();
        let mut worker = ready(&world);
        world.clock.advance(MINUTE * 10);
        worker.tick();
        worker.answer_callout(failure.clone());
        assert_eq!(worker.request(good()).summary(), "forwarded", "{failure:?}");

        world.clock.advance(MINUTE * (24 * 60 - 10));
        assert_eq!(worker.request(good()).summary(), "forwarded", "{failure:?}");
        world.clock.advance(SECOND);
        assert_eq!(worker.request(good()).summary(), "waiting", "{failure:?}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_not_even_copied() {
    let mut worker = World::new().worker(&configuration::remote());
    let before = worker.host().count("proxy_get_buffer_bytes");
    worker.answer_callout(Answer::new(200, "x".repeat(300 * 1024)));
    assert_eq!(worker.host().count("proxy_get_buffer_bytes"), before);
}

#[test]
fn they_are_fetched_again_when_they_are_due() {
    let world = World::new();
    let mut worker = ready(&world);
    world.clock.advance(MINUTE * 10 - SECOND);
    worker.tick();
    assert_eq!(worker.callouts(), []);
    world.clock.advance(SECOND);
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
    worker.tick();
    assert_eq!(worker.callouts().len(), 1, "one at a time");
}

#[test]
fn a_new_set_replaces_the_old_one() {
    let world = World::new();
    let mut worker = ready(&world);
    world.clock.advance(MINUTE * 10);
    worker.tick();
    let rotated = json!({"keys": [other_jwk("2")]});
    worker.answer_callout(Answer::new(200, rotated.to_string()));
    assert_eq!(worker.request(good()).summary(), "401 token_key");
    let token = Token::good().header("kid", "2").other_key();
    let token = token.claim("exp", 4_000_000_000_u64).signed();
    let request = Request::get("/x").account("acme").bearer(&token);
    assert_eq!(worker.request(request).summary(), "forwarded");
}

#[test]
fn a_failed_fetch_is_tried_again_after_a_second_and_not_before() {
    let world = World::new();
    let mut worker = world.worker(&configuration::remote());
    worker.answer_callout(Answer::new(503, ""));
    worker.tick();
    assert_eq!(worker.callouts(), []);
    world.clock.advance(SECOND);
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
}

#[test]
fn a_failure_that_stays_the_same_is_logged_once() {
    let world = World::new();
    let mut worker = world.worker(&configuration::remote());
    for _ in 0..5 {
        worker.answer_callout(Answer::new(503, ""));
        world.clock.advance(SECOND);
        worker.tick();
    }
    let warnings = worker.host().log.iter().filter(|(level, _)| *level == 3);
    assert_eq!(warnings.count(), 1);
    assert_eq!(worker.host().counter("tollgate.keys.failed"), 5);
}

#[test]
fn inline_keys_alone_need_no_fetch() {
    let mut worker = World::new().worker(&configuration::inline());
    assert_eq!(worker.request(good()).summary(), "forwarded");
    worker.tick();
    assert_eq!(worker.host().count("proxy_http_call"), 0);
}

#[test]
fn inline_keys_serve_until_the_first_fetch_only() {
    let mut worker = World::new().worker(&with_inline(configuration::remote()));
    assert_eq!(worker.request(good()).summary(), "forwarded");
    worker.answer_callout(Answer::new(503, ""));
    assert_eq!(worker.request(good()).summary(), "forwarded");

    let mut worker = World::new().worker(&with_inline(configuration::remote()));
    let rotated = json!({"keys": [other_jwk("2")]});
    worker.answer_callout(Answer::new(200, rotated.to_string()));
    assert_eq!(worker.request(good()).summary(), "401 token_key");
}

#[test]
fn a_callout_can_fail_at_once() {
    use host_tests::{Fault, status};
    for status in [status::BAD_ARGUMENT, status::INTERNAL_FAILURE] {
        let world = World::new();
        let mut worker = ready(&world);
        let fault = Fault::Status(status);
        worker.host().faults.nth("proxy_http_call", 0, fault);
        world.clock.advance(MINUTE * 10);
        worker.tick();
        assert_eq!(worker.callouts(), []);
        assert_eq!(worker.request(good()).summary(), "forwarded");
        world.clock.advance(SECOND);
        worker.tick();
        assert_eq!(worker.callouts().len(), 1);
    }
}

#[test]
fn a_clock_that_was_ahead_for_a_moment_does_not_stop_the_fetches() {
    let world = World::new();
    let year = MINUTE * 60 * 24 * 365;
    world.clock.advance(year);
    let mut worker = ready(&world);
    world.clock.step_back(year);
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
    assert_eq!(
        worker.request(good()).summary(),
        "waiting",
        "keys of the future"
    );
    worker.answer_callout(keys());
    assert_eq!(worker.request(good()).summary(), "forwarded");
}
