//! A new configuration in the same virtual machine: old and new live side by side while the old listener drains.

use host_tests::{Answer, Request, Token, World, configuration, key_set};
use serde_json::json;

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/x").account("acme").bearer(&token)
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
    worker.answer_callout(Answer::new(200, key_set().to_string()));
    assert!(worker.outcome(waiting).is_forwarded());
    worker.tick();
    assert!(worker.outcome(new).is_forwarded());
}

#[test]
fn a_fetch_that_ends_with_the_old_one_is_begun_again() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    worker.reload(&configuration::remote());
    worker.retire_old();
    assert_eq!(worker.callouts(), []);
    world.clock.advance(std::time::Duration::from_secs(10));
    worker.tick();
    worker.answer_callout(Answer::new(200, key_set().to_string()));
    assert_eq!(worker.request(good()).summary(), "forwarded");
}

#[test]
fn a_refused_configuration_leaves_the_old_one_at_work() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    let waiting = worker.open(good());
    assert!(!worker.configure(b"{}"));
    worker.answer_callout(Answer::new(200, key_set().to_string()));
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
    world.clock.advance(std::time::Duration::from_secs(3));
    worker.tick();
    assert_eq!(worker.request(good()).summary(), "forwarded");
}
