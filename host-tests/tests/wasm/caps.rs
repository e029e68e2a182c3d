//! Caps are exact, however many workers count and however they meet.

mod answers;
mod clock;
mod comeback;
mod concurrent;
mod ends;
mod hammer;
mod interleavings;
mod overrides;
mod reload;
mod report;
mod statistics;
mod store;

use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use host_tests::{Outcome, Request, StreamId, Token, Worker, World, configuration};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn worker(world: &World, per_minute: u32) -> Worker {
    limited(world, json!({"per_minute": per_minute}))
}

/// A worker with one cap, `requests`.
fn limited(world: &World, limits: Value) -> Worker {
    world.worker(&configuration::limited(configuration::inline(), limits))
}

/// A request that only a cap refuses, whenever it comes.
fn good() -> Request {
    request("acme", "/x")
}

fn request(account: &str, path: &str) -> Request {
    static TOKEN: LazyLock<String> = LazyLock::new(|| {
        let token = Token::good().claim("accounts", json!(["acme", "globex"]));
        let timeless = token.claim("iat", Value::Null);
        timeless.claim("exp", 1_900_000_000).signed()
    });
    Request::get(path).account(account).bearer(&TOKEN)
}

/// How many of so many requests, one after the other, pass.
fn passed(worker: &mut Worker, requests: usize) -> usize {
    let outcomes = (0..requests).map(|_| worker.request(good()));
    outcomes.filter(Outcome::is_forwarded).count()
}

/// So many requests that come at the same time; those that go on are under way.
fn open(worker: &mut Worker, requests: usize) -> Vec<StreamId> {
    let streams: Vec<_> = (0..requests).map(|_| worker.open(good())).collect();
    let goes_on = |stream: &StreamId| worker.outcome(*stream).is_forwarded();
    streams.into_iter().filter(goes_on).collect()
}

/// How many requests have room at the same time; they end.
fn room(worker: &mut Worker) -> usize {
    let open = open(worker, 20);
    let room = open.len();
    worker.end_all(open);
    room
}

#[test]
fn the_limit_passes_and_no_more() {
    let mut worker = worker(&World::new(), 60);
    assert_eq!(passed(&mut worker, 130), 60);
}

#[test]
fn workers_that_take_turns_share_the_limit() {
    for count in [2, 4, 8] {
        let world = World::new();
        let mut workers: Vec<_> = (0..count).map(|_| worker(&world, 20)).collect();
        let passed: usize = (0..30)
            .map(|round| passed(&mut workers[round % count], 1))
            .sum();
        assert_eq!(passed, 20, "{count} workers");
    }
}

#[test]
fn workers_in_threads_share_the_limit() {
    for count in [2, 4, 8] {
        let world = World::new();
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let mut worker = worker(&world, 50);
                thread::spawn(move || passed(&mut worker, 40))
            })
            .collect();
        let passed: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(passed, 50, "{count} workers");
    }
}

#[test]
fn a_refusal_says_which_cap_and_when_to_come_again() {
    let mut worker = worker(&World::new(), 0);
    let outcome = worker.request(good());
    assert_eq!(outcome.summary(), "429 cap_exceeded");
    assert_eq!(outcome.reply().headers.get("retry-after").unwrap(), "30");
    let body = outcome.reply().json();
    assert_eq!(
        (&body["cap"], &body["window"]),
        (&json!("requests"), &json!("per_minute"))
    );
    assert_eq!(
        (&body["limit"], &body["retry_after"]),
        (&json!(0), &json!(30))
    );
}

#[test]
fn accounts_have_counts_of_their_own() {
    let mut worker = worker(&World::new(), 1);
    let both = Token::good()
        .claim("accounts", json!(["acme", "globex"]))
        .signed();
    let mut request = |account: &str| {
        let request = Request::get("/x").account(account).bearer(&both);
        worker.request(request).summary()
    };
    assert_eq!(request("acme"), "forwarded");
    assert_eq!(request("globex"), "forwarded");
    assert_eq!(request("acme"), "429 cap_exceeded");
}

#[test]
fn what_is_refused_or_public_is_not_counted() {
    let world = World::new();
    let mut worker = worker(&world, 1);
    worker.request(Request::get("/api/accounts"));
    worker.request(Request::get("/x").account("acme"));
    let forged = Token::good().other_key().signed();
    worker.request(Request::get("/x").account("acme").bearer(&forged));
    assert_eq!(world.shared.keys(), [""; 0]);
    assert_eq!(worker.request(good()).summary(), "forwarded");
}
