//! What two threads do between each other's calls to the host.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use host_tests::{
    Answer, Request, Threads, Token, Worker, World, configuration, jwk, key_set, other_jwk,
};
use serde_json::json;
use tollgate_policy::keys::MAX_KEYS;

const SECOND: Duration = Duration::from_secs(1);

fn by(token: &Token) -> Request {
    Request::get("/x").account("acme").bearer(&token.signed())
}

fn good() -> Request {
    by(&Token::good())
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

/// A worker in another thread's hands.
fn other(world: &World) -> Arc<Mutex<Worker>> {
    Arc::new(Mutex::new(world.worker(&configuration::remote())))
}

#[test]
fn only_one_of_two_that_begin_at_the_same_moment_asks() {
    for call in ["proxy_get_shared_data", "proxy_set_shared_data"] {
        let world = World::new();
        let mut one = world.worker(&configuration::remote());
        let other = other(&world);
        let between = Arc::clone(&other);
        one.host()
            .before_next(call, move || between.lock().unwrap().tick());
        one.tick();
        let mut other = other.lock().unwrap();
        assert_eq!(one.callouts().len() + other.callouts().len(), 1, "{call}");
        for worker in [&mut one, &mut *other] {
            if !worker.callouts().is_empty() {
                worker.answer_callout(keys());
            }
        }
        for worker in [&mut one, &mut *other] {
            worker.tick();
            assert!(worker.request(good()).is_forwarded(), "{call}");
        }
    }
}

#[test]
fn an_answer_is_published_though_another_writes_in_between() {
    let world = World::new();
    let mut one = world.fetching(&configuration::remote());
    let key = world.shared.keys().remove(0);
    for _ in 0..3 {
        let (shared, key) = (world.shared.clone(), key.clone());
        one.host().before_next("proxy_set_shared_data", move || {
            let (written, _) = shared.get(&key).unwrap();
            shared.set(&key, &written, 0);
        });
    }
    one.answer_callout(keys());
    assert!(one.request(good()).is_forwarded());
    let mut other = world.fetching(&configuration::remote());
    assert!(other.request(good()).is_forwarded());
}

/// Somebody took over, because the first seemed to be gone; its answer is older than the one that is there.
#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let world = World::new();
    let mut slow = world.fetching(&configuration::remote());
    world.clock.advance(SECOND * 10);
    let mut next = world.fetching(&configuration::remote());
    let newer = json!({"keys": [jwk("1"), other_jwk("2")]});
    next.answer_callout(Answer::new(200, newer.to_string()));
    slow.answer_callout(keys());
    let new = || by(&Token::good().header("kid", "2").other_key());
    for worker in [&mut slow, &mut next] {
        worker.tick();
        assert!(worker.request(new()).is_forwarded());
        assert_eq!(worker.callouts(), []);
    }

    // And a failure neither.
    let world = World::new();
    let mut slow = world.fetching(&configuration::remote());
    world.clock.advance(SECOND * 10);
    let mut next = world.fetching(&configuration::remote());
    next.answer_callout(keys());
    slow.answer_callout(Answer::new(500, ""));
    for worker in [&mut slow, &mut next] {
        worker.tick();
        assert!(worker.request(good()).is_forwarded());
        assert_eq!(worker.callouts(), []);
    }
}

/// Requests of several workers name the same new key at the same moment.
#[test]
fn only_one_asks_for_an_unknown_key() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration::remote(), 1);
    threads.until_asked(SECOND).unwrap();
    threads.answer(keys());
    threads.tick();
    let other = other(&world);
    other.lock().unwrap().tick();
    let new = || by(&Token::good().header("kid", "2").other_key());
    let between = Arc::clone(&other);
    threads[1]
        .host()
        .before_next("proxy_set_shared_data", move || {
            let mut other = between.lock().unwrap();
            other.open(new());
            other.tick();
        });
    let stream = threads[1].open(new());
    threads.tick();
    let mut other = other.lock().unwrap();
    let asking = threads.asking().len() + other.callouts().len();
    assert_eq!(asking, 1);
    let set = json!({"keys": [jwk("1"), other_jwk("2")]});
    let set = Answer::new(200, set.to_string());
    if other.callouts().is_empty() {
        threads.answer(set);
    } else {
        other.answer_callout(set);
    }
    threads.tick();
    assert!(threads[1].outcome(stream).is_forwarded());
}

/// The set may have 256 KiB; each thread reads the record in each tick, and more often while requests wait.
#[test]
fn a_large_set_does_not_make_ticks_expensive() {
    let key = jwk("1");
    let size = key.to_string().len();
    let mut most = (0, 0);
    for number in [1, MAX_KEYS] {
        let others = (1..number).map(|number| {
            let mut other = other_jwk(&format!("other-{number}"));
            // A certificate chain, as issuers add them.
            other["x5c"] = json!(["A".repeat(700)]);
            other
        });
        let keys: Vec<_> = [key.clone()].into_iter().chain(others).collect();
        let set = json!({ "keys": keys }).to_string();
        assert!(set.len() < 256 * 1024, "{size}");
        let world = World::new();
        let mut worker = world.fetching(&configuration::remote());
        worker.answer_callout(Answer::new(200, &set));
        assert!(worker.request(good()).is_forwarded());
        // It may be read once when it is new.
        worker.tick();
        println!(
            "{} bytes of keys: the first tick takes {} instructions",
            set.len(),
            worker.fuel()
        );
        worker.tick();
        most = (set.len(), worker.fuel());
        println!("{} bytes of keys: each after it {}", most.0, most.1);
        // A request that waits for an unknown key, once the issuer is being asked.
        world.clock.advance(SECOND * 60);
        let unknown = |id: &str| by(&Token::good().header("kid", id));
        worker.open(unknown("x"));
        worker.tick();
        worker.open(unknown("y"));
        worker.open(unknown("z"));
        println!("and a request that waits {}", worker.fuel());
    }
    assert!(most.1 < 2_000_000, "{most:?}");
}
