//! What happens between a worker's reading and its writing.

use std::sync::{Arc, Mutex};

use host_tests::{Request, Threads, Token, Worker, World, configuration, status};
use serde_json::json;

use super::{SECOND, good, limited, open, passed, room, worker};

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

/// Runs something in another worker just before the next write of this one.
fn between(
    worker: &mut Worker,
    other: &Arc<Mutex<Worker>>,
    act: impl FnOnce(&mut Worker) + Send + 'static,
) {
    let other = Arc::clone(other);
    worker.host().before_next("proxy_set_shared_data", move || {
        act(&mut other.lock().unwrap());
    });
}

fn two(world: &World, concurrent: u32) -> (Worker, Arc<Mutex<Worker>>) {
    let start = || limited(world, json!({"concurrent": concurrent}));
    (start(), Arc::new(Mutex::new(start())))
}

#[test]
fn two_workers_that_join_at_once_are_two() {
    let world = World::new();
    let (mut first, second) = two(&world, 2);
    // The first write is the one by which a worker joins the others.
    between(&mut first, &second, |second| {
        assert_eq!(open(second, 1).len(), 1);
    });
    assert_eq!(open(&mut first, 1).len(), 1);
    drop(second);
    for _ in 0..50 {
        world.clock.advance(SECOND / 5);
        first.tick();
    }
    assert_eq!(room(&mut first), 1, "what the other had is free, no more");
}

#[test]
fn what_ends_while_another_begins_is_given_back_once() {
    let world = World::new();
    let (mut first, second) = two(&world, 2);
    let stream = open(&mut first, 1)[0];
    between(&mut first, &second, |second| {
        assert_eq!(open(second, 2).len(), 1);
    });
    first.end(stream);
    assert_eq!(open(&mut first, 9).len(), 1);
}

#[test]
fn two_ends_at_once_are_two() {
    let world = World::new();
    let (mut first, second) = two(&world, 3);
    let stream = open(&mut first, 1)[0];
    let streams = open(&mut second.lock().unwrap(), 2);
    between(&mut first, &second, move |second| second.end(streams[0]));
    first.end(stream);
    assert_eq!(room(&mut first), 2);
}

#[test]
fn a_sweep_between_reading_and_writing_loses_nothing() {
    let world = World::new();
    let start = || limited(&world, json!({"per_minute": 3}));
    let (mut first, sweeper) = (start(), Arc::new(Mutex::new(start())));
    assert_eq!(passed(&mut sweeper.lock().unwrap(), 1), 1);
    world.clock.advance(SECOND * 60);
    let swept = Arc::clone(&sweeper);
    let clock = world.clock.clone();
    // It joins, and then it writes.
    first.host().before_next("proxy_set_shared_data", || {});
    first.host().before_next("proxy_set_shared_data", move || {
        for _ in 0..70 {
            clock.advance(SECOND / 5);
            swept.lock().unwrap().tick();
        }
    });
    assert_eq!(passed(&mut first, 1), 1);
    assert_eq!(passed(&mut sweeper.lock().unwrap(), 9), 2);
}

#[test]
fn a_worker_that_joins_while_another_beats_is_kept() {
    let world = World::new();
    let (mut first, second) = two(&world, 2);
    assert_eq!(open(&mut first, 1).len(), 1);
    between(&mut first, &second, |second| {
        assert_eq!(open(second, 1).len(), 1);
    });
    world.clock.advance(SECOND);
    first.tick();
    assert_eq!(open(&mut first, 9).len(), 0);
    assert_eq!(
        world.statistics.value("tollgate.caps.requests.in_flight"),
        1
    );
    second.lock().unwrap().tick();
    first.tick();
    assert_eq!(
        world.statistics.value("tollgate.caps.requests.in_flight"),
        2
    );
}

#[test]
fn a_worker_that_beats_while_another_buries_it_is_alive() {
    let world = World::new();
    let limits = json!({"concurrent": 1});
    let configuration = configuration::limited(configuration::inline(), limits);
    let mut threads = Threads::start(&world, &configuration, 1);
    let stuck = Arc::new(Mutex::new(limited(&world, json!({"concurrent": 1}))));
    assert_eq!(open(&mut stuck.lock().unwrap(), 1).len(), 1);
    // Its last moment: the next look of either would bury it.
    threads.pass(SECOND * 49 / 10);
    between(&mut threads[0], &stuck, Worker::tick);
    threads.pass(SECOND * 2);
    assert_eq!(room(&mut threads[1]), 0);
}
