//! A token that names a key which the set does not have: the issuer is asked, but not by whoever likes.

use std::time::Duration;

use host_tests::{
    Answer, Outcome, Request, Threads, Token, Worker, World, configuration, jwk, key_set, other_jwk,
};
use serde_json::{Value, json};

const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const COOLDOWN: Duration = Duration::from_secs(30);
const WORKERS: usize = 3;

/// The longest that a fetch takes: the request's 5 seconds, and one for its answer to be written down.
const FETCH: Duration = Duration::from_secs(6);

fn by(token: &Token) -> Request {
    Request::get("/x").account("acme").bearer(&token.signed())
}

/// By the issuer's next key.
fn new() -> Request {
    by(&Token::good().header("kid", "2").other_key())
}

/// By a key that nobody has.
fn unknown(id: &str) -> Request {
    by(&Token::good().header("kid", id))
}

fn good() -> Request {
    by(&Token::good())
}

fn set(keys: &[Value]) -> Answer {
    Answer::new(200, json!({"keys": keys}).to_string())
}

fn old_set() -> Answer {
    Answer::new(200, key_set().to_string())
}

/// All threads have the old set; the time since is longer than any cool-down.
fn ready(world: &World) -> Threads {
    let mut threads = Threads::start(world, &configuration::remote(), WORKERS);
    threads.until_asked(SECOND).unwrap();
    threads.answer(old_set());
    threads.tick();
    world.clock.advance(COOLDOWN * 2);
    threads.tick();
    assert_eq!(threads.asked(), 1);
    threads
}

/// The cool-down is used up by a made-up key, and within it worker 1 refreshes the keys; no other has ticked since.
fn refreshing(world: &World) -> Threads {
    let mut configuration = configuration::remote();
    configuration["issuers"][0]["jwks"]["refresh"] = json!("10s");
    let mut threads = Threads::start(world, &configuration, WORKERS);
    threads.until_asked(SECOND).unwrap();
    threads.answer(old_set());
    threads.tick();
    threads[1].open(unknown("x"));
    threads.tick();
    threads.answer(old_set());
    threads.tick();
    world.clock.advance(SECOND * 10);
    threads[1].tick();
    assert_eq!(threads.asking(), [1]);
    threads
}

/// Neither let through nor refused for good.
fn is_undecided(outcome: &Outcome) -> bool {
    let outcome = outcome.summary();
    outcome == "waiting" || outcome == "503 keys_unavailable"
}

/// Some ticks in which nothing else happens.
fn pass_time(world: &World, threads: &mut Threads) {
    for _ in 0..5 {
        world.clock.advance(TICK);
        threads.tick();
    }
}

#[test]
fn a_new_key_is_fetched_once_for_all_who_wait() {
    let world = World::new();
    let mut threads = ready(&world);
    let open = |worker: &mut Worker| [worker.open(new()), worker.open(new())];
    let waiting: Vec<_> = threads.workers().map(open).collect();
    for (worker, streams) in threads.workers().zip(&waiting) {
        for stream in streams {
            assert_eq!(worker.outcome(*stream).summary(), "waiting");
        }
    }
    pass_time(&world, &mut threads);
    assert_eq!(threads.asked(), 2, "once");
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    threads.tick();
    for (worker, streams) in threads.workers().zip(waiting) {
        for stream in streams {
            assert_eq!(worker.outcome(stream).summary(), "forwarded");
        }
    }
    assert_eq!(threads.asked(), 2);
}

#[test]
fn the_issuer_is_asked_at_once() {
    let world = World::new();
    let mut threads = ready(&world);
    threads[1].open(new());
    threads.tick();
    assert_eq!(threads.asking().len(), 1);
}

#[test]
fn a_key_that_stays_unknown_is_refused_when_the_issuer_has_answered() {
    let world = World::new();
    let mut threads = ready(&world);
    let stream = threads[1].open(unknown("x"));
    pass_time(&world, &mut threads);
    threads.answer(old_set());
    threads.tick();
    assert_eq!(threads[1].outcome(stream).summary(), "401 token_key");
}

#[test]
fn made_up_keys_ask_once_in_a_cooldown() {
    let world = World::new();
    let mut threads = ready(&world);
    for round in 0..3 {
        let first = threads[1].open(unknown("first"));
        pass_time(&world, &mut threads);
        assert_eq!(threads.asked(), 2 + round, "the first asks");
        threads.answer(old_set());
        threads.tick();
        assert_eq!(threads[1].outcome(first).summary(), "401 token_key");

        for number in 0..100 {
            let made_up = unknown(&format!("{round}-{number}"));
            let worker = threads.workers().nth(number % WORKERS).unwrap();
            assert_eq!(worker.request(made_up).summary(), "401 token_key");
            assert!(worker.request(good()).is_forwarded());
            world.clock.advance(COOLDOWN / 110);
            threads.tick();
        }
        assert_eq!(threads.asked(), 2 + round, "and nobody else");
        world.clock.advance(COOLDOWN / 5);
        threads.tick();
    }
}

#[test]
fn the_cooldown_is_as_configured() {
    let mut configuration = configuration::remote();
    configuration["issuers"][0]["jwks"]["unknown_kid_cooldown"] = json!("5s");
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration, 1);
    threads.until_asked(SECOND).unwrap();
    threads.answer(old_set());
    threads.tick();
    for asked in 2..5 {
        world.clock.advance(SECOND * 6);
        threads.tick();
        let stream = threads[1].open(unknown("x"));
        pass_time(&world, &mut threads);
        assert_eq!(threads.asked(), asked);
        threads.answer(old_set());
        threads.tick();
        assert_eq!(threads[1].outcome(stream).summary(), "401 token_key");
    }
}

#[test]
fn while_the_issuer_cannot_be_asked_nobody_says_that_a_key_is_wrong() {
    let world = World::new();
    let mut threads = ready(&world);
    let stream = threads[1].open(new());
    pass_time(&world, &mut threads);
    threads.answer(Answer::new(503, "upstream connect error"));
    for _ in 0..25 {
        world.clock.advance(TICK);
        threads.tick();
    }
    let outcome = threads[1].outcome(stream);
    assert_eq!(outcome.summary(), "503 keys_unavailable");
    assert!(outcome.reply().headers.get("retry-after").is_some());
    assert!(threads[1].request(good()).is_forwarded());

    // Until it can be asked again.
    let stream = threads[2].open(new());
    world.clock.advance(COOLDOWN + SECOND * 12);
    threads.tick();
    assert_eq!(threads[2].outcome(stream).summary(), "503 keys_unavailable");
    let stream = threads[2].open(new());
    if threads.asking().is_empty() {
        threads.until_asked(SECOND).expect("it is asked again");
    }
    threads.answer(set(&[other_jwk("2")]));
    threads.tick();
    assert_eq!(threads[2].outcome(stream).summary(), "forwarded");
}

#[test]
fn when_whoever_asks_dies_nobody_says_that_a_key_is_wrong_and_another_asks() {
    let world = World::new();
    let mut threads = ready(&world);
    threads[1].open(new());
    threads[1].tick();
    for death in 1..=3 {
        let holder = threads.asking()[0];
        threads.kill(holder);
        threads.add(&configuration::remote());
        let died = world.clock.now();
        while threads.asking().is_empty() {
            world.clock.advance(TICK);
            let passed = world.clock.now() - died;
            assert!(passed <= FETCH + TICK * 2, "death {death}: nobody asks");
            let streams: Vec<_> = threads.workers().map(|worker| worker.open(new())).collect();
            threads.tick();
            for (worker, stream) in threads.workers().zip(streams) {
                let outcome = worker.outcome(stream);
                assert!(is_undecided(&outcome), "{passed:?}: {outcome:?}");
            }
        }
    }
    let stream = threads[1].open(new());
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    threads.tick();
    assert_eq!(threads[1].outcome(stream).summary(), "forwarded");
}

/// The second asks because the keys grow old, and nobody has ticked since its time was over.
#[test]
fn when_two_die_who_asked_for_different_reasons_nobody_says_that_a_key_is_wrong() {
    let mut configuration = configuration::remote();
    configuration["issuers"][0]["jwks"]["refresh"] = json!("10s");
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration, WORKERS);
    threads.until_asked(SECOND).unwrap();
    threads.answer(old_set());
    threads.tick();
    world.clock.advance(SECOND * 5);
    threads[1].open(new());
    threads[1].tick();
    threads.kill(1);
    threads.until_asked(FETCH).expect("the keys are old");
    let holder = threads.asking()[0];
    threads.kill(holder);
    world.clock.advance(FETCH);
    for worker in threads.workers() {
        let outcome = worker.request(new());
        assert!(is_undecided(&outcome), "{outcome:?}");
    }
}

#[test]
fn when_whoever_asks_is_silent_nobody_says_that_a_key_is_wrong() {
    let world = World::new();
    let mut threads = ready(&world);
    threads[1].open(new());
    threads[1].tick();
    // Longer than the cool-down: each fetch is lost, and the next one follows.
    for _ in 0..COOLDOWN.as_secs() * 2 {
        world.clock.advance(SECOND);
        for worker in threads.workers() {
            let stream = worker.open(new());
            worker.tick();
            let outcome = worker.outcome(stream);
            assert!(is_undecided(&outcome), "{outcome:?}");
            assert!(worker.request(good()).is_forwarded());
        }
    }
}

#[test]
fn within_the_cooldown_a_worker_waits_for_the_key_that_another_is_bringing() {
    let world = World::new();
    let mut threads = refreshing(&world);
    let stream = threads[2].open(new());
    assert_eq!(threads[2].outcome(stream).summary(), "waiting");
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    threads.tick();
    assert_eq!(threads[2].outcome(stream).summary(), "forwarded");
    assert_eq!(threads.asked(), 3);
}

#[test]
fn within_the_cooldown_a_worker_sees_the_key_that_another_has_brought() {
    let world = World::new();
    let mut threads = refreshing(&world);
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    assert_eq!(threads[2].request(new()).summary(), "forwarded");
    assert_eq!(
        threads[3].request(unknown("y")).summary(),
        "401 token_key",
        "nor does one wait whose key it has not brought"
    );
    threads.tick();
    assert_eq!(threads.asked(), 3);
}

#[test]
fn an_issuer_that_does_not_answer_keeps_nobody_waiting_for_longer_than_max_wait() {
    let world = World::new();
    let mut threads = ready(&world);
    let stream = threads[1].open(new());
    for _ in 0..20 {
        world.clock.advance(TICK);
        threads.tick();
    }
    let outcome = threads[1].outcome(stream);
    assert_eq!(outcome.summary(), "503 keys_unavailable");
    assert!(threads[1].request(good()).is_forwarded());
}

#[test]
fn what_is_refused_anyway_asks_nobody() {
    let world = World::new();
    let mut threads = ready(&world);
    let id = |token: Token| by(&token.header("kid", "x"));
    for (request, expected) in [
        (id(Token::good().claim("exp", 1)), "401 token_expired"),
        (
            id(Token::good().claim("aud", "other")),
            "401 token_audience",
        ),
        (
            id(Token::good().claim("iss", "https://x")),
            "401 token_issuer",
        ),
        (
            id(Token::good().header("alg", "HS256")),
            "401 token_algorithm",
        ),
    ] {
        assert_eq!(threads[1].request(request).summary(), expected);
    }
    pass_time(&world, &mut threads);
    assert_eq!(threads.asked(), 1);
}

#[test]
fn whoever_waited_for_the_first_keys_asks_for_no_more() {
    let world = World::new();
    let mut worker = world.fetching(&configuration::remote());
    let stream = worker.open(good());
    worker.answer_callout(old_set());
    assert!(worker.outcome(stream).is_forwarded());
    worker.tick();
    assert_eq!(worker.callouts(), []);
}

#[test]
fn keys_in_the_configuration_alone_are_all_there_are() {
    let mut worker = World::new().worker(&configuration::inline());
    assert_eq!(worker.request(unknown("x")).summary(), "401 token_key");
    worker.tick();
    assert_eq!(worker.callouts(), []);
}

/// Another worker has fetched a set that is new, and does not have the key either.
#[test]
fn what_has_come_without_the_key_does_not_put_off_the_search_for_it() {
    let world = World::new();
    let mut threads = ready(&world);
    world.clock.advance(Duration::from_secs(600));
    threads[1].tick();
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    let asked = threads.asked();
    let token = Token::good()
        .header("kid", "3")
        .claim("exp", 4_000_000_000_u64);
    let stream = threads[2].open(by(&token));
    threads[2].tick();
    assert_eq!(threads.asked(), asked + 1);
    threads.answer(set(&[jwk("1"), other_jwk("2")]));
    assert_eq!(threads[2].outcome(stream).summary(), "401 token_key");
}
