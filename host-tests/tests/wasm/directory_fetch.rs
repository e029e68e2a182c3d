//! The directory of accounts: how it is kept up to date, and what happens while it cannot be.

use std::time::Duration;

use host_tests::{Answer, Threads, Worker, World};

use crate::directory::{DOCUMENT, SECOND, answer, asked_again, configuration, counted, ready, to};

const TICK: Duration = Duration::from_millis(200);

fn tagged(document: &str, etag: &str) -> Answer {
    let mut answer = answer(document);
    answer.headers.add(b"etag", etag.as_bytes());
    answer
}

/// A main thread and three workers, which have the document.
fn threads(world: &World) -> Threads {
    let mut threads = Threads::start(world, &configuration(), 3);
    threads.until_asked(SECOND).expect("somebody asks");
    threads.answer(answer(DOCUMENT));
    threads.tick();
    threads
}

#[test]
fn the_server_is_told_what_is_known_and_may_say_that_nothing_has_changed() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration(), 2);
    threads.until_asked(SECOND).unwrap();
    threads.answer(tagged(DOCUMENT, "\"v1\""));
    threads.tick();
    for fetches in 2..6 {
        threads.until_asked(SECOND * 6).expect("it is due");
        let asking = threads.asking()[0];
        let headers = &threads[asking].callouts()[0].headers;
        assert_eq!(headers.get("if-none-match").unwrap(), "\"v1\"");
        threads.answer(Answer::new(304, ""));
        threads.tick();
        assert_eq!(
            world.statistics.value("tollgate.directory.fetched"),
            fetches
        );
        assert_eq!(world.statistics.value("tollgate.directory.age_seconds"), 0);
    }
    for worker in threads.workers() {
        assert_eq!(worker.request(to("acme")).summary(), "forwarded");
        assert_eq!(
            worker.request(to("initech")).summary(),
            "400 account_unknown"
        );
    }
    threads.until_asked(SECOND * 6).unwrap();
    let changed = r#"{"accounts": {"initech": {}}}"#;
    threads.answer(tagged(changed, "\"v2\""));
    threads.until_asked(SECOND * 6).unwrap();
    let asking = threads.asking()[0];
    let headers = &threads[asking].callouts()[0].headers;
    assert_eq!(headers.get("if-none-match").unwrap(), "\"v2\"");
    assert_eq!(threads[1].request(to("initech")).summary(), "forwarded");
}

#[test]
fn a_server_without_etags_is_asked_without() {
    let world = World::new();
    let mut worker = ready(&world);
    for etag in ["", "a b", "\"\u{e9}\"", &"x".repeat(300)] {
        asked_again(&world, &mut worker);
        assert_eq!(worker.callouts()[0].headers.get("if-none-match"), None);
        worker.answer_callout(tagged(DOCUMENT, etag));
    }
    asked_again(&world, &mut worker);
    worker.answer_callout(Answer::new(304, ""));
    assert_eq!(counted(&mut worker, "failed.status"), 1, "304, unasked");
    assert_eq!(worker.request(to("acme")).summary(), "forwarded");
}

#[test]
fn what_is_no_directory_changes_nothing_and_is_one_line_in_the_log() {
    let too_large = format!("{DOCUMENT}{}", " ".repeat(9 << 20));
    for (reason, failure, sentence) in [
        ("not_json", answer("<html>"), "not JSON: expected value"),
        ("not_json", answer(""), "not JSON: EOF"),
        (
            "not_a_directory",
            answer("[]"),
            "expected an object with \"accounts\"",
        ),
        ("not_a_directory", answer("{}"), "accounts: missing"),
        (
            "not_a_directory",
            answer(r#"{"accounts": {"initech": {"status": "closed"}}}"#),
            "accounts.initech.status: \"closed\": write \"active\" or \"suspended\"",
        ),
        (
            "not_a_directory",
            answer(r#"{"accounts": {"initech": {"caps": {"requests": {"per_minute": "1"}}}}}"#),
            "accounts.initech.caps.requests: per_minute: invalid type",
        ),
        (
            "not_a_directory",
            answer(r#"{"accounts": {"initech": {}, "initech": {}}}"#),
            "accounts.initech: twice",
        ),
        ("too_large", answer(&too_large), "more than 8388608"),
        (
            "status",
            Answer::new(500, DOCUMENT),
            "answered with status 500",
        ),
        ("status", Answer::new(404, ""), "answered with status 404"),
        (
            "no_host",
            Answer::new(503, "no healthy upstream"),
            "no healthy host",
        ),
        (
            "timeout",
            Answer::new(504, "upstream request timeout"),
            "did not answer in time",
        ),
        (
            "reset",
            Answer::broken(),
            "the connection broke, or the answer was more than Envoy keeps",
        ),
    ] {
        let world = World::new();
        let mut worker = ready(&world);
        for _ in 0..3 {
            asked_again(&world, &mut worker);
            worker.answer_callout(failure.clone());
            let outcomes =
                ["acme", "globex", "initech"].map(|name| worker.request(to(name)).summary());
            let expected = ["forwarded", "403 account_suspended", "400 account_unknown"];
            assert_eq!(outcomes, expected, "{sentence}");
        }
        assert_eq!(
            counted(&mut worker, &format!("failed.{reason}")),
            3,
            "{sentence}"
        );
        assert_eq!(counted(&mut worker, "fetched"), 1);
        asked_again(&world, &mut worker);
        worker.answer_callout(answer(DOCUMENT));
        asked_again(&world, &mut worker);
        worker.answer_callout(answer(r#"{"accounts": {"initech": {}}}"#));

        let lines: Vec<_> = worker
            .host()
            .log
            .iter()
            .map(|(level, line)| (*level, &**line))
            .filter(|(_, line)| line.contains("directory"))
            .collect();
        let [(2, first), (3, failing), (2, again)] = lines[..] else {
            panic!("{lines:?}")
        };
        assert_eq!(
            first,
            "tollgate: directory of accounts: fetched, 2 accounts"
        );
        assert!(
            failing.starts_with("tollgate: directory of accounts: not fetched: "),
            "{failing}"
        );
        assert!(failing.contains(sentence), "{failing}");
        assert_eq!(again, first);
    }
}

#[test]
fn the_last_one_known_stays_however_long_the_server_is_away() {
    let world = World::new();
    let mut threads = threads(&world);
    let start = world.clock.now();
    while world.clock.now() - start < SECOND * 3600 {
        world.clock.advance(SECOND);
        threads.tick();
        if !threads.asking().is_empty() {
            threads.answer(Answer::new(503, "no healthy upstream"));
        }
    }
    threads.tick();
    assert_eq!(
        world.statistics.value("tollgate.directory.age_seconds"),
        3600
    );
    assert_eq!(world.statistics.value("tollgate.directory.accounts"), 2);
    let asked = threads.asked();
    assert!((500..=750).contains(&asked), "{asked} in an hour");
    threads.add(&configuration());
    for worker in threads.workers() {
        assert_eq!(worker.request(to("acme")).summary(), "forwarded");
        assert_eq!(
            worker.request(to("initech")).summary(),
            "400 account_unknown"
        );
    }
    let mut warnings = 0;
    for thread in 0..threads.len() {
        let lines = threads[thread].host().log.iter();
        warnings += lines.filter(|(level, _)| *level >= 3).count();
    }
    assert_eq!(warnings, 1);
}

#[test]
fn no_step_of_the_clock_loses_it_or_stops_the_fetches() {
    for back in [false, true] {
        let world = World::new();
        let year = SECOND * 365 * 24 * 3600;
        world.clock.advance(year * 2);
        let mut threads = threads(&world);
        if back {
            world.clock.step_back(year);
        } else {
            world.clock.advance(year);
        }
        for worker in threads.workers() {
            // The token is of another time; that there is such an account is known.
            let outcome = worker.request(to("acme")).summary();
            assert!(
                ["forwarded", "401 token_not_yet_valid"].contains(&&*outcome),
                "{outcome}"
            );
        }
        threads.until_asked(SECOND).expect("it is fetched again");
        threads.answer(answer(DOCUMENT));
        threads.until_asked(SECOND * 6).expect("and again");
    }
}

#[test]
fn it_is_asked_for_as_configured() {
    let worker = World::new().fetching(&configuration());
    let [callout] = worker.callouts() else {
        panic!("{:?}", worker.callouts());
    };
    assert_eq!(callout.cluster, "accounts");
    assert_eq!(callout.timeout, SECOND * 5);
    let header = |name| callout.headers.get(name);
    assert_eq!(header(":authority").unwrap(), "accounts.internal");
    assert_eq!(header(":path").unwrap(), "/internal/directory");
    assert_eq!(header("if-none-match"), None);
}

#[test]
fn one_asks_for_all_and_a_change_is_everywhere_within_a_refresh() {
    let world = World::new();
    let mut threads = threads(&world);
    assert_eq!(threads.asked(), 1);
    let changed = r#"{"accounts": {"globex": {}, "initech": {}}}"#;
    let begun = world.clock.now();
    threads.until_asked(SECOND * 5).expect("it is due");
    threads.answer(answer(changed));
    threads.tick();
    assert!(world.clock.now() - begun <= SECOND * 5);
    for worker in threads.workers() {
        let outcome = |worker: &mut Worker, account| worker.request(to(account)).summary();
        assert_eq!(outcome(worker, "globex"), "forwarded");
        assert_eq!(outcome(worker, "initech"), "forwarded");
        assert_eq!(outcome(worker, "acme"), "400 account_unknown");
    }
    for _ in 0..100 {
        world.clock.advance(TICK);
        threads.tick();
        if !threads.asking().is_empty() {
            threads.answer(answer(changed));
        }
    }
    let asked = threads.asked();
    assert!((5..=7).contains(&asked), "{asked} in 25 seconds");
}

#[test]
fn a_fetch_that_ends_with_the_old_configuration_is_begun_again() {
    let world = World::new();
    let mut worker = world.fetching(&configuration());
    worker.reload(&configuration());
    worker.retire_old();
    assert_eq!(worker.callouts(), []);
    world.clock.advance(SECOND / 2);
    worker.tick();
    worker.answer_callout(answer(DOCUMENT));
    assert_eq!(worker.request(to("acme")).summary(), "forwarded");
}
