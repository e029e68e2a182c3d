//! The issuer's keys: fetched, kept while fetching fails, and fetched again before they grow old.

use std::time::Duration;

use host_tests::{Answer, Request, Token, Worker, World, configuration, jwk, key_set, other_jwk};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A token that outlives the keys.
fn good() -> Request {
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn by_other_key(id: &str) -> Request {
    let token = Token::good().header("kid", id).other_key();
    let token = token.claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

/// A worker that has fetched its keys.
fn ready(world: &World) -> Worker {
    let mut worker = world.fetching(&configuration::remote());
    worker.answer_callout(keys());
    worker
}

fn with_inline(mut configuration: Value) -> Value {
    configuration["issuers"][0]["jwks"]["inline"] = key_set();
    configuration
}

/// All ways in which a fetch fails, with what the statistics call them. Some are Envoy's own answers.
fn failures() -> Vec<(&'static str, Answer)> {
    let too_large = format!("{}{}", key_set(), " ".repeat(300 * 1024));
    let by_envoy = |reason: &str| {
        let text = "upstream connect error or disconnect/reset before headers. reset reason: ";
        Answer::new(503, format!("{text}{reason}"))
    };
    vec![
        ("connect", by_envoy("remote connection failure")),
        ("connect", by_envoy("connection timeout")),
        ("reset", by_envoy("connection termination")),
        ("reset", by_envoy("remote reset")),
        ("no_host", Answer::new(503, "no healthy upstream")),
        ("timeout", Answer::new(504, "upstream request timeout")),
        ("reset", Answer::broken()),
        ("status", Answer::new(503, "come back later")),
        ("status", Answer::new(504, "")),
        ("status", Answer::new(500, key_set().to_string())),
        ("status", Answer::new(404, "")),
        ("status", Answer::new(302, "")),
        ("status", Answer::new(204, "")),
        ("not_json", Answer::new(200, "")),
        ("not_json", Answer::new(200, "garbage")),
        ("not_json", Answer::new(200, b"\xff\xfe\x00")),
        ("not_json", Answer::new(200, "[".repeat(100_000))),
        ("no_usable_key", Answer::new(200, r#"{"keys": []}"#)),
        (
            "no_usable_key",
            Answer::new(200, r#"{"keys": [{"kty": "RSA"}]}"#),
        ),
        ("too_large", Answer::new(200, too_large)),
    ]
}

fn counted(worker: &mut Worker, reason: &str) -> i64 {
    let name = format!("tollgate.issuer.0.keys.failed.{reason}");
    worker.host().counter(&name)
}

/// A key that is not in the set may be in a newer one, so the issuer is asked once more.
fn looked_for_in_vain(worker: &mut Worker, request: Request, set: Answer) -> String {
    let stream = worker.open(request);
    worker.tick();
    worker.answer_callout(set);
    worker.outcome(stream).summary()
}

#[test]
fn they_are_asked_for_as_configured() {
    let worker = World::new().fetching(&configuration::remote());
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
    for (reason, failure) in failures() {
        let mut worker = World::new().fetching(&configuration::remote());
        worker.answer_callout(failure.clone());
        let outcome = worker.request(good());
        assert_eq!(outcome.summary(), "waiting", "{failure:?}");
        assert_eq!(counted(&mut worker, reason), 1, "{failure:?}");
        let all = worker.host().world.statistics.all();
        let failed = all.iter().filter(|(name, _)| name.contains(".failed."));
        assert_eq!(failed.map(|(_, count)| count).sum::<i64>(), 1, "{all:?}");
        assert!(worker.host().logged(3, "not fetched"), "{failure:?}");
    }
}

#[test]
fn a_failing_fetch_keeps_good_keys_until_max_stale() {
    for (_, failure) in failures() {
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
fn a_key_with_a_repeated_member_spoils_only_itself() {
    let other = other_jwk("2").to_string();
    let with = |members: &str| other.replacen('{', &format!("{{{members},"), 1);
    for repeated in [
        with(r#""kid":"3""#),
        with(r#""x5t":"a","x5t":"b""#),
        with(r#""x":{"a":1,"a":1}"#),
    ] {
        for (before, after) in [(true, false), (false, true), (true, true)] {
            let spoil = |here: bool| here.then(|| repeated.clone());
            let keys = [spoil(before), Some(jwk("1").to_string()), spoil(after)];
            let keys: Vec<_> = keys.into_iter().flatten().collect();
            let set = Answer::new(200, format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
            let world = World::new();
            let mut worker = world.fetching(&configuration::remote());
            worker.answer_callout(set.clone());
            let mut other = world.fetching(&configuration::remote());
            for worker in [&mut worker, &mut other] {
                assert_eq!(worker.request(good()).summary(), "forwarded", "{repeated}");
            }
            let ambiguous = looked_for_in_vain(&mut worker, by_other_key("2"), set);
            assert_eq!(ambiguous, "401 token_key", "{repeated}");
        }
    }
}

/// What an issuer sends is quoted in the log, and it may send 256 KiB.
#[test]
fn nothing_that_is_sent_makes_a_long_line_in_the_log() {
    let long = "A".repeat(200_000);
    for key in [
        json!({"kty": long}),
        json!({"kty": "EC", "crv": long}),
        json!({"kty": "OKP", "crv": long}),
        json!({"kty": "RSA", "alg": long}),
        json!({"kty": "\n\"".repeat(40_000)}),
    ] {
        let mut worker = World::new().fetching(&configuration::remote());
        let set = json!({"keys": [key]}).to_string();
        worker.answer_callout(Answer::new(200, set));
        assert!(worker.host().logged(3, "not fetched"));
        let lines = worker.host().log.iter();
        let longest = lines.map(|(_, line)| line.len()).max().unwrap();
        assert!(longest <= 1024, "{longest}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_not_even_copied() {
    let mut worker = World::new().fetching(&configuration::remote());
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
    let rotated = Answer::new(200, rotated.to_string());
    worker.answer_callout(rotated.clone());
    let outcome = looked_for_in_vain(&mut worker, good(), rotated);
    assert_eq!(outcome, "401 token_key");
    assert_eq!(worker.request(by_other_key("2")).summary(), "forwarded");
}

#[test]
fn a_failed_fetch_is_tried_again_after_half_a_second_and_not_before() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    worker.answer_callout(Answer::new(503, ""));
    world.clock.advance(SECOND / 2 - Duration::from_millis(1));
    worker.tick();
    assert_eq!(worker.callouts(), []);
    world.clock.advance(Duration::from_millis(1));
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
}

#[test]
fn a_failure_that_stays_the_same_is_logged_once() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    for _ in 0..5 {
        worker.answer_callout(Answer::new(503, ""));
        world.clock.advance(SECOND);
        worker.tick();
    }
    let warnings = worker.host().log.iter().filter(|(level, _)| *level == 3);
    assert_eq!(warnings.count(), 1);
    assert_eq!(counted(&mut worker, "status"), 5);
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
    let mut worker = World::new().fetching(&with_inline(configuration::remote()));
    assert_eq!(worker.request(good()).summary(), "forwarded");
    worker.answer_callout(Answer::new(503, ""));
    assert_eq!(worker.request(good()).summary(), "forwarded");

    let mut worker = World::new().fetching(&with_inline(configuration::remote()));
    let rotated = json!({"keys": [other_jwk("2")]});
    let rotated = Answer::new(200, rotated.to_string());
    worker.answer_callout(rotated.clone());
    let outcome = looked_for_in_vain(&mut worker, good(), rotated);
    assert_eq!(outcome, "401 token_key");
}

#[test]
fn a_callout_can_fail_at_once() {
    use host_tests::{Fault, status};
    for (status, reason) in [
        (status::BAD_ARGUMENT, "cluster_unknown"),
        (status::INTERNAL_FAILURE, "no_host"),
    ] {
        let world = World::new();
        let mut worker = ready(&world);
        let fault = Fault::Status(status);
        worker.host().faults.nth("proxy_http_call", 0, fault);
        world.clock.advance(MINUTE * 10);
        worker.tick();
        assert_eq!(worker.callouts(), []);
        assert_eq!(counted(&mut worker, reason), 1);
        assert_eq!(worker.request(good()).summary(), "forwarded");
        world.clock.advance(SECOND * 10);
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
