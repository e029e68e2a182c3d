//! One thread of Envoy fetches the keys for all; whoever it is may die.

use std::time::Duration;

use host_tests::{
    Answer, Fault, Request, Threads, Token, Worker, World, configuration, key_set, other_jwk,
    status,
};
use serde_json::json;

pub const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The retry without keys, and room for a tick before and after.
pub const SOON: Duration = Duration::from_millis(900);

/// How long a fetch may stand still when whoever was at it is no more: a fetch takes 5 seconds at most.
pub const LEASE: Duration = Duration::from_secs(15);

/// A token that outlives the keys.
pub fn good() -> Request {
    by(Token::good())
}

pub fn by(token: Token) -> Request {
    let token = token.claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account("acme").bearer(&token)
}

pub fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

/// A main thread and three workers, none of which has keys.
fn threads(world: &World) -> Threads {
    Threads::start(world, &configuration::remote(), 3)
}

/// The same with keys in all of them.
pub fn ready(world: &World) -> Threads {
    let mut threads = threads(world);
    threads.until_asked(SOON).expect("somebody asks");
    threads.answer(keys());
    threads.tick();
    threads
}

pub fn all_pass(threads: &mut Threads) -> bool {
    let mut outcomes = threads.workers().map(|worker| worker.request(good()));
    outcomes.all(|outcome| outcome.is_forwarded())
}

#[test]
fn one_asks_and_all_have_the_answer_after_their_next_tick() {
    let world = World::new();
    let mut threads = threads(&world);
    for _ in 0..20 {
        threads.tick();
        world.clock.advance(TICK);
    }
    assert_eq!(threads.asked(), 1);
    threads.answer(keys());
    threads.tick();
    assert!(all_pass(&mut threads));
    assert_eq!(threads.asked(), 1);
    assert_eq!(world.statistics.value("tollgate.issuer.0.keys.fetched"), 1);
    assert_eq!(world.statistics.value("tollgate.issuer.0.keys.usable"), 1);
}

#[test]
fn those_that_wait_in_other_workers_go_on() {
    let world = World::new();
    let mut threads = threads(&world);
    let waiting: Vec<_> = threads
        .workers()
        .map(|worker| worker.open(good()))
        .collect();
    threads.until_asked(SOON).unwrap();
    threads.answer(keys());
    threads.tick();
    for (worker, stream) in threads.workers().zip(waiting) {
        let outcome = worker.outcome(stream);
        assert!(outcome.is_forwarded(), "{outcome:?}");
    }
}

#[test]
fn a_worker_that_starts_later_has_the_keys_without_asking() {
    let world = World::new();
    let mut threads = ready(&world);
    threads.add(&configuration::remote());
    threads.tick();
    assert!(all_pass(&mut threads));
    assert_eq!(threads.asked(), 1);
}

#[test]
fn keys_grow_old_for_all_at_the_same_time_and_one_asks() {
    let world = World::new();
    let mut threads = ready(&world);
    world.clock.advance(MINUTE * 10 - SECOND);
    threads.tick();
    assert_eq!(threads.asked(), 1, "not before");
    threads.until_asked(SECOND * 3).expect("they are due");
    for _ in 0..20 {
        threads.tick();
        world.clock.advance(TICK);
    }
    assert_eq!(threads.asked(), 2);

    let rotated = json!({"keys": [other_jwk("2")]});
    threads.answer(Answer::new(200, rotated.to_string()));
    threads.tick();
    for worker in threads.workers() {
        let new = by(Token::good().header("kid", "2").other_key());
        assert!(worker.request(new).is_forwarded());
    }
}

/// The issuer was away for longer than `max_stale`, and its keys are still the same.
#[test]
fn keys_that_come_back_as_they_were_are_news_to_those_who_wait() {
    let world = World::new();
    let mut threads = ready(&world);
    world.clock.advance(DAY + SECOND);
    let stream = threads[2].open(good());
    threads[1].tick();
    threads.answer(keys());
    threads.tick();
    assert_eq!(threads[2].outcome(stream).summary(), "forwarded");
    assert_eq!(threads.asking(), [0; 0], "for a key that is there");
    assert_eq!(threads.asked(), 2);
}

/// Nor has this worker looked at its keys while they were too old.
#[test]
fn keys_that_have_come_back_as_they_were_are_seen_at_once() {
    let world = World::new();
    let mut threads = ready(&world);
    world.clock.advance(DAY + SECOND);
    threads[1].tick();
    threads.answer(keys());
    assert_eq!(threads[2].request(good()).summary(), "forwarded");
    threads.tick();
    assert_eq!(threads.asked(), 2);
}

#[test]
fn a_failure_is_tried_again_by_one() {
    let world = World::new();
    let mut threads = threads(&world);
    threads.until_asked(SOON).unwrap();
    for failures in 1..=5 {
        threads.answer(Answer::new(503, "upstream connect error"));
        let again = threads.until_asked(SOON).expect("it is tried again");
        assert!(again >= TICK * 4, "{again:?}");
        assert_eq!(threads.asked(), failures + 1);
    }
    threads.answer(keys());
    threads.tick();
    assert!(all_pass(&mut threads));
}

#[test]
fn a_failure_is_tried_again_less_often_while_there_are_keys() {
    let world = World::new();
    let mut threads = ready(&world);
    world.clock.advance(MINUTE * 10);
    threads.until_asked(SECOND * 2).unwrap();
    threads.answer(Answer::new(500, ""));
    let again = threads.until_asked(SECOND * 12).expect("tried again");
    assert!(again >= SECOND * 9, "{again:?}");
    assert!(all_pass(&mut threads));
}

#[test]
fn one_failure_is_one_line_in_the_log() {
    let world = World::new();
    let mut threads = threads(&world);
    for _ in 0..5 {
        threads.until_asked(SOON).unwrap();
        threads.answer(Answer::new(500, ""));
        for worker in threads.workers() {
            worker.request(good());
        }
    }
    let mut warnings = 0;
    for thread in 0..threads.len() {
        let lines = threads[thread].host().log.iter();
        warnings += lines.filter(|(level, _)| *level >= 3).count();
    }
    // Whoever asks says it, and each may have asked.
    assert!((1..=threads.len()).contains(&warnings), "{warnings}");
}

#[test]
fn another_takes_over_from_one_that_has_died() {
    let world = World::new();
    let mut threads = threads(&world);
    for death in 0..3 {
        threads.until_asked(LEASE).expect("somebody asks");
        let holder = threads.asking()[0];
        threads.kill(holder);
        threads.add(&configuration::remote());
        threads.tick();
        assert_eq!(threads.asking(), [0; 0], "nobody knows yet");
        let later = threads.until_asked(LEASE).expect("somebody takes over");
        println!("death {death}: another asked {later:?} later");
    }
    threads.answer(keys());
    threads.tick();
    assert!(all_pass(&mut threads));
}

#[test]
fn one_that_dies_with_its_answer_published_leaves_it_to_the_others() {
    let world = World::new();
    let mut threads = threads(&world);
    threads.until_asked(SOON).unwrap();
    let holder = threads.answer(keys());
    threads.kill(holder);
    threads.tick();
    assert!(all_pass(&mut threads));
    assert_eq!(threads.asked(), 1);
}

/// A tick some time later, in which the issuer answers whatever it is asked.
fn tick_and_answer(world: &World, worker: &mut Worker) {
    world.clock.advance(TICK);
    worker.tick();
    while !worker.callouts().is_empty() {
        worker.answer_callout(keys());
    }
}

/// Without it nobody could tell how old keys are.
#[test]
fn without_shared_data_nobody_passes_until_it_works_again() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        for failure in status::FAILURES {
            let world = World::new();
            let mut worker = world.worker(&configuration::remote());
            worker.host().faults.always(call, Fault::Status(failure));
            let stream = worker.open(good());
            // Longer than `max_wait`.
            for _ in 0..30 {
                tick_and_answer(&world, &mut worker);
                let outcome = worker.request(by(Token::good().other_key()));
                assert_eq!(outcome.summary(), "waiting", "{call}: {failure}");
            }
            let outcome = worker.outcome(stream).summary();
            assert_eq!(outcome, "503 keys_unavailable", "{call}: {failure}");

            worker.host().faults.clear();
            let mut passes = || {
                tick_and_answer(&world, &mut worker);
                worker.request(good()).is_forwarded()
            };
            assert!((0..150).any(|_| passes()), "{call}: {failure}");
        }
    }
}

#[test]
fn shared_data_that_cannot_be_written_is_one_line_in_the_log() {
    // Where somebody else was faster, it can be.
    let is_failure = |failure: &status::Status| *failure != status::CAS_MISMATCH;
    for failure in status::FAILURES.into_iter().filter(is_failure) {
        let world = World::new();
        let mut worker = world.worker(&configuration::remote());
        let fault = Fault::Status(failure);
        worker.host().faults.always("proxy_set_shared_data", fault);
        for _ in 0..100 {
            tick_and_answer(&world, &mut worker);
        }
        let said = |(level, line): &&(u32, String)| *level >= 3 && line.contains("shared data");
        let lines: Vec<_> = worker.host().log.iter().filter(said).collect();
        assert_eq!(lines.len(), 1, "{failure}: {lines:?}");
    }
}

/// Where a step of the clock can do harm.
#[derive(Clone, Copy, Debug)]
enum When {
    Starting,
    Asking,
    HolderDead,
    Failed,
    Ready,
}

/// The clock goes to another time, and from there on.
fn step(world: &World, step: Duration, back: bool) {
    if back {
        world.clock.step_back(step);
    } else {
        world.clock.advance(step);
    }
}

#[test]
fn no_step_of_the_clock_stops_the_fetches() {
    use When::{Asking, Failed, HolderDead, Ready, Starting};
    for when in [Starting, Asking, HolderDead, Failed, Ready] {
        for size in [SECOND, SECOND * 20, MINUTE * 60, YEAR] {
            for back in [false, true] {
                let world = World::new();
                world.clock.advance(YEAR * 2);
                let mut threads = match when {
                    Ready => ready(&world),
                    _ => threads(&world),
                };
                if !matches!(when, Starting | Ready) {
                    threads.until_asked(SOON).unwrap();
                }
                match when {
                    HolderDead => {
                        let holder = threads.asking()[0];
                        threads.kill(holder);
                    }
                    Failed => {
                        threads.answer(Answer::new(503, ""));
                    }
                    Starting | Asking | Ready => {}
                }
                step(&world, size, back);
                let what = format!("{when:?}: {size:?} {}", if back { "back" } else { "on" });

                // What is under way is answered, whatever the time; the next fetch comes when it should.
                if matches!(when, Asking) {
                    threads.answer(keys());
                    threads.tick();
                }
                let due = match when {
                    // The clock has to catch up first, with a step that is too small to be noticed.
                    Asking | Ready => MINUTE * 10 + size.min(MINUTE * 10) + LEASE,
                    _ => LEASE,
                };
                let asked = threads.until_asked(due);
                assert!(asked.is_some(), "nobody asks: {what}");
                threads.answer(keys());
                threads.tick();
                assert!(all_pass(&mut threads), "{what}");
                // And so does the one after it.
                let asked = threads.until_asked(MINUTE * 10 + LEASE);
                assert!(asked.is_some(), "nobody asks again: {what}");
            }
        }
    }
}
