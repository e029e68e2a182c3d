//! The directory where the host fails, workers come in each other's way, and documents are large.

use std::sync::{Arc, Mutex};

use host_tests::{Answer, Fault, Lie, World, status};

use crate::directory::{DOCUMENT, SECOND, answer, configuration, to};

/// What the largest document may take: a worker stands still for so long, and no longer.
const LONG: u64 = 4_000_000_000;

/// Somebody took over from a worker that was slow, and both answers come at once: what is published last counts, and its
/// document is there for those who read it.
#[test]
fn an_answer_that_comes_too_late_overwrites_no_document() {
    let calls = ["proxy_get_shared_data", "proxy_set_shared_data"];
    for (call, nth) in calls
        .iter()
        .flat_map(|call| (0..4).map(move |nth| (call, nth)))
    {
        let world = World::new();
        let mut slow = world.fetching(&configuration());
        world.clock.advance(SECOND * 3);
        let next = Arc::new(Mutex::new(world.worker(&configuration())));
        let (between, clock) = (Arc::clone(&next), world.clock.clone());
        for _ in 0..nth {
            slow.host().before_next(call, || {});
        }
        slow.host().before_next(call, move || {
            clock.advance(SECOND * 3);
            let mut next = between.lock().unwrap();
            next.tick();
            let newer = r#"{"accounts": {"initech": {}}}"#;
            if !next.callouts().is_empty() {
                next.answer_callout(answer(newer));
            }
        });
        slow.answer_callout(answer(DOCUMENT));
        let taken_over = next.lock().unwrap().host().count("proxy_http_call") > 0;
        let mut third = world.worker(&configuration());
        let expected = if taken_over { "initech" } else { "acme" };
        let outcome = third.request(to(expected)).summary();
        assert_eq!(outcome, "forwarded", "{call} {nth}: {taken_over}");
        slow.tick();
        assert_eq!(
            slow.request(to(expected)).summary(),
            "forwarded",
            "{call} {nth}"
        );
        assert_eq!(slow.callouts(), [], "nothing is lost");
    }
}

#[test]
fn what_somebody_else_wrote_is_no_directory_and_is_replaced() {
    let keys = {
        let world = World::new();
        let mut worker = world.fetching(&configuration());
        worker.answer_callout(answer(DOCUMENT));
        world.shared.keys()
    };
    assert_eq!(keys.len(), 2, "the record, and the document");
    for key in keys {
        for bytes in [
            Vec::new(),
            b"x".to_vec(),
            b"\xff".repeat(100),
            b"\0".repeat(100),
            br#"{"accounts": {"initech": {}}}"#.to_vec(),
            b"\xff".repeat(9 << 20),
        ] {
            let world = World::new();
            let mut old = world.fetching(&configuration());
            old.answer_callout(answer(DOCUMENT));
            world.shared.set(&key, &bytes, 0);
            let mut new = world.worker(&configuration());
            new.allow(LONG);
            assert_eq!(new.request(to("initech")).summary(), "waiting", "{key}");
            old.tick();
            assert_eq!(old.request(to("acme")).summary(), "forwarded", "{key}");
            for _ in 0..10 {
                world.clock.advance(SECOND / 5);
                for worker in [&mut new, &mut old] {
                    worker.tick();
                    if !worker.callouts().is_empty() {
                        let asked = &worker.callouts()[0].headers;
                        assert_eq!(asked.get("if-none-match"), None, "all of it");
                        worker.answer_callout(answer(DOCUMENT));
                    }
                }
            }
            for worker in [&mut new, &mut old] {
                assert_eq!(worker.request(to("acme")).summary(), "forwarded", "{key}");
                assert_eq!(
                    worker.request(to("initech")).summary(),
                    "400 account_unknown"
                );
            }
        }
    }
}

/// The tag is of a document that is lost: nobody can have confirmed it.
#[test]
fn a_document_that_is_lost_while_the_server_is_asked_is_fetched_in_full() {
    let world = World::new();
    let mut worker = world.fetching(&configuration());
    let mut tagged = answer(DOCUMENT);
    tagged.headers.add(b"etag", b"\"1\"");
    worker.answer_callout(tagged);
    world.clock.advance(SECOND * 5);
    worker.tick();
    assert!(worker.callouts()[0].headers.get("if-none-match").is_some());
    for key in world.shared.keys() {
        if matches!(key.rsplit('.').next(), Some("a" | "b")) {
            world.shared.set(&key, b"x", 0);
        }
    }
    // It finds out that the document is gone.
    let mut new = world.worker(&configuration());
    new.open(to("acme"));
    worker.answer_callout(Answer::new(304, ""));
    assert_eq!(worker.request(to("acme")).summary(), "forwarded");
    world.clock.advance(SECOND);
    worker.tick();
    assert_eq!(worker.callouts()[0].headers.get("if-none-match"), None);
    worker.answer_callout(answer(DOCUMENT));
    assert_eq!(new.request(to("acme")).summary(), "forwarded");
}

#[test]
fn no_fault_of_the_host_lets_a_request_for_another_account_pass() {
    let calls = [
        "proxy_get_shared_data",
        "proxy_set_shared_data",
        "proxy_get_buffer_bytes",
        "proxy_get_header_map_value",
        "proxy_get_current_time_nanoseconds",
    ];
    let statuses = status::FAILURES.map(Fault::Status).into_iter();
    let faults: Vec<_> = statuses.chain(Lie::ALL.map(Fault::Data)).collect();
    for call in calls {
        for fault in &faults {
            for is_known in [false, true] {
                let world = World::new();
                let mut worker = world.fetching(&configuration());
                if is_known {
                    worker.answer_callout(answer(DOCUMENT));
                }
                worker.host().faults.always(call, fault.clone());
                for _ in 0..20 {
                    world.clock.advance(SECOND / 2);
                    worker.tick();
                    while !worker.callouts().is_empty() {
                        worker.answer_callout(answer(DOCUMENT));
                    }
                    for account in ["globex", "initech"] {
                        let outcome = worker.request(to(account));
                        assert!(!outcome.is_forwarded(), "{call}: {fault:?}: {account}");
                    }
                }
                if is_known && call != "proxy_get_current_time_nanoseconds" {
                    let outcome = worker.request(to("acme")).summary();
                    assert_eq!(outcome, "forwarded", "{call}: {fault:?}");
                }

                worker.host().faults.clear();
                for _ in 0..40 {
                    world.clock.advance(SECOND / 5);
                    worker.tick();
                    while !worker.callouts().is_empty() {
                        worker.answer_callout(answer(DOCUMENT));
                    }
                }
                let outcome = worker.request(to("acme")).summary();
                assert_eq!(outcome, "forwarded", "{call}: {fault:?}: works again");
            }
        }
    }
}

fn of_size(number: usize) -> String {
    let accounts = (0..number).map(|number| format!("\"account-{number:06}\":{{}}"));
    let accounts: Vec<_> = accounts.chain(["\"acme\":{}".to_owned()]).collect();
    format!("{{\"accounts\":{{{}}}}}", accounts.join(","))
}

/// Whoever fetches reads it, and so does each of the others, once; ticks stay as they are.
#[test]
fn a_large_directory_is_read_once_and_makes_no_tick_expensive() {
    for number in [10_000, 100_000] {
        let world = World::new();
        let mut asking = world.fetching(&configuration());
        let mut other = world.fetching(&configuration());
        asking.allow(LONG);
        other.allow(LONG);
        let document = of_size(number);
        asking.answer_callout(answer(&document));
        println!(
            "{number} accounts, {} KiB: fetched with {} instructions",
            document.len() / 1024,
            asking.fuel()
        );
        other.tick();
        println!("another worker takes {}", other.fuel());
        for worker in [&mut asking, &mut other] {
            worker.tick();
            worker.tick();
            println!("each tick after that takes {}", worker.fuel());
            assert!(worker.fuel() < 100_000);
            assert_eq!(worker.request(to("acme")).summary(), "forwarded");
            println!("and {} MiB of memory", worker.memory() >> 20);
        }
        for (what, again) in [
            ("the same", answer(&document)),
            ("304", Answer::new(304, "")),
        ] {
            world.clock.advance(SECOND * 10);
            asking.tick();
            asking.answer_callout(again);
            println!("{what} again takes {}", asking.fuel());
        }
    }
}

#[test]
fn what_is_too_large_is_not_even_copied() {
    let mut worker = World::new().fetching(&configuration());
    let before = worker.host().count("proxy_get_buffer_bytes");
    worker.answer_callout(answer(&" ".repeat((8 << 20) + 1)));
    assert_eq!(worker.host().count("proxy_get_buffer_bytes"), before);
}

/// Each takes much more memory than its text, were it made into values.
#[test]
fn no_document_uses_the_workers_memory_up() {
    let most = 8 << 20;
    let repeated = |begin: &str, part: &str, end: &str| {
        let times = (most - begin.len() - end.len()) / part.len();
        format!("{begin}{}{end}", part.repeat(times))
    };
    for document in [
        "[".repeat(most),
        repeated(r#"{"accounts":"#, "{\"a\":", ""),
        repeated(r#"{"accounts":{"a":["#, "{\"a\":0},", "0]}}"),
        repeated(r#"{"accounts":{"a":{"x":["#, "[],", "0]}}}"),
        repeated(r#"{"accounts":{"#, "\"a\":{},", "\"b\":{}}}"),
        repeated(
            r#"{"accounts":{"#,
            "\"a\":{\"caps\":{\"a\":{}}},",
            "\"b\":{}}}",
        ),
    ] {
        let mut worker = World::new().fetching(&configuration());
        worker.allow(LONG);
        worker.answer_callout(answer(&document));
        let shown = &document[..30];
        assert!(worker.host().logged(3, "not fetched"), "{shown}");
        let memory = worker.memory() >> 20;
        println!("{shown}…: {} instructions, {memory} MiB", worker.fuel());
        assert!(memory < 128, "{shown}: {memory} MiB");
        assert_eq!(worker.request(to("acme")).summary(), "waiting");
    }
}
