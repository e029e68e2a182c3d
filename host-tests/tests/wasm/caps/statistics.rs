//! What operators see: gauges, counters, and filter state for the access log.

use host_tests::{Fault, Lie, Worker, World, configuration, status};
use serde_json::json;

use super::{SECOND, good, limited, open};

fn value(world: &World, name: &str) -> i64 {
    world.statistics.value(&format!("tollgate.{name}"))
}

/// Ticks until a sweep has gone through everything.
fn sweep(world: &World, worker: &mut Worker) {
    for _ in 0..130 {
        world.clock.advance(SECOND / 5);
        worker.tick();
    }
}

#[test]
fn in_flight_is_what_all_workers_have_under_way() {
    let world = World::new();
    let mut workers = [(); 3].map(|()| limited(&world, json!({"concurrent": 9})));
    let streams: Vec<_> = workers.iter_mut().map(|worker| open(worker, 2)).collect();
    let tick = |workers: &mut [Worker]| {
        world.clock.advance(SECOND / 5);
        workers.iter_mut().for_each(Worker::tick);
        world.clock.advance(SECOND / 5);
        workers.iter_mut().for_each(Worker::tick);
        value(&world, "caps.requests.in_flight")
    };
    assert_eq!(tick(&mut workers), 6);
    for (worker, streams) in workers.iter_mut().zip(streams) {
        worker.end_all(streams);
    }
    assert_eq!(tick(&mut workers), 0);
}

#[test]
fn in_flight_is_by_cap() {
    let world = World::new();
    let mut configuration = configuration::inline();
    configuration["caps"] = json!([
        {"name": "requests", "limits": {"concurrent": 9}},
        {"name": "calls", "routes": ["GET /calls"], "limits": {"concurrent": 9}},
        {"name": "minutes", "limits": {"per_minute": 9}},
    ]);
    let mut worker = world.worker(&configuration);
    open(&mut worker, 2);
    worker.open(super::request("acme", "/calls"));
    worker.open(super::request("globex", "/calls"));
    world.clock.advance(SECOND / 5);
    worker.tick();
    let in_flight = |cap| value(&world, &format!("caps.{cap}.in_flight"));
    assert_eq!(["requests", "calls", "minutes"].map(in_flight), [4, 2, 0]);
}

#[test]
fn admitted_and_refused_are_counted_by_cap_and_window() {
    let world = World::new();
    let limits = json!({"concurrent": 1, "per_minute": 2});
    let mut worker = limited(&world, limits);
    let stream = open(&mut worker, 2)[0];
    worker.end(stream);
    open(&mut worker, 1);
    for _ in 0..3 {
        worker.request(good());
    }
    worker.tick();
    let refused = |window| value(&world, &format!("caps.requests.refused.{window}"));
    assert_eq!(value(&world, "caps.requests.admitted"), 2);
    let windows = ["concurrent", "per_minute", "per_hour", "per_day"];
    assert_eq!(
        windows.map(refused),
        [1, 3, 0, 0],
        "the minute's end is later"
    );
    assert_eq!(value(&world, "requests.refused.cap_exceeded"), 4);
}

#[test]
fn the_tightest_window_is_in_the_filter_state() {
    let mut worker = limited(&World::new(), json!({"per_minute": 60, "concurrent": 61}));
    assert_eq!(
        worker.request(good()).state()["tollgate.cap"],
        "requests.per_minute=59"
    );
    let streams = open(&mut worker, 2);
    assert_eq!(
        worker.state(streams[1])["tollgate.cap"],
        "requests.per_minute=57"
    );
    let mut none = limited(&World::new(), json!({"per_minute": 0}));
    let refused = none.open(good());
    let state = none.state(refused);
    assert_eq!(state["tollgate.cap"], "requests.per_minute=0");
    assert_eq!(state["tollgate.decision"], "cap_exceeded");
}

#[test]
fn the_store_shows_accounts_and_bytes_and_forgets_them() {
    let world = World::new();
    let mut configuration = configuration::capped(configuration::inline(), 5);
    configuration["issuers"][0]["membership"] = json!("any");
    let mut worker = world.worker(&configuration);
    for number in 0..50 {
        worker.request(super::request(&format!("a{number}"), "/x"));
    }
    sweep(&world, &mut worker);
    assert_eq!(value(&world, "shared_counts.accounts"), 50);
    let slots = world
        .shared
        .keys()
        .into_iter()
        .filter(|key| !key.ends_with("workers"));
    let size: usize = slots
        .map(|key| world.shared.get(&key).unwrap().0.len())
        .sum();
    assert_eq!(
        value(&world, "shared_counts.bytes"),
        i64::try_from(size).unwrap()
    );
    world.clock.advance(SECOND * 360);
    sweep(&world, &mut worker);
    assert_eq!(value(&world, "shared_counts.accounts"), 0);
    assert!(value(&world, "shared_counts.bytes") <= 100, "headers");
}

#[test]
fn one_worker_sweeps_and_another_when_it_is_dead() {
    let world = World::new();
    let start = || limited(&world, json!({"per_minute": 5}));
    let mut workers = [start(), start()];
    for worker in &mut workers {
        worker.request(good());
    }
    let reads = |worker: &mut Worker| worker.host().count("proxy_get_shared_data");
    let swept = |worker: &mut Worker| {
        let before = reads(worker);
        world.clock.advance(SECOND / 5);
        worker.tick();
        reads(worker) - before > 50
    };
    assert!(swept(&mut workers[0]) && !swept(&mut workers[1]));
    for _ in 0..60 {
        swept(&mut workers[1]);
    }
    assert!(swept(&mut workers[1]), "the first is dead");
    assert!(swept(&mut workers[0]) && swept(&mut workers[0]), "and back");
    assert!(!swept(&mut workers[1]));
}

#[test]
fn why_counting_failed_is_counted() {
    let get = "proxy_get_shared_data";
    let set = "proxy_set_shared_data";
    for (call, fault, why) in [
        (get, Fault::Status(status::INTERNAL_FAILURE), "unreachable"),
        (set, Fault::Status(status::BAD_ARGUMENT), "unreachable"),
        (get, Fault::Data(Lie::Garbage), "foreign"),
        (set, Fault::Status(status::CAS_MISMATCH), "contended"),
    ] {
        let world = World::new();
        let mut worker = limited(&world, json!({"per_minute": 5}));
        worker.request(good());
        worker.host().faults.always(call, fault);
        assert_eq!(worker.request(good()).summary(), "503 not_ready", "{why}");
        worker.tick();
        let failed = |why| value(&world, &format!("shared_counts.failed.{why}"));
        for reason in ["unreachable", "foreign", "contended", "full"] {
            assert_eq!(failed(reason), i64::from(reason == why), "{reason}");
        }
    }
}
