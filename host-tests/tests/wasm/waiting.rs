//! Requests that come before the first keys wait for them, and not for ever.

use std::time::Duration;

use host_tests::{Answer, Request, Token, Worker, World, configuration, key_set};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

fn worker(world: &World) -> Worker {
    world.fetching(&configuration::remote())
}

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

#[test]
fn a_request_waits_for_the_keys_and_goes_on_as_if_they_had_been_there() {
    let mut waited = worker(&World::new());
    let stream = waited.open(good());
    assert_eq!(waited.outcome(stream).summary(), "waiting");
    waited.answer_callout(keys());

    let mut ready = worker(&World::new());
    ready.answer_callout(keys());
    assert_eq!(waited.outcome(stream), ready.request(good()));
}

#[test]
fn one_fetch_is_enough_for_all_that_wait() {
    let mut worker = worker(&World::new());
    let waiting: Vec<_> = (0..10).map(|_| worker.open(good())).collect();
    worker.tick();
    assert_eq!(worker.host().count("proxy_http_call"), 1);
    worker.answer_callout(keys());
    for stream in waiting {
        assert!(worker.outcome(stream).is_forwarded());
    }
}

#[test]
fn keys_that_come_decide_also_against_a_request() {
    let mut worker = worker(&World::new());
    let forged = Token::good().other_key().signed();
    let stream = worker.open(Request::get("/x").account("acme").bearer(&forged));
    worker.answer_callout(keys());
    assert_eq!(worker.outcome(stream).summary(), "401 token_signature");
    assert_eq!(worker.host().count("proxy_continue_stream"), 0);
}

#[test]
fn only_what_needs_keys_waits() {
    let mut worker = worker(&World::new());
    let public = worker.request(Request::get("/api/accounts"));
    assert_eq!(public.summary(), "forwarded");
    let expired = Token::good().claim("exp", 1).signed();
    let request = Request::get("/x").account("acme").bearer(&expired);
    assert_eq!(worker.request(request).summary(), "401 token_expired");
}

#[test]
fn the_wait_ends_after_max_wait() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = worker.open(good());
    world.clock.advance(SECOND * 2 - Duration::from_millis(1));
    worker.tick();
    assert_eq!(worker.outcome(stream).summary(), "waiting");

    world.clock.advance(Duration::from_millis(1));
    worker.tick();
    let outcome = worker.outcome(stream);
    assert_eq!(outcome.summary(), "503 keys_unavailable");
    assert!(outcome.reply().headers.get("retry-after").is_some());
}

#[test]
fn each_waits_from_its_own_beginning() {
    let world = World::new();
    let mut worker = worker(&world);
    let first = worker.open(good());
    world.clock.advance(SECOND);
    let second = worker.open(good());
    world.clock.advance(SECOND);
    worker.tick();
    assert_eq!(worker.outcome(first).summary(), "503 keys_unavailable");
    assert_eq!(worker.outcome(second).summary(), "waiting");
}

#[test]
fn ticks_are_frequent_enough_for_max_wait() {
    let period = worker(&World::new()).host().tick_period.unwrap();
    assert!(
        period > Duration::ZERO && period <= SECOND / 2,
        "{period:?}"
    );
}

#[test]
fn a_failed_fetch_leaves_them_waiting_for_the_next() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = worker.open(good());
    worker.answer_callout(Answer::new(503, "connect refused"));
    assert_eq!(worker.outcome(stream).summary(), "waiting");
    world.clock.advance(SECOND);
    worker.tick();
    worker.answer_callout(keys());
    assert!(worker.outcome(stream).is_forwarded());
}

#[test]
fn no_wait_at_all_can_be_configured() {
    let mut configuration = configuration::remote();
    configuration["issuers"][0]["jwks"]["max_wait"] = json!("0s");
    let mut worker = World::new().fetching(&configuration);
    assert_eq!(worker.request(good()).summary(), "503 keys_unavailable");
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let mut worker = worker(&World::new());
    let (gone, stays) = (worker.open(good()), worker.open(good()));
    worker.end(gone);
    worker.answer_callout(keys());
    assert!(worker.outcome(stays).is_forwarded());
    assert_eq!(worker.outcome(gone).summary(), "waiting");
    assert_eq!(worker.host().count("proxy_continue_stream"), 1);
    let dead = |call: &&host_tests::Call| {
        call.name == "proxy_set_effective_context" && call.status != host_tests::status::OK
    };
    assert_eq!(worker.host().trace.iter().find(dead), None);
}

#[test]
fn all_clients_can_leave() {
    let world = World::new();
    let mut worker = worker(&world);
    let waiting: Vec<_> = (0..3).map(|_| worker.open(good())).collect();
    for stream in waiting {
        worker.end(stream);
    }
    worker.answer_callout(keys());
    world.clock.advance(SECOND * 3);
    worker.tick();
    assert_eq!(worker.host().count("proxy_continue_stream"), 0);
    assert_eq!(worker.host().count("proxy_send_local_response"), 0);
}

#[test]
fn a_request_that_waits_is_counted_once() {
    let configuration = configuration::capped(configuration::remote(), 2);
    let mut worker = World::new().fetching(&configuration);
    let waiting = worker.open(good());
    worker.tick();
    worker.tick();
    worker.answer_callout(keys());
    assert!(worker.outcome(waiting).is_forwarded());
    assert_eq!(worker.request(good()).summary(), "forwarded");
    assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
}

#[test]
fn a_clock_that_steps_back_prolongs_the_wait_once_at_most() {
    let world = World::new();
    let mut worker = worker(&world);
    let timeless = Token::good().claim("iat", json!(null)).signed();
    let stream = worker.open(Request::get("/x").account("acme").bearer(&timeless));
    world.clock.step_back(SECOND * 3600);
    worker.tick();
    world.clock.advance(SECOND * 2);
    worker.tick();
    assert_eq!(worker.outcome(stream).summary(), "503 keys_unavailable");
}

/// Envoy carries replies and resumptions out one within the other, and hundreds exhaust V8's stack.
#[test]
fn many_that_wait_are_served_a_few_at_a_time() {
    let mut worker = worker(&World::new());
    let waiting: Vec<_> = (0..100).map(|_| worker.open(good())).collect();
    let served = |worker: &mut Worker| {
        let host = worker.host();
        host.count("proxy_continue_stream") + host.count("proxy_send_local_response")
    };
    worker.answer_callout(keys());
    let mut before = 0;
    for call in 0.. {
        let after = served(&mut worker);
        assert!(
            (1..=32).contains(&(after - before)),
            "{after} after call {call}"
        );
        if after == waiting.len() {
            break;
        }
        let soon = Some(Duration::from_millis(1));
        assert_eq!(worker.host().tick_period, soon, "the next tick comes soon");
        before = after;
        worker.tick();
    }
    let idle = Some(Duration::from_millis(200));
    assert_eq!(worker.host().tick_period, idle);
    for stream in waiting {
        assert!(worker.outcome(stream).is_forwarded());
    }
}

#[test]
fn those_that_wait_are_bounded() {
    let mut worker = worker(&World::new());
    let waiting: Vec<_> = (0..1024).map(|_| worker.open(good())).collect();
    assert_eq!(worker.request(good()).summary(), "503 keys_unavailable");
    worker.end(waiting[0]);
    let stream = worker.open(good());
    assert_eq!(worker.outcome(stream).summary(), "waiting");
}
