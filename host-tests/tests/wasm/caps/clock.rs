//! Windows are the clock's, in UTC; a clock that steps admits nothing twice, and locks nobody out for long.

use std::time::Duration;

use host_tests::World;
use serde_json::json;

use super::{SECOND, limited, passed};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// A world begins 30 seconds past 8 o'clock.
#[test]
fn a_window_ends_at_its_edge_and_not_before() {
    for (window, left) in [
        ("per_minute", SECOND * 30),
        ("per_hour", HOUR - SECOND * 30),
        ("per_day", HOUR * 16 - SECOND * 30),
    ] {
        let world = World::new();
        let mut worker = limited(&world, json!({window: 2}));
        assert_eq!(passed(&mut worker, 3), 2, "{window}");
        world.clock.advance(left - NANOSECOND);
        assert_eq!(passed(&mut worker, 3), 0, "{window}");
        world.clock.advance(NANOSECOND);
        assert_eq!(passed(&mut worker, 3), 2, "{window}");
    }
}

#[test]
fn each_window_is_counted_while_the_shorter_ones_end() {
    let world = World::new();
    let mut worker = limited(
        &world,
        json!({"per_minute": 2, "per_hour": 3, "per_day": 4}),
    );
    assert_eq!(passed(&mut worker, 9), 2, "of the minute");
    world.clock.advance(MINUTE);
    assert_eq!(passed(&mut worker, 9), 1, "of the hour");
    world.clock.advance(HOUR);
    assert_eq!(passed(&mut worker, 9), 1, "of the day");
    world.clock.advance(DAY);
    assert_eq!(passed(&mut worker, 9), 2, "of the next day's first minute");
}

#[test]
fn who_is_refused_is_told_when_the_window_ends() {
    for (window, left) in [("per_minute", 30), ("per_hour", 3570), ("per_day", 57_570)] {
        let mut worker = limited(&World::new(), json!({window: 0, "concurrent": 0}));
        let outcome = worker.request(super::good());
        assert_eq!(outcome.reply().json()["window"], window);
        let told = outcome.reply().headers.get("retry-after");
        assert_eq!(told, Some(left.to_string()), "{window}");
    }
}

#[test]
fn a_clock_that_steps_back_admits_nothing_twice() {
    for (window, steps) in [
        ("per_minute", [SECOND, SECOND * 50, MINUTE * 5]),
        ("per_hour", [SECOND * 31, MINUTE * 5, HOUR]),
        ("per_day", [SECOND * 31, HOUR * 9, DAY]),
    ] {
        for step in steps {
            let world = World::new();
            let mut worker = limited(&world, json!({window: 3}));
            assert_eq!(passed(&mut worker, 2), 2);
            world.clock.step_back(step);
            assert_eq!(passed(&mut worker, 4), 1, "{window}: {step:?} back");
            world.clock.advance(step);
            assert_eq!(passed(&mut worker, 4), 0, "{window}: {step:?} and on");
        }
    }
}

#[test]
fn the_sweep_of_a_clock_that_has_stepped_back_drops_nothing() {
    for (window, step) in [
        ("per_minute", MINUTE * 5),
        ("per_hour", HOUR),
        ("per_day", DAY),
    ] {
        let world = World::new();
        let mut worker = limited(&world, json!({window: 3}));
        assert_eq!(passed(&mut worker, 3), 3);
        world.clock.step_back(step);
        for _ in 0..70 {
            world.clock.advance(SECOND / 5);
            worker.tick();
        }
        assert_eq!(passed(&mut worker, 4), 0, "{window}");
    }
}

#[test]
fn a_clock_that_was_wrong_for_long_locks_nobody_out() {
    for window in ["per_minute", "per_hour", "per_day"] {
        let world = World::new();
        let mut worker = limited(&world, json!({window: 2}));
        world.clock.advance(DAY * 30);
        assert_eq!(passed(&mut worker, 3), 2, "{window}");
        world.clock.step_back(DAY * 30);
        assert_eq!(passed(&mut worker, 3), 2, "{window}");
    }
}

/// Requests under way are counted by no clock.
#[test]
fn a_clock_that_steps_gives_back_nothing_that_is_under_way() {
    let world = World::new();
    let mut worker = limited(&world, json!({"concurrent": 2}));
    let streams = super::open(&mut worker, 2);
    for step in [MINUTE, HOUR, DAY] {
        world.clock.advance(step);
        worker.tick();
        assert_eq!(passed(&mut worker, 1), 0);
        world.clock.step_back(step + DAY);
        worker.tick();
        assert_eq!(passed(&mut worker, 1), 0);
    }
    worker.end_all(streams);
    assert_eq!(super::room(&mut worker), 2);
}
