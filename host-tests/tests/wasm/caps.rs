//! Caps are exact, however many workers count and however they meet.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use host_tests::{Outcome, Request, Token, Worker, World, configuration, status};
use serde_json::json;

fn worker(world: &World, per_minute: u32) -> Worker {
    world.worker(&configuration::capped(configuration::inline(), per_minute))
}

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/x").account("acme").bearer(&token)
}

fn passed(worker: &mut Worker, requests: usize) -> usize {
    let outcomes = (0..requests).map(|_| worker.request(good()));
    outcomes.filter(Outcome::is_forwarded).count()
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

/// One worker's request, with so many of another worker's requests between its reading and its writing.
fn interrupted(limit: u32, others: usize) -> (Worker, usize, bool) {
    let world = World::new();
    let mut first = worker(&world, limit);
    // It has joined the others before.
    let globex = Token::good().claim("accounts", json!(["globex"])).signed();
    first.request(Request::get("/x").account("globex").bearer(&globex));
    let second = Arc::new(Mutex::new(worker(&world, limit)));
    let between = Arc::new(Mutex::new(0));
    for _ in 0..others {
        let (second, between) = (Arc::clone(&second), Arc::clone(&between));
        first.host().before_next("proxy_set_shared_data", move || {
            *between.lock().unwrap() += passed(&mut second.lock().unwrap(), 1);
        });
    }
    let forwarded = first.request(good()).is_forwarded();
    let between = *between.lock().unwrap();
    (first, between, forwarded)
}

#[test]
fn a_swap_that_another_worker_wins_is_repeated() {
    let (mut worker, others, forwarded) = interrupted(10, 3);
    assert_eq!((others, forwarded), (3, true));
    let lost = |call: &&host_tests::Call| call.status == status::CAS_MISMATCH;
    assert_eq!(worker.host().trace.iter().filter(lost).count(), 3);
    assert_eq!(passed(&mut worker, 10), 6);
}

#[test]
fn a_worker_that_loses_the_last_place_is_refused() {
    for limit in 1..5 {
        let others = usize::try_from(limit).unwrap();
        let (_, passed, forwarded) = interrupted(limit, others);
        assert_eq!((passed, forwarded), (others, false));
    }
}

#[test]
fn two_workers_cannot_both_be_the_first() {
    let (mut worker, others, forwarded) = interrupted(2, 1);
    assert_eq!((others, forwarded), (1, true));
    assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
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
fn the_minute_ends_at_the_full_minute() {
    let world = World::new();
    let mut worker = worker(&world, 3);
    assert_eq!(passed(&mut worker, 4), 3);
    world.clock.advance(Duration::from_secs(29));
    assert_eq!(passed(&mut worker, 1), 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(passed(&mut worker, 4), 3);
}

#[test]
fn a_clock_that_steps_back_admits_nothing_twice() {
    let world = World::new();
    let mut worker = worker(&world, 3);
    assert_eq!(passed(&mut worker, 2), 2);
    world.clock.step_back(Duration::from_secs(50));
    assert_eq!(passed(&mut worker, 4), 1);
    world.clock.advance(Duration::from_secs(40));
    assert_eq!(passed(&mut worker, 4), 0);
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

#[test]
fn requests_of_many_accounts_take_a_bounded_number_of_keys() {
    let world = World::new();
    let mut configuration = configuration::capped(configuration::inline(), 1);
    configuration["issuers"][0]["membership"] = json!("any");
    let mut worker = world.worker(&configuration);
    let token = Token::good().signed();
    for number in 0..300 {
        let request = Request::get("/x").account(&format!("a{number}"));
        assert!(worker.request(request.bearer(&token)).is_forwarded());
    }
    let keys = world.shared.keys();
    assert!(keys.len() <= 300);
    assert!(keys.iter().all(|key| key.starts_with("tollgate.caps.v")));
    assert!(keys.iter().all(|key| !key.contains("a1")));
}
