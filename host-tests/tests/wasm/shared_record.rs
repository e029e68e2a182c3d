//! The record in shared data through which the threads agree: each gate and each issuer has its own, and bytes that
//! nobody of ours wrote are none.

use std::time::Duration;

use host_tests::{Answer, Threads, Token, World, configuration, jwk, other_jwk};
use serde_json::{Value, json};

use crate::election::{LEASE, SOON, TICK, all_pass, by, good, keys, ready};

/// The configuration of a gate with another issuer, at another place.
fn of_issuer(issuer: &str, uri: &str) -> Value {
    let mut configuration = configuration::remote();
    configuration["issuers"][0]["issuer"] = json!(issuer);
    configuration["issuers"][0]["jwks"]["uri"] = json!(uri);
    configuration
}

#[test]
fn gates_of_one_vm_id_do_not_see_each_others_keys() {
    const ISSUER: &str = "https://id.example.com";
    const URI: &str = "https://id.example.com/oauth/v2/keys";
    for (issuer, uri) in [
        ("https://other.example.com", URI),
        (ISSUER, "https://id.example.com/other/keys"),
        (
            "https://other.example.com",
            "https://other.example.com/keys",
        ),
    ] {
        let world = World::new();
        let mut one = Threads::start(&world, &of_issuer(ISSUER, URI), 1);
        let mut other = Threads::start(&world, &of_issuer(issuer, uri), 1);
        one.until_asked(SOON).unwrap();
        one.answer(keys());
        other.until_asked(SOON).expect("the other asks for itself");
        other.tick();
        let theirs = |token: Token| by(token.claim("iss", issuer));
        let outcome = other[1].request(theirs(Token::good()));
        assert_eq!(outcome.summary(), "waiting", "{issuer} {uri}");

        let set = json!({"keys": [other_jwk("1")]});
        other.answer(Answer::new(200, set.to_string()));
        for _ in 0..20 {
            world.clock.advance(TICK);
            one.tick();
            other.tick();
        }
        let outcome = other[1].request(theirs(Token::good().other_key()));
        assert_eq!(outcome.summary(), "forwarded");
        let outcome = other[1].request(theirs(Token::good()));
        assert_eq!(outcome.summary(), "401 token_signature");
        assert_eq!(one[1].request(good()).summary(), "forwarded");
        let outcome = one[1].request(by(Token::good().other_key()));
        assert_eq!(outcome.summary(), "401 token_signature");
    }
}

/// Two issuers of one gate, whose keys have the same id.
#[test]
fn issuers_of_one_gate_have_their_own_keys() {
    let mut configuration = configuration::remote();
    let mut second = configuration["issuers"][0].clone();
    second["issuer"] = json!("https://other.example.com");
    second["jwks"]["uri"] = json!("https://other.example.com/keys");
    configuration["issuers"]
        .as_array_mut()
        .unwrap()
        .push(second);
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration, 2);
    for _ in 0..20 {
        threads.tick();
        world.clock.advance(TICK);
    }
    assert_eq!(threads.asked(), 2, "one for each issuer");
    for thread in threads.asking() {
        let callout = &threads[thread].callouts()[0];
        let other = callout.headers.get(":authority").unwrap() == "other.example.com";
        let set = if other { other_jwk("1") } else { jwk("1") };
        let set = json!({"keys": [set]});
        threads[thread].answer_callout(Answer::new(200, set.to_string()));
    }
    threads.tick();
    for worker in threads.workers() {
        for (issuer, token, expected) in [
            ("https://id.example.com", Token::good(), "forwarded"),
            (
                "https://other.example.com",
                Token::good().other_key(),
                "forwarded",
            ),
            (
                "https://other.example.com",
                Token::good(),
                "401 token_signature",
            ),
            (
                "https://id.example.com",
                Token::good().other_key(),
                "401 token_signature",
            ),
        ] {
            let outcome = worker.request(by(token.claim("iss", issuer)));
            assert_eq!(outcome.summary(), expected, "{issuer}");
        }
    }
    assert_eq!(world.statistics.value("tollgate.issuer.0.keys.fetched"), 1);
    assert_eq!(world.statistics.value("tollgate.issuer.1.keys.fetched"), 1);
}

/// Bytes that are not what was written.
fn damaged(written: &[u8]) -> Vec<Vec<u8>> {
    let size = written.len();
    let lengths = (0..size.min(40)).chain((40..size).step_by(37));
    let mut damaged: Vec<_> = lengths.map(|length| written[..length].to_vec()).collect();
    damaged.extend([
        b"\xff".repeat(size),
        b"\0".repeat(size),
        b"\xff".repeat(300_000),
        b"{}".to_vec(),
        [written, b"x"].concat(),
        [b"x", written].concat(),
        written.iter().rev().copied().collect(),
    ]);
    damaged
}

#[test]
fn what_somebody_else_wrote_is_never_keys_and_is_replaced() {
    let fresh = World::new();
    ready(&fresh);
    let mut slowest = Duration::ZERO;
    for key in fresh.shared.keys() {
        let (written, _) = fresh.shared.get(&key).unwrap();
        for bytes in damaged(&written) {
            let world = World::new();
            let mut old = ready(&world);
            world.shared.set(&key, &bytes, 0);
            let what = || {
                format!(
                    "{key}: {} bytes: {:?}",
                    bytes.len(),
                    &bytes[..bytes.len().min(60)]
                )
            };

            // Nobody knows how old the keys are any more, until somebody fetches them.
            let mut new = Threads::start(&world, &configuration::remote(), 1);
            for threads in [&mut old, &mut new] {
                threads.tick();
                for worker in threads.workers() {
                    let forged = worker.request(by(Token::good().other_key()));
                    assert!(!forged.is_forwarded(), "{}", what());
                }
            }
            let start = world.clock.now();
            while !(all_pass(&mut old) && all_pass(&mut new)) {
                for threads in [&mut old, &mut new] {
                    threads.tick();
                    for thread in threads.asking() {
                        threads[thread].answer_callout(keys());
                    }
                }
                world.clock.advance(TICK);
                assert!(world.clock.now() - start < LEASE, "{}", what());
            }
            slowest = slowest.max(world.clock.now() - start);
        }
    }
    println!("damaged entries were replaced within {slowest:?}");
}
