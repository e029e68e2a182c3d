//! The store: a fixed number of values under a ceiling, however many accounts there are.

use std::collections::BTreeSet;

use host_tests::{Request, Token, Worker, World, configuration};
use serde_json::{Value, json};

use super::{SECOND, open};

/// Anybody may use any account; nothing but the caps costs time.
fn open_to_all(limits: Value, bytes: usize) -> Value {
    let mut configuration = configuration::limited(configuration::inline(), limits);
    configuration["issuers"][0]["membership"] = json!("any");
    configuration["shared_counts"] = json!({"bytes": bytes});
    configuration["accounts"] = json!({"pattern": "^[a-z0-9-]+$"});
    configuration.as_object_mut().unwrap().remove("assertion");
    configuration
}

const SMALLEST: usize = 1 << 20;
const MANY: usize = 12_000;

fn of(number: usize) -> Request {
    super::request(&format!("account-{number}"), "/x")
}

/// With a name that takes much of a slot.
fn long(number: usize) -> Request {
    super::request(&format!("{number:a>60}"), "/x")
}

/// What the slots take.
fn bytes(world: &World) -> usize {
    let slots = world
        .shared
        .keys()
        .into_iter()
        .filter(|key| !key.ends_with("workers"));
    slots
        .map(|key| world.shared.get(&key).unwrap().0.len())
        .sum()
}

/// One request of each of so many accounts; those that found no room.
fn fill(worker: &mut Worker, accounts: usize, request: fn(usize) -> Request) -> BTreeSet<usize> {
    let mut refused = BTreeSet::new();
    for number in 0..accounts {
        let outcome = worker.request(request(number));
        worker.host().trace.clear();
        if !outcome.is_forwarded() {
            assert_eq!(outcome.summary(), "503 not_ready");
            refused.insert(number);
        }
    }
    refused
}

#[test]
fn however_many_accounts_come_the_ceiling_holds() {
    let world = World::new();
    let limits = json!({"per_minute": 2, "concurrent": 2});
    let mut worker = world.worker(&open_to_all(limits, SMALLEST));
    let refused = fill(&mut worker, MANY, long);
    let (bytes, keys) = (bytes(&world), world.shared.keys().len());
    println!(
        "{} of {MANY} found no room in {bytes} bytes, {keys} keys",
        refused.len()
    );
    assert!(
        bytes <= SMALLEST / 2 && keys <= 4097,
        "{bytes} bytes, {keys} keys"
    );
    assert!(bytes > SMALLEST / 3, "{bytes} bytes");
    assert!(refused.len() < MANY / 4 * 3, "{} refused", refused.len());

    // Whoever is in it keeps its count and its rights.
    let known = (0..MANY).find(|number| !refused.contains(number)).unwrap();
    assert_eq!(worker.request(long(known)).summary(), "forwarded");
    assert_eq!(worker.request(long(known)).summary(), "429 cap_exceeded");

    // Whoever is not is told when to come again, and then there is room.
    let newcomer = *refused.first().unwrap();
    let outcome = worker.request(long(newcomer));
    assert_eq!(outcome.summary(), "503 not_ready");
    assert_eq!(outcome.reply().headers.get("retry-after").unwrap(), "30");
    worker.tick();
    assert!(world.statistics.value("tollgate.shared_counts.failed.full") > 0);
    world.clock.advance(SECOND * 30);
    assert_eq!(worker.request(long(newcomer)).summary(), "forwarded");
}

#[test]
fn twenty_thousand_accounts_fit_and_the_first_keeps_its_count() {
    let world = World::new();
    let ceiling = 32 << 20;
    let mut worker = world.worker(&open_to_all(json!({"per_minute": 2}), ceiling));
    assert_eq!(fill(&mut worker, 20_000, of), BTreeSet::new());
    println!("20,000 accounts take {} bytes", bytes(&world));
    assert!(bytes(&world) <= ceiling);
    assert_eq!(worker.request(of(1)).summary(), "forwarded");
    assert_eq!(worker.request(of(1)).summary(), "429 cap_exceeded");
}

/// One account of 82 bytes fills what a slot of the smallest store has for new ones, but for what it has under way.
#[test]
fn who_is_in_a_full_slot_has_room_for_what_is_under_way() {
    let world = World::new();
    let limits = json!({"per_minute": 9, "concurrent": 9});
    let mut worker = world.worker(&open_to_all(limits, SMALLEST));
    let of_82 = |number| super::request(&format!("{number:a>82}"), "/x");
    let refused = fill(&mut worker, 800, of_82);
    let mut known = (0..800).filter(|number| !refused.contains(number));
    assert!(known.all(|number| {
        let stream = worker.open(of_82(number));
        worker.outcome(stream).is_forwarded()
    }));
    assert!(bytes(&world) <= SMALLEST);
}

/// However many caps count it.
#[test]
fn an_account_that_is_alone_in_a_slot_has_room() {
    let cap = |number: usize| json!({"name": format!("cap-{number}"), "limits": {"concurrent": 2}});
    let mut configuration = open_to_all(json!({}), 6 << 20);
    configuration["caps"] = (0..16).map(cap).collect();
    let mut worker = World::new().worker(&configuration);
    assert_eq!(open(&mut worker, 9).len(), 2);
}

#[test]
fn a_name_of_255_bytes_has_counts_like_any_other() {
    let world = World::new();
    let configuration = open_to_all(json!({"per_minute": 2, "concurrent": 1}), 2 * SMALLEST);
    let mut worker = world.worker(&configuration);
    let pass = |length: usize| {
        let name = "a".repeat(length);
        let outcomes = (0..4).map(|_| worker.request(super::request(&name, "/x")));
        outcomes.filter(host_tests::Outcome::is_forwarded).count()
    };
    assert_eq!([1, 63, 254, 255, 256].map(pass), [2, 2, 2, 2, 0]);
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
    assert!(keys.iter().all(|key| key.len() <= 24), "{keys:?}");
}

#[test]
fn what_is_over_is_swept_away() {
    let world = World::new();
    let mut worker = world.worker(&open_to_all(json!({"per_minute": 2}), SMALLEST));
    fill(&mut worker, 500, of);
    let before = bytes(&world);
    world.clock.advance(SECOND * 360);
    for _ in 0..70 {
        world.clock.advance(SECOND / 5);
        worker.tick();
    }
    let after = bytes(&world);
    assert!(
        before > 20_000 && after <= 2 * 500,
        "{before} bytes, then {after}"
    );
}

#[test]
fn what_is_under_way_is_not_swept_away() {
    let world = World::new();
    let mut worker = world.worker(&open_to_all(
        json!({"concurrent": 2, "per_minute": 9}),
        SMALLEST,
    ));
    let streams = open(&mut worker, 2);
    for _ in 0..500 {
        world.clock.advance(SECOND / 5);
        worker.tick();
    }
    assert_eq!(open(&mut worker, 1).len(), 0);
    worker.end_all(streams);
    assert_eq!(open(&mut worker, 9).len(), 2);
}
