//! Faults while requests begin, are answered and end, and while ticks go on: nothing traps, no more is admitted than
//! the cap says, and when the host is honest again all that has ended is free.

use std::time::Duration;

use host_tests::{Answer, Fault, Lie, StreamId, Worker, World, configuration, status};
use serde_json::{Value, json};

use super::{faults, good};

const SECOND: Duration = Duration::from_secs(1);

/// What is done while the host fails, with a request that is under way.
type Act = fn(&mut Worker, &World, StreamId);

const ANSWER: Act = |worker, _, stream| {
    worker.answer(stream, Answer::new(200, ""));
};
const END: Act = |worker, _, stream| worker.end(stream);
const TICK: Act = |worker, world, _| {
    world.clock.advance(SECOND);
    worker.tick();
};

fn two_at_once() -> Value {
    configuration::limited(configuration::inline(), json!({"concurrent": 2}))
}

/// Two workers that have counted before; two requests of the first are under way.
fn under_way(world: &World) -> (Worker, Worker, [StreamId; 2]) {
    let (mut worker, mut other) = (world.worker(&two_at_once()), world.worker(&two_at_once()));
    assert_eq!(room(&mut other), 2);
    let streams = [worker.open(good()), worker.open(good())];
    worker.host().trace.clear();
    (worker, other, streams)
}

/// How many requests have room at the same time; they end.
fn room(worker: &mut Worker) -> usize {
    let streams: Vec<_> = (0..4).map(|_| worker.open(good())).collect();
    let goes_on = |stream: &StreamId| worker.outcome(*stream).is_forwarded();
    let open: Vec<_> = streams.into_iter().filter(goes_on).collect();
    let room = open.len();
    worker.end_all(open);
    room
}

/// The calls that are made meanwhile. Of many that are alike in a row the first few are enough.
fn places(act: Act) -> Vec<(usize, String)> {
    let world = World::new();
    let (mut worker, _, [stream, _]) = under_way(&world);
    act(&mut worker, &world, stream);
    let calls: Vec<_> = worker
        .host()
        .trace
        .iter()
        .map(|call| call.name.clone())
        .collect();
    let alike = |place: usize| {
        let before = calls[..place].iter().rev();
        before.take_while(|name| **name == calls[place]).count()
    };
    let few = (0..calls.len()).filter(|place| alike(*place) < 6);
    few.map(|place| (place, calls[place].clone())).collect()
}

/// Also versions that nobody gave.
fn all_faults() -> Vec<Fault> {
    let numbers = [0, 1, u64::from(u32::MAX)].map(Fault::Number);
    faults().into_iter().chain(numbers).collect()
}

/// Those that the filter can tell apart.
fn few_faults() -> Vec<Fault> {
    let statuses = [
        status::NOT_FOUND,
        status::CAS_MISMATCH,
        status::INTERNAL_FAILURE,
    ];
    let statuses = statuses.map(Fault::Status).into_iter();
    let lies = [Lie::Empty, Lie::Half, Lie::Longer, Lie::Garbage].map(Fault::Data);
    statuses.chain(lies).chain([Fault::Number(0)]).collect()
}

/// One fault at every place of what is done; then the host is honest again.
fn at_every_place(act: Act, ended: usize) {
    for (place, call) in places(act) {
        for fault in all_faults() {
            let world = World::new();
            let (mut worker, mut other, [first, second]) = under_way(&world);
            worker.host().faults.nth_of_all(place, fault.clone());
            act(&mut worker, &world, first);
            worker.host().faults.clear();
            let what = format!("{call} ({place}): {fault:?}");
            assert!(room(&mut other) <= ended, "{what}");
            recover(&world, [&mut worker, &mut other]);
            assert_eq!(room(&mut other), ended, "one is under way: {what}");
            if ended == 0 {
                worker.end(first);
            }
            worker.end(second);
            assert_eq!(room(&mut other), 2, "{what}");
        }
    }
}

/// Ticks in an honest host.
fn recover(world: &World, workers: [&mut Worker; 2]) {
    for worker in workers {
        world.clock.advance(SECOND / 5);
        worker.tick();
    }
}

#[test]
fn one_call_of_an_answer_can_fail_at_any_place() {
    at_every_place(ANSWER, 0);
}

#[test]
fn one_call_of_an_end_can_fail_at_any_place() {
    at_every_place(END, 1);
}

#[test]
fn one_call_of_a_tick_can_fail_at_any_place() {
    at_every_place(TICK, 0);
}

#[test]
fn the_calls_of_an_answer_an_end_and_a_tick_are_the_ones_that_are_tested() {
    let names = |act| {
        let mut names: Vec<_> = places(act).into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    assert_eq!(names(ANSWER), ["proxy_add_header_map_value"]);
    assert_eq!(
        names(END),
        ["proxy_get_shared_data", "proxy_set_shared_data"]
    );
    let tick = [
        "proxy_get_current_time_nanoseconds",
        "proxy_get_shared_data",
        "proxy_increment_metric",
        "proxy_record_metric",
        "proxy_set_effective_context",
        "proxy_set_shared_data",
        "proxy_set_tick_period_milliseconds",
    ];
    assert_eq!(names(TICK), tick);
}

/// All calls of a name fail while requests begin, are answered and end and while ticks go on.
#[test]
fn a_host_that_fails_for_long_leaves_nothing_behind() {
    let calls = [
        "proxy_add_header_map_value",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_shared_data",
        "proxy_increment_metric",
        "proxy_record_metric",
        "proxy_set_property",
        "proxy_set_shared_data",
        "proxy_set_tick_period_milliseconds",
    ];
    for call in calls {
        for fault in few_faults() {
            let what = format!("{call}: {fault:?}");
            let world = World::new();
            let (mut worker, mut other, [first, second]) = under_way(&world);
            // A time that is wrong makes windows and silence what it says; nobody could tell.
            if call.ends_with("nanoseconds") && matches!(fault, Fault::Number(_)) {
                continue;
            }
            worker.host().faults.always(call, fault);
            worker.answer(first, Answer::new(200, ""));
            for _ in 0..2 {
                TICK(&mut worker, &world, first);
                other.tick();
                assert_eq!(room(&mut other), 0, "{what}");
                assert_eq!(room(&mut worker), 0, "{what}");
            }
            worker.end(first);
            assert!(room(&mut other) <= 1, "{what}");
            assert!(room(&mut worker) <= 1, "{what}");
            worker.host().faults.clear();
            recover(&world, [&mut worker, &mut other]);
            assert_eq!(room(&mut other), 1, "{what}");
            worker.end(second);
            assert_eq!(room(&mut other), 2, "{what}");
        }
    }
}

#[test]
fn one_call_of_a_beginning_can_fail_at_any_place_and_nothing_stays_taken_up() {
    let mut worker = World::new().worker(&two_at_once());
    worker.host().trace.clear();
    worker.open(good());
    let calls = worker.host().trace.len();
    for place in 0..calls {
        for fault in few_faults() {
            let world = World::new();
            let (mut worker, mut other) =
                (world.worker(&two_at_once()), world.worker(&two_at_once()));
            worker.host().faults.nth_of_all(place, fault.clone());
            let stream = worker.open(good());
            worker.host().faults.clear();
            let what = format!("{place}: {fault:?}");
            let taken = usize::from(worker.outcome(stream).is_forwarded());
            recover(&world, [&mut worker, &mut other]);
            assert_eq!(room(&mut other), 2 - taken, "{what}");
            if taken == 1 {
                worker.end(stream);
            }
            assert_eq!(room(&mut other), 2, "{what}");
        }
    }
}

/// The headers cannot be changed, so the request is refused; and what it took up cannot be given back at once.
#[test]
fn what_cannot_be_undone_at_once_is_undone_with_a_tick() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        for fault in all_faults() {
            let world = World::new();
            let (mut worker, mut other, streams) = under_way(&world);
            worker.end_all(streams);
            let failed = Fault::Status(status::INTERNAL_FAILURE);
            let faults = &mut worker.host().faults;
            faults.always("proxy_replace_header_map_value", failed);
            // The first is the admission itself.
            (1..2000).for_each(|nth| faults.nth(call, nth, fault.clone()));
            assert_eq!(worker.request(good()).summary(), "503 not_ready");
            worker.host().faults.clear();
            recover(&world, [&mut worker, &mut other]);
            assert_eq!(room(&mut other), 2, "{call}: {fault:?}");
        }
    }
}

#[test]
fn an_answer_without_the_fields_is_an_answer() {
    for fault in faults() {
        let (mut worker, _, [stream, _]) = under_way(&World::new());
        worker
            .host()
            .faults
            .always("proxy_add_header_map_value", fault);
        let answer = worker.answer(stream, Answer::new(200, ""));
        assert_eq!(answer.get(":status").unwrap(), "200");
    }
}

#[test]
fn without_randomness_nobody_is_counted_and_nothing_traps() {
    for fault in status::FAILURES.map(Fault::Status) {
        let world = World::new();
        let mut worker = world.worker(&two_at_once());
        worker.host().faults.always("random_get", fault.clone());
        assert_eq!(
            worker.request(good()).summary(),
            "503 not_ready",
            "{fault:?}"
        );
        worker.tick();
        worker.host().faults.clear();
        assert_eq!(room(&mut worker), 2);
    }
}

const ROSTER: &str = "tollgate.caps.v2.workers";

/// A record that this version cannot read, for a while.
#[test]
fn a_roster_that_nobody_can_read_kills_nobody_and_loses_nothing() {
    let world = World::new();
    let (.., mut other, _) = under_way(&world);
    room(&mut other);
    let (written, _) = world.shared.get(ROSTER).unwrap();
    for lie in Lie::ALL {
        let world = World::new();
        let (mut worker, mut other, [first, second]) = under_way(&world);
        let (honest, _) = world.shared.get(ROSTER).unwrap();
        assert_eq!(honest.len(), written.len());
        let bytes = match lie {
            Lie::Empty => Vec::new(),
            Lie::Half => honest[..honest.len() / 2].to_vec(),
            Lie::Shorter => honest[..honest.len() - 1].to_vec(),
            Lie::Longer => [honest.clone(), vec![0; 300_000]].concat(),
            _ => vec![0xff; honest.len()],
        };
        world.shared.set(ROSTER, &bytes, 0);
        let mut newcomer = world.worker(&two_at_once());
        for _ in 0..60 {
            world.clock.advance(SECOND / 5);
            for worker in [&mut worker, &mut other, &mut newcomer] {
                worker.tick();
            }
            assert_eq!(room(&mut other), 0, "{lie:?}");
        }
        assert_eq!(
            newcomer.request(good()).summary(),
            "503 not_ready",
            "{lie:?}"
        );
        worker.end(first);
        assert_eq!(room(&mut other), 1, "{lie:?}");
        world.shared.set(ROSTER, &honest, 0);
        recover(&world, [&mut worker, &mut other]);
        worker.end(second);
        assert_eq!(room(&mut newcomer), 2, "{lie:?}");
    }
}

/// No count wraps around, and none that is too large locks anybody out for longer than its window.
#[test]
fn counts_at_their_largest_stay_there() {
    let world = World::new();
    let limits = json!({"per_minute": u32::MAX, "concurrent": u32::MAX});
    let configuration = configuration::limited(configuration::inline(), limits);
    let mut worker = world.worker(&configuration);
    let stream = worker.open(good());
    let slot = world
        .shared
        .keys()
        .into_iter()
        .find(|key| key != ROSTER)
        .unwrap();
    let (mut bytes, _) = world.shared.get(&slot).unwrap();
    // Behind the accounts' number, the name, two sizes, the windows and the cap's id: the minute's count; and behind
    // the hour, the day, the shares' number and the worker: how many of it are under way.
    let minute = 2 + (1 + "acme".len()) + 4 + 12 + 1 + 8;
    let share = minute + 12 + 2 + 4;
    for count in [minute, share] {
        assert_eq!(bytes[count..count + 4], 1_u32.to_le_bytes());
        bytes[count..count + 4].fill(0xff);
    }
    world.shared.set(&slot, &bytes, 0);
    assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
    worker.end(stream);
    world.clock.advance(SECOND * 30);
    let outcome = worker.request(good());
    assert_eq!(outcome.summary(), "forwarded", "all but one are under way");
    assert_eq!(world.shared.get(&slot).unwrap().0.len(), bytes.len());
}
