//! A host that fails and lies. Whatever it says, the filter does not trap, and lets nothing through that it would
//! not have let through.

mod counting;

use std::collections::BTreeSet;
use std::time::Duration;

use host_tests::{
    Answer, Fault, Lie, Outcome, Request, Token, Worker, World, configuration, key_set, status,
};
use serde_json::{Value, json};

/// Two requests a minute, so that one can be used up; the keys are there.
fn configuration() -> Value {
    configuration::capped(configuration::inline(), 2)
}

fn to(path: &str) -> Request {
    Request::get(path).account("acme")
}

fn good() -> Request {
    to("/x").bearer(&Token::good().signed())
}

/// Requests that are refused, each for another reason.
fn bad() -> Vec<Request> {
    let timeless = Token::good().claim("iat", Value::Null);
    let tokens = [
        Token::good().other_key(),
        Token::good().claim("exp", 1),
        // Nothing but `exp` says when it was good.
        timeless.claim("exp", 1),
        Token::good().claim("nbf", 3_000_000_000_u64),
        Token::good().claim("accounts", json!(["globex"])),
        Token::good().claim("aud", "other"),
        Token::good().header("alg", "none"),
        Token::good().header("kid", "2"),
    ];
    let mut requests = vec![to("/x"), to("/a/../b"), Request::get("/x")];
    requests.extend(tokens.map(|token| to("/x").bearer(&token.signed())));
    requests.push(
        to("/api/admin/x")
            .bearer(&Token::good().signed())
            .header("X-Admin", "true"),
    );
    requests
}

/// Calls that the filter makes for requests, good and bad.
fn calls_for_requests() -> BTreeSet<String> {
    let mut worker = World::new().worker(&configuration());
    worker.host().trace.clear();
    worker.request(forged_public());
    worker.request(good());
    for request in bad() {
        worker.request(request);
    }
    worker.host().called()
}

/// A public request with an identity that must not go on.
fn forged_public() -> Request {
    let request = Request::get("/api/accounts").account("globex");
    request.header("x-tollgate-subject", "root").bearer("x")
}

/// All that can go wrong with a call. A time that is wrong is not among them: nobody could tell.
fn faults() -> Vec<Fault> {
    let statuses = status::FAILURES.map(Fault::Status).into_iter();
    statuses.chain(Lie::ALL.map(Fault::Data)).collect()
}

/// A worker whose every call of this name has the fault.
fn faulty(world: &World, call: &str, fault: &Fault) -> Worker {
    let mut worker = world.worker(&configuration());
    worker.host().faults.always(call, fault.clone());
    worker
}

/// Runs a request in every faulty host.
fn in_every_faulty_host(mut check: impl FnMut(&World, &mut Worker, &str)) {
    for call in calls_for_requests() {
        for fault in faults() {
            let world = World::new();
            let mut worker = faulty(&world, &call, &fault);
            check(&world, &mut worker, &format!("{call}: {fault:?}"));
        }
    }
}

#[test]
fn the_calls_are_the_ones_that_are_tested() {
    let expected = [
        "proxy_add_header_map_value",
        "proxy_call_foreign_function",
        "proxy_get_current_time_nanoseconds",
        "proxy_get_header_map_pairs",
        "proxy_get_shared_data",
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_send_local_response",
        "proxy_set_property",
        "proxy_set_shared_data",
        "random_get",
    ];
    assert_eq!(calls_for_requests(), expected.map(str::to_owned).into());
}

#[test]
fn no_fault_lets_a_bad_request_through() {
    in_every_faulty_host(|world, worker, fault| {
        for request in bad() {
            let outcome = worker.request(request);
            assert!(!outcome.is_forwarded(), "{fault}: {outcome:?}");
        }
        world.clock.advance(Duration::from_secs(3));
        worker.tick();
        assert_eq!(worker.host().count("proxy_continue_stream"), 0, "{fault}");
    });
}

#[test]
fn no_fault_changes_what_goes_on() {
    let honest = World::new().worker(&configuration()).request(good());
    in_every_faulty_host(|_, worker, fault| {
        let outcome = worker.request(good());
        if outcome.is_forwarded() {
            assert_eq!(outcome.forwarded(), honest.forwarded(), "{fault}");
        }
    });
}

#[test]
fn no_fault_lets_a_forged_identity_through() {
    let honest = World::new()
        .worker(&configuration())
        .request(forged_public());
    in_every_faulty_host(|_, worker, fault| {
        let outcome = worker.request(forged_public());
        if outcome.is_forwarded() {
            assert_eq!(outcome.forwarded(), honest.forwarded(), "{fault}");
        }
    });
}

#[test]
fn no_fault_lets_more_through_than_the_cap() {
    in_every_faulty_host(|world, worker, fault| {
        let mut honest = world.worker(&configuration());
        let passed = (0..2).filter(|_| honest.request(good()).is_forwarded());
        assert_eq!(passed.count(), 2);
        let outcome = worker.request(good());
        assert!(!outcome.is_forwarded(), "{fault}: {outcome:?}");
    });
}

#[test]
fn a_header_that_cannot_be_changed_stops_the_request() {
    let calls = [
        "proxy_remove_header_map_value",
        "proxy_replace_header_map_value",
    ];
    for call in calls {
        for status in status::FAILURES {
            for nth in 0..2 {
                let mut worker = World::new().worker(&configuration());
                let fault = Fault::Status(status);
                worker.host().faults.nth(call, nth, fault);
                let request = good()
                    .header("x-tollgate-a", "1")
                    .header("x-tollgate-b", "2");
                let outcome = worker.request(request).summary();
                assert_eq!(outcome, "503 not_ready", "{call} {nth}: {status}");
            }
        }
    }
}

#[test]
fn one_call_of_a_request_can_fail_at_any_place() {
    let mut worker = World::new().worker(&configuration());
    worker.host().trace.clear();
    let honest = worker.request(good());
    let calls = worker.host().trace.len();
    for nth in 0..calls {
        for fault in faults() {
            let mut worker = World::new().worker(&configuration());
            worker.host().faults.nth_of_all(nth, fault.clone());
            let outcome = worker.request(good());
            let same = outcome.is_forwarded() && outcome.forwarded() == honest.forwarded();
            assert!(
                same || !outcome.is_forwarded(),
                "call {nth}: {fault:?}: {outcome:?}"
            );
            worker.host().faults.clear();
            assert!(
                worker.request(good()).is_forwarded(),
                "after call {nth}: {fault:?}"
            );
        }
    }
}

#[test]
fn an_answer_that_cannot_be_sent_leaves_the_request_paused() {
    for status in status::FAILURES {
        let fault = Fault::Status(status);
        let mut worker = faulty(&World::new(), "proxy_send_local_response", &fault);
        assert_eq!(worker.request(to("/x")), Outcome::Waiting);
    }
}

#[test]
fn a_time_that_cannot_be_told_admits_nobody() {
    for status in status::FAILURES {
        let call = "proxy_get_current_time_nanoseconds";
        let mut worker = faulty(&World::new(), call, &Fault::Status(status));
        let outcome = worker.request(good());
        assert_eq!(outcome.summary(), "503 not_ready", "{status}");
    }
}

#[test]
fn no_time_makes_the_filter_trap() {
    for time in [0, 1, u64::MAX / 2, u64::MAX] {
        let mut worker = World::new().fetching(&configuration::remote());
        let call = "proxy_get_current_time_nanoseconds";
        worker.host().faults.always(call, Fault::Number(time));
        worker.request(good());
        worker.tick();
        worker.answer_callout(Answer::new(200, key_set().to_string()));
        worker.tick();
    }
}

#[test]
fn shared_counts_that_nobody_wrote_admit_nobody() {
    let world = World::new();
    world.worker(&configuration()).request(good());
    let keys = world.shared.keys();
    assert_eq!(keys.len(), 2, "the workers, and one account's slot");
    for key in &keys {
        let (written, _) = world.shared.get(key).unwrap();
        let mut wrong: Vec<Vec<u8>> = (0..written.len())
            .map(|size| written[..size].into())
            .collect();
        wrong.extend([
            b"\xff".repeat(40),
            b"\xff".repeat(300_000),
            [&written[..], b"x"].concat(),
        ]);
        for bytes in wrong {
            world.shared.set(key, &bytes, 0);
            let outcome = world.worker(&configuration()).request(good());
            assert_eq!(outcome.summary(), "503 not_ready", "{key}: {bytes:?}");
        }
        world.shared.set(key, &written, 0);
    }
}

/// A worker with a request that waits for keys.
fn with_a_waiting_request(world: &World, token: &str) -> (Worker, host_tests::StreamId) {
    let configuration = configuration::capped(configuration::remote(), 2);
    let mut worker = world.fetching(&configuration);
    let stream = worker.open(to("/x").bearer(token));
    worker.host().trace.clear();
    (worker, stream)
}

/// Calls that the filter makes when keys come, and when they do not.
fn calls_while_waiting() -> BTreeSet<String> {
    let world = World::new();
    let (mut worker, _) = with_a_waiting_request(&world, &Token::good().signed());
    worker.answer_callout(Answer::new(200, key_set().to_string()));
    worker.open(good());
    world.clock.advance(Duration::from_secs(3));
    worker.tick();
    worker.host().called()
}

#[test]
fn no_fault_resumes_a_bad_request() {
    let forged = Token::good().other_key().signed();
    for call in calls_while_waiting() {
        for fault in faults() {
            let world = World::new();
            let (mut worker, stream) = with_a_waiting_request(&world, &forged);
            for nth in 0..10 {
                worker.host().faults.nth(&call, nth, fault.clone());
            }
            worker.answer_callout(Answer::new(200, key_set().to_string()));
            world.clock.advance(Duration::from_secs(3));
            worker.tick();
            let outcome = worker.outcome(stream);
            assert!(!outcome.is_forwarded(), "{call}: {fault:?}");
        }
    }
}

#[test]
fn no_fault_makes_a_resumed_request_go_on_with_other_headers() {
    let honest = World::new().worker(&configuration()).request(good());
    for call in calls_while_waiting() {
        for fault in faults() {
            let world = World::new();
            let (mut worker, stream) = with_a_waiting_request(&world, &Token::good().signed());
            for nth in 0..10 {
                worker.host().faults.nth(&call, nth, fault.clone());
            }
            worker.answer_callout(Answer::new(200, key_set().to_string()));
            let outcome = worker.outcome(stream);
            if outcome.is_forwarded() {
                assert_eq!(outcome.forwarded(), honest.forwarded(), "{call}: {fault:?}");
            }
        }
    }
}

#[test]
fn a_request_that_cannot_be_resumed_is_answered() {
    for status in status::FAILURES {
        let (mut worker, stream) = with_a_waiting_request(&World::new(), &Token::good().signed());
        let fault = Fault::Status(status);
        worker.host().faults.always("proxy_continue_stream", fault);
        worker.answer_callout(Answer::new(200, key_set().to_string()));
        assert_eq!(worker.outcome(stream).summary(), "503 not_ready");
    }
}
