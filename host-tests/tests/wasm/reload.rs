//! A new configuration in the same virtual machine: old and new live side by side while the old listener drains.

use std::time::Duration;

use host_tests::{Answer, Request, Token, World, configuration, key_set};
use serde_json::json;

/// The retry without keys, which may have to pass first.
const RETRY: Duration = Duration::from_millis(500);

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

#[test]
fn new_requests_follow_the_new_configuration() {
    let mut worker = World::new().worker(&configuration::inline());
    assert_eq!(worker.request(good()).summary(), "forwarded");
    let mut changed = configuration::inline();
    changed["issuers"][0]["audiences"] = json!(["other"]);
    worker.reload(&changed);
    assert_eq!(worker.request(good()).summary(), "401 token_audience");
}

#[test]
fn counts_survive() {
    let configuration = configuration::capped(configuration::inline(), 2);
    let mut worker = World::new().worker(&configuration);
    worker.request(good());
    worker.reload(&configuration);
    assert_eq!(worker.request(good()).summary(), "forwarded");
    assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
}

#[test]
fn a_request_that_waits_in_the_old_one_goes_on_there() {
    let mut worker = World::new().fetching(&configuration::remote());
    let waiting = worker.open(good());
    worker.reload(&configuration::remote());
    worker.tick();
    let new = worker.open(good());
    assert_eq!(worker.callouts().len(), 1, "for both");
    worker.answer_callout(keys());
    assert!(worker.outcome(waiting).is_forwarded());
    worker.tick();
    assert!(worker.outcome(new).is_forwarded());
}

#[test]
fn a_fetch_that_ends_with_the_old_one_is_begun_again() {
    for other in [false, true] {
        let world = World::new();
        let mut worker = world.fetching(&configuration::remote());
        let mut other = other.then(|| world.fetching(&configuration::remote()));
        worker.reload(&configuration::remote());
        worker.retire_old();
        assert_eq!(worker.callouts(), []);
        world.clock.advance(RETRY);
        let next = other.as_mut().unwrap_or(&mut worker);
        next.tick();
        assert_eq!(next.callouts().len(), 1, "as soon as it may");
        next.answer_callout(keys());
        assert_eq!(next.request(good()).summary(), "forwarded");
        worker.tick();
        assert_eq!(worker.request(good()).summary(), "forwarded");
    }
}

#[test]
fn a_search_for_a_new_key_that_ends_with_the_old_one_refuses_no_token_of_that_key() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    worker.answer_callout(keys());
    let new = || {
        let token = Token::good().header("kid", "2").other_key().signed();
        Request::get("/x").account("acme").bearer(&token)
    };
    let waiting = worker.open(new());
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
    worker.reload(&configuration::remote());
    worker.end(waiting);
    worker.retire_old();
    for _ in 0..40 {
        world.clock.advance(Duration::from_millis(100));
        let outcome = worker.request(new());
        assert!(!outcome.is_forwarded());
        assert_ne!(outcome.summary(), "401 token_key");
        worker.tick();
    }
    assert_eq!(worker.callouts().len(), 1, "it is begun again");
    worker.answer_callout(keys());
    assert_eq!(worker.request(new()).summary(), "401 token_key");
}

#[test]
fn the_end_of_one_that_fetches_nothing_ends_no_fetch() {
    let world = World::new();
    let mut asking = world.fetching(&configuration::remote());
    let mut worker = world.fetching(&configuration::remote());
    worker.reload(&configuration::remote());
    worker.retire_old();
    world.clock.advance(RETRY);
    worker.tick();
    assert_eq!(worker.callouts(), [], "the other is at it");
    asking.answer_callout(keys());
    worker.tick();
    assert_eq!(worker.request(good()).summary(), "forwarded");
}

#[test]
fn a_refused_configuration_leaves_the_old_one_at_work() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    let waiting = worker.open(good());
    assert!(!worker.configure(b"{}"));
    worker.answer_callout(keys());
    assert!(worker.outcome(waiting).is_forwarded());
}

#[test]
fn the_old_one_can_go_when_its_requests_are_over() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    let waiting = worker.open(good());
    worker.reload(&configuration::inline());
    worker.end(waiting);
    worker.retire_old();
    world.clock.advance(Duration::from_secs(3));
    worker.tick();
    assert_eq!(worker.request(good()).summary(), "forwarded");
}
