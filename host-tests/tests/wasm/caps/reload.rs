//! A new configuration, a new module, a new virtual machine: the counts are the same.

use host_tests::{World, configuration};
use serde_json::{Value, json};

use super::{SECOND, good, limited, open, room};

fn concurrent(limit: u32) -> Value {
    let limits = json!({"concurrent": limit});
    configuration::limited(configuration::inline(), limits)
}

#[test]
fn old_and_new_share_the_counts_until_the_old_requests_end() {
    let mut worker = World::new().worker(&concurrent(3));
    let old = open(&mut worker, 2);
    worker.reload(&concurrent(3));
    let new = open(&mut worker, 9);
    assert_eq!(new.len(), 1);
    let late = worker.open_in_old(good());
    assert_eq!(worker.outcome(late).summary(), "429 cap_exceeded");
    worker.end_all(old);
    worker.retire_old();
    assert_eq!(room(&mut worker), 2);
    worker.end(new[0]);
    assert_eq!(room(&mut worker), 3);
}

#[test]
fn a_late_request_of_the_old_one_counts_too() {
    let mut worker = World::new().worker(&concurrent(2));
    worker.reload(&concurrent(2));
    let late = worker.open_in_old(good());
    assert_eq!(room(&mut worker), 1);
    worker.end(late);
    assert_eq!(room(&mut worker), 2);
}

#[test]
fn a_request_ends_by_the_caps_it_began_with() {
    let mut worker = World::new().worker(&concurrent(2));
    let old = open(&mut worker, 2);
    let mut changed = concurrent(2);
    let cap = |name| json!({"name": name, "limits": {"concurrent": 2}});
    changed["caps"] = json!([cap("first"), cap("requests"), cap("last")]);
    worker.reload(&changed);
    assert_eq!(room(&mut worker), 0);
    worker.end_all(old);
    assert_eq!(room(&mut worker), 2);
}

#[test]
fn the_retired_are_nobodys_dead() {
    let world = World::new();
    let mut worker = world.worker(&concurrent(2));
    room(&mut worker);
    for _ in 0..5 {
        worker.reload(&concurrent(2));
        worker.retire_old();
        room(&mut worker);
    }
    let (workers, _) = world.shared.get("tollgate.caps.v2.workers").unwrap();
    let mut fresh = World::new().worker(&concurrent(2));
    room(&mut fresh);
    let (one, _) = fresh
        .host()
        .world
        .shared
        .get("tollgate.caps.v2.workers")
        .unwrap();
    assert_eq!(workers.len(), one.len(), "one worker");
}

#[test]
fn in_flight_is_of_old_and_new_together() {
    let world = World::new();
    let mut worker = world.worker(&concurrent(5));
    let old = open(&mut worker, 2);
    worker.reload(&concurrent(5));
    open(&mut worker, 1);
    for _ in 0..3 {
        world.clock.advance(SECOND / 5);
        worker.tick();
    }
    let in_flight = || world.statistics.value("tollgate.caps.requests.in_flight");
    assert_eq!(in_flight(), 3);
    worker.end_all(old);
    worker.retire_old();
    world.clock.advance(SECOND / 5);
    worker.tick();
    assert_eq!(in_flight(), 1);
}

#[test]
fn a_new_virtual_machine_finds_the_counts() {
    let world = World::new();
    let limits = json!({"concurrent": 2, "per_hour": 3});
    let mut first = limited(&world, limits.clone());
    assert_eq!(open(&mut first, 1).len(), 1);
    drop(first);
    let mut second = limited(&world, limits);
    assert_eq!(open(&mut second, 9).len(), 1, "until the first is missed");
    for _ in 0..60 {
        world.clock.advance(SECOND / 5);
        second.tick();
    }
    assert_eq!(open(&mut second, 9).len(), 1, "the hour's last");
}

#[test]
fn without_caps_nothing_is_counted_and_what_was_ends() {
    let world = World::new();
    let mut worker = world.worker(&concurrent(1));
    let old = open(&mut worker, 1);
    worker.reload(&configuration::inline());
    assert_eq!(open(&mut worker, 5).len(), 5);
    worker.end(old[0]);
    worker.retire_old();
    worker.reload(&concurrent(1));
    assert_eq!(room(&mut worker), 1);
}
