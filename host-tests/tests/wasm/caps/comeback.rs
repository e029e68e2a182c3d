//! Workers that die, are stuck for a while, or come back: what they had under way becomes free, and nothing else.

use std::time::Duration;

use host_tests::{StreamId, Threads, World, configuration};
use serde_json::{Value, json};

use super::{SECOND, open, passed, room};

fn configuration(limits: Value) -> Value {
    configuration::limited(configuration::inline(), limits)
}

/// Two workers that may have so many under way; the first has five.
fn five_under_way(world: &World, limits: Value) -> (Threads, Vec<StreamId>) {
    let mut threads = Threads::start(world, &configuration(limits), 2);
    let streams = open(&mut threads[1], 5);
    assert_eq!(streams.len(), 5);
    threads.pass(SECOND * 2);
    (threads, streams)
}

/// Ticks go on in all threads but one.
fn pass_without(threads: &mut Threads, world: &World, stuck: usize, time: Duration) {
    let end = world.clock.now() + time;
    while world.clock.now() < end {
        world.clock.advance(SECOND / 5);
        for thread in (0..threads.len()).filter(|thread| *thread != stuck) {
            threads[thread].tick();
        }
    }
}

#[test]
fn what_a_dead_worker_had_under_way_is_free_within_ten_seconds() {
    let world = World::new();
    let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5}));
    threads.kill(1);
    threads.pass(SECOND * 3);
    assert_eq!(room(&mut threads[1]), 0, "it may yet come back");
    threads.pass(SECOND * 7);
    assert_eq!(room(&mut threads[1]), 5);
    assert_eq!(
        world.statistics.value("tollgate.caps.requests.in_flight"),
        0
    );
}

#[test]
fn the_windows_keep_what_a_dead_worker_has_counted() {
    let world = World::new();
    let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5, "per_day": 7}));
    threads.kill(1);
    threads.pass(SECOND * 90);
    assert_eq!(passed(&mut threads[1], 9), 2);
}

#[test]
fn a_dead_worker_is_found_by_one_that_counts_nothing() {
    let world = World::new();
    let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5}));
    threads.kill(2);
    threads.kill(1);
    threads.pass(SECOND * 10);
    threads.add(&configuration(json!({"concurrent": 5})));
    assert_eq!(room(&mut threads[1]), 5);
}

#[test]
fn dead_workers_one_after_the_other_leave_nothing_behind() {
    let world = World::new();
    let configuration = configuration(json!({"concurrent": 5}));
    let mut threads = Threads::start(&world, &configuration, 1);
    let mut sizes = Vec::new();
    for _ in 0..5 {
        assert_eq!(open(&mut threads[1], 9).len(), 5);
        threads.pass(SECOND);
        threads.kill(1);
        threads.add(&configuration);
        threads.pass(SECOND * 80);
        room(&mut threads[1]);
        sizes.push(bytes(&world));
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

/// What all values in the shared data take.
fn bytes(world: &World) -> usize {
    let sizes = world.shared.keys().into_iter();
    sizes
        .map(|key| world.shared.get(&key).unwrap().0.len())
        .sum()
}

#[test]
fn a_stuck_worker_that_comes_back_has_under_way_what_it_had() {
    let world = World::new();
    let (mut threads, streams) = five_under_way(&world, json!({"concurrent": 5}));
    pass_without(&mut threads, &world, 1, SECOND * 8);
    let others = open(&mut threads[2], 9);
    assert_eq!(others.len(), 5, "while it was stuck nobody knew");
    threads.pass(SECOND);
    assert_eq!(
        world.statistics.value("tollgate.caps.requests.in_flight"),
        10
    );
    for (number, stream) in streams.into_iter().enumerate() {
        assert_eq!(open(&mut threads[2], 1).len(), 0, "{number} have ended");
        threads[1].end(stream);
    }
    assert_eq!(open(&mut threads[2], 1).len(), 0);
    threads[2].end(others[0]);
    assert_eq!(open(&mut threads[2], 9).len(), 1);
}

/// What it had was dropped for good. What it takes up from now on must be its own.
#[test]
fn a_worker_that_was_given_up_and_comes_back_frees_nothing_twice() {
    let world = World::new();
    let (mut threads, old) = five_under_way(&world, json!({"concurrent": 5}));
    pass_without(&mut threads, &world, 1, SECOND * 90);
    assert_eq!(room(&mut threads[2]), 5);
    threads.pass(SECOND);
    let new = open(&mut threads[1], 9);
    assert_eq!(new.len(), 5);
    threads[1].end_all(old);
    assert_eq!(room(&mut threads[2]), 0, "five are under way");
    threads[1].end_all(new);
    assert_eq!(room(&mut threads[2]), 5);
}

#[test]
fn an_envoy_that_stood_still_kills_nobody() {
    for step in [SECOND * 30, SECOND * 3600, SECOND * 86_400] {
        let world = World::new();
        let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5}));
        for _ in 0..12 {
            world.clock.advance(step);
            threads.tick();
            assert_eq!(room(&mut threads[2]), 0, "{step:?}");
        }
        for _ in 0..6 {
            world.clock.step_back(step);
            threads.tick();
            assert_eq!(room(&mut threads[2]), 0, "{step:?} back");
        }
    }
}

#[test]
fn a_clock_that_stands_still_kills_nobody() {
    let world = World::new();
    let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5}));
    (0..100).for_each(|_| threads.tick());
    assert_eq!(room(&mut threads[2]), 0);
}

#[test]
fn slow_ticks_kill_nobody() {
    let world = World::new();
    let (mut threads, _) = five_under_way(&world, json!({"concurrent": 5}));
    for _ in 0..20 {
        world.clock.advance(SECOND * 3);
        threads.tick();
    }
    assert_eq!(room(&mut threads[2]), 0);
}
