//! Keys that nobody has made, in great numbers, at the real upstream.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use tollgate_envoy::client::Request;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use super::revocation::World;
use super::{ACTIVE, all_get, with};
use crate::world::{AGENTS, Stop, count, wait_until};

/// Connections that send forged keys, each as soon as the one before is answered.
const FORGERS: usize = 60;

fn forged(number: u32) -> String {
    let mut entropy = [0; ENTROPY];
    entropy[..4].copy_from_slice(&number.to_be_bytes());
    ApiKey::write("sk_live_", "acme", &entropy)
}

#[test]
fn forged_keys_stop_nobody_whom_the_gate_knows() {
    let world = World::start();
    let stack = &world.stack;
    let (used, idle) = (world.mint(), world.mint());
    for key in [&used, &idle] {
        all_get(stack, &key.text, "200");
    }
    let (stop, number) = (AtomicBool::new(false), AtomicU32::new(0));
    let begun = Instant::now();
    let forge = || {
        let mut connection = stack.gate().connect().unwrap();
        while !stop.load(Ordering::Relaxed) {
            let key = forged(number.fetch_add(1, Ordering::Relaxed));
            let outcome = connection.send(&with(stack, &key)).unwrap().outcome();
            let allowed = ["401 key_inactive", "503 introspection_unavailable"];
            assert!(allowed.contains(&&*outcome), "{outcome}");
        }
    };
    let pass = |request: &Request| {
        let answer = request.send().unwrap();
        assert_eq!(answer.outcome(), "200", "{}", answer.text());
    };
    let token = world.member("GET", AGENTS);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..FORGERS {
            scope.spawn(forge);
        }
        // Long enough for what is known of each key to grow too old twice.
        wait_until("it has gone on for a while", || {
            pass(&token);
            pass(&with(stack, &used.text));
            begun.elapsed() > ACTIVE * 5 / 2
        });
        all_get(stack, &idle.text, "200");
    });
    let refused = count(stack, "requests.refused.key_inactive");
    assert!(refused > 500, "there was a flood: {refused}");
}
