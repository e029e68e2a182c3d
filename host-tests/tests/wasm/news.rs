//! What operators are told: in the log once for each change, however many workers see it, and in the statistics.

use std::time::Duration;

use host_tests::{Answer, Request, Token, Worker, World, configuration, key_set};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn good() -> Request {
    let token = Token::good().claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account("acme").bearer(&token)
}

/// How many lines of all workers have this in them.
fn lines(workers: &mut [Worker], text: &str) -> usize {
    let logs = workers.iter_mut().map(|worker| worker.host().log.clone());
    logs.flatten()
        .filter(|(_, line)| line.contains(text))
        .count()
}

fn value(world: &World, name: &str) -> i64 {
    world.statistics.value(&format!("tollgate.{name}"))
}

#[test]
fn a_configuration_is_told_once_and_again_when_it_comes_back() {
    let world = World::new();
    let (one, mut other) = (configuration::inline(), configuration::inline());
    other["mode"] = json!("report");
    let mut workers = [(); 3].map(|()| world.worker(&one));
    let tick = |workers: &mut [Worker]| {
        workers.iter_mut().for_each(Worker::tick);
        workers.iter_mut().for_each(Worker::tick);
    };
    assert_eq!(lines(&mut workers, "configured"), 0, "it may not last");
    tick(&mut workers);
    let told = "tollgate: configured: version 0.1.0, mode enforce, issuers: 1, routes: 4, caps: 0";
    assert_eq!(lines(&mut workers, told), 1);
    for worker in &mut workers {
        worker.reload(&other);
    }
    tick(&mut workers);
    assert_eq!(lines(&mut workers, "mode report (nothing is refused)"), 1);
    for worker in &mut workers {
        worker.reload(&one);
    }
    tick(&mut workers);
    assert_eq!(lines(&mut workers, told), 2);
}

#[test]
fn keys_that_grow_too_old_are_told_once() {
    let world = World::new();
    let mut first = world.fetching(&configuration::remote());
    first.answer_callout(Answer::new(200, key_set().to_string()));
    let second = world.worker(&configuration::remote());
    let mut workers = [first, second];
    let tick = |workers: &mut [Worker]| workers.iter_mut().for_each(Worker::tick);
    tick(&mut workers);
    let told = "keys of https://id.test: too old";
    world.clock.advance(MINUTE * 24 * 60);
    tick(&mut workers);
    assert_eq!(lines(&mut workers, "too old"), 0, "not yet: {told}");
    for _ in 0..3 {
        world.clock.advance(SECOND);
        tick(&mut workers);
    }
    assert_eq!(lines(&mut workers, "last seen 86401 s ago"), 1);
    assert_eq!(lines(&mut workers, "too old"), 1);
}

#[test]
fn a_request_that_waits_is_counted_once_for_what_it_waits_for() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    assert_eq!(worker.request(good()).summary(), "waiting");
    worker.tick();
    worker.tick();
    worker.answer_callout(Answer::new(200, key_set().to_string()));
    assert_eq!(worker.request(good()).summary(), "forwarded");
    worker.tick();
    assert_eq!(value(&world, "requests.paused.keys"), 1);
    assert_eq!(value(&world, "requests.paused.directory"), 0);
    assert_eq!(value(&world, "requests.paused.introspection"), 0);
}

#[test]
fn forged_identity_is_counted_and_what_a_client_should_say_is_not() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    for (request, expected) in [
        (good().header("x-admin", "true"), 0),
        (Request::get("/api/accounts").account("acme"), 0),
        (good().header("x-tollgate-subject", "admin"), 1),
        (
            Request::get("/api/accounts").header("x_account_id", "acme"),
            2,
        ),
    ] {
        assert_eq!(worker.request(request).summary(), "forwarded");
        worker.tick();
        assert_eq!(value(&world, "requests.forged"), expected);
    }
}

#[test]
fn a_gate_that_lacks_something_shows_it() {
    let mut world = World::new();
    let configuration = configuration::with_api_keys(configuration::inline());
    let environment = world.environment.clone();
    world.environment.clear();
    let mut lacking = [(); 2].map(|()| world.worker(&configuration));
    lacking.iter_mut().for_each(Worker::tick);
    assert_eq!(value(&world, "configured"), 0);
    for variable in ["TOLLGATE_ASSERTION_KEY", "TOLLGATE_INTROSPECTION_TOKEN"] {
        assert_eq!(lines(&mut lacking, variable), 1, "{variable}");
    }
    world.environment = environment;
    let mut worker = world.worker(&configuration);
    worker.tick();
    assert_eq!(value(&world, "configured"), 1);
    assert_eq!(value(&world, "enforcing"), 1);
    assert_eq!(value(&world, "shared_counts.limit_bytes"), 64 << 20);
    // What was only tried, and given up again, has shown its own.
    lacking[0].tick();
    assert_eq!(value(&world, "configured"), 0);
    worker.tick();
    assert_eq!(value(&world, "configured"), 1);
}

/// While requests of the old configuration end, its root context ticks on, for minutes; what is wrong with the new one shows.
#[test]
fn gauges_are_the_newest_configurations() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    worker.tick();
    assert_eq!(value(&world, "enforcing"), 1);
    let mut report = configuration::inline();
    report["mode"] = json!("report");
    let old = worker.root();
    worker.reload(&report);
    for _ in 0..3 {
        worker.tick();
        worker.odd_call(old, "proxy_on_tick", &[old]);
        assert_eq!(value(&world, "enforcing"), 0);
    }
}
