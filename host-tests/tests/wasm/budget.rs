//! Signatures that the module verifies itself take time from all other requests of the worker, so they have a budget:
//! 50 ms at once, and a quarter of each second. The clock of these tests stands still while the module computes; each
//! signature then counts 50 microseconds.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use host_tests::{
    ALGORITHMS, Fault, Request, Token, VerifySignature, Worker, World, configuration,
};

fn by(token: &str) -> Request {
    Request::get("/x").account("acme").bearer(token)
}

/// A token with a signature of this many bytes.
fn signed_with(algorithm: &str, length: usize) -> String {
    let token = Token::by(algorithm).claim("exp", 4_000_000_000_u64);
    let token = token.unsigned();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.encode(vec![1; length]);
    format!("{signed}.{signature}")
}

/// How many forged tokens are refused, at one instant, until one is put off.
fn until_deferred(worker: &mut Worker) -> usize {
    let forged = signed_with("EdDSA", 64);
    let mut is_refused = || match worker.request(by(&forged)).summary().as_str() {
        "401 token_signature" => true,
        "503 not_ready" => false,
        other => panic!("{other}"),
    };
    (0..20_000).take_while(|_| is_refused()).count()
}

fn deferred(world: &World) -> i64 {
    world.statistics.value("tollgate.signatures.deferred")
}

#[test]
fn a_flood_has_a_bucket_at_once_and_then_what_drips_into_it() {
    let world = World::new();
    let mut worker = world.worker(&configuration::all_algorithms());
    assert!((900..=1100).contains(&until_deferred(&mut worker)));
    worker.tick();
    assert_eq!(deferred(&world), 1);
    assert_eq!(until_deferred(&mut worker), 0);
    for (milliseconds, expected) in [
        (100, 450..=550),
        (10, 40..=60),
        (150, 700..=800),
        (60_000, 900..=1100),
    ] {
        world.clock.advance(Duration::from_millis(milliseconds));
        let verified = until_deferred(&mut worker);
        assert!(
            expected.contains(&verified),
            "{milliseconds} ms: {verified}"
        );
    }
}

/// There is always a little time left to somebody who comes often.
#[test]
fn a_flood_that_goes_on_has_a_quarter_of_the_time() {
    let world = World::new();
    let mut worker = world.worker(&configuration::all_algorithms());
    until_deferred(&mut worker);
    let forged = signed_with("EdDSA", 64);
    worker.tick();
    let before = world.statistics.value("tollgate.signatures.module");
    for _ in 0..10_000 {
        world.clock.advance(Duration::from_micros(20));
        worker.request(by(&forged));
    }
    worker.tick();
    let verified = world.statistics.value("tollgate.signatures.module") - before;
    assert!((900..=1100).contains(&verified), "in 200 ms: {verified}");
}

#[test]
fn a_clock_that_jumps_for_a_moment_does_not_block_it() {
    let call = "proxy_get_current_time_nanoseconds";
    for nth in 0..4 {
        let world = World::new();
        let mut worker = world.worker(&configuration::all_algorithms());
        let ahead = world.clock.now() + Duration::from_secs(3600);
        let fault = Fault::Number(u64::try_from(ahead.as_nanos()).unwrap());
        worker.host().faults.nth(call, nth, fault);
        worker.request(by(&signed_with("EdDSA", 64)));
        until_deferred(&mut worker);
        world.clock.advance(Duration::from_secs(1));
        let verified = until_deferred(&mut worker);
        assert!((900..=1100).contains(&verified), "call {nth}: {verified}");
    }
}

/// A second of the clock begins, which is no reason for a second bucket.
#[test]
fn no_moment_has_two_buckets() {
    let world = World::new();
    world.clock.advance(Duration::from_millis(999));
    let mut worker = world.worker(&configuration::all_algorithms());
    until_deferred(&mut worker);
    world.clock.advance(Duration::from_millis(2));
    assert!(until_deferred(&mut worker) <= 20);
}

#[test]
fn a_clock_that_steps_back_neither_fills_it_nor_blocks_it() {
    let world = World::new();
    let hour = Duration::from_secs(3600);
    world.clock.advance(hour);
    let mut worker = world.worker(&configuration::all_algorithms());
    until_deferred(&mut worker);
    world.clock.step_back(Duration::from_millis(20));
    assert!(until_deferred(&mut worker) <= 1100, "one bucket at most");
    world.clock.step_back(Duration::from_secs(60));
    until_deferred(&mut worker);
    world.clock.advance(Duration::from_secs(1));
    assert!((900..=1100).contains(&until_deferred(&mut worker)));
}

#[test]
fn all_configurations_in_a_worker_have_one_together() {
    let world = World::new();
    let mut worker = world.worker(&configuration::all_algorithms());
    until_deferred(&mut worker);
    worker.reload(&configuration::all_algorithms());
    assert_eq!(until_deferred(&mut worker), 0);

    let mut other = world.worker(&configuration::all_algorithms());
    assert!(until_deferred(&mut other) >= 900, "another thread's time");
}

/// Whoever sends them pays nothing for them, so they must take nothing from anybody.
#[test]
fn signatures_of_a_wrong_length_are_not_verified() {
    for host in [VerifySignature::Works, VerifySignature::Missing] {
        let mut world = World::new();
        world.verify_signature = host;
        let mut worker = world.worker(&configuration::all_algorithms());
        let verified = || {
            let counted = |name| world.statistics.value(name);
            counted("tollgate.signatures.module") + counted("tollgate.signatures.host")
        };
        for algorithm in ALGORITHMS {
            let right = match algorithm {
                "ES256" | "EdDSA" => 64,
                "ES384" => 96,
                _ => 256,
            };
            for length in [1, right - 1, right + 1, right * 2] {
                let forged = signed_with(algorithm, length);
                for _ in 0..50 {
                    let outcome = worker.request(by(&forged)).summary();
                    assert_eq!(outcome, "401 token_signature", "{algorithm} {length}");
                }
                worker.tick();
                assert_eq!(verified(), 0, "{host:?} {algorithm} {length}");
            }
        }
        assert_eq!(deferred(&world), 0, "{host:?}");
        let good = worker.request(by(&Token::by("PS256").signed()));
        assert_eq!(good.summary(), "forwarded", "{host:?}");
    }
}
