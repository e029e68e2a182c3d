//! A host that gives no more memory: nothing traps, the configuration is taken, and when there is memory again the gate
//! works. Envoy's V8 stops at 1 GiB; here it stops anywhere.

use host_tests::{Answer, Headers, Request, Token, Worker, World, configuration};
use serde_json::json;
use tollgate_policy::config::MAX_BYTES;

use crate::life::{Life, Phase, SECOND, everything, good};

const PAGE: usize = 64 << 10;

/// What the module has from the beginning, and what it takes for a life in a host that gives all.
fn sizes() -> (usize, usize) {
    let mut nothing = |_: &mut Worker, _: Phase| {};
    let mut life = Life::new(&everything(), usize::MAX, &mut nothing);
    life.run();
    let most = life.worker.memory();
    (Worker::start_within(&World::new(), 0).memory(), most)
}

#[test]
fn memory_can_end_at_any_size() {
    let (least, most) = sizes();
    println!("from {} to {} pages", least / PAGE, most / PAGE);
    assert!(most >= least + (3 << 20), "there is a reserve");
    for size in (least..=most + PAGE).step_by(PAGE) {
        let mut nothing = |_: &mut Worker, _: Phase| {};
        let mut life = Life::new(&everything(), size, &mut nothing);
        life.run();
        let refused = life.worker.host().memory.refused;
        assert_eq!(refused > 0, size < most, "{size} of {most}");
        // With no memory at all there is nowhere to keep the configuration.
        if size > least + PAGE {
            assert!(life.recovers().is_some(), "{size}");
        }
    }
}

#[test]
fn memory_can_end_in_any_phase() {
    let mut phases = 0;
    let mut count = |_: &mut Worker, _: Phase| phases += 1;
    Life::new(&everything(), usize::MAX, &mut count).run();
    for nth in 0..phases {
        let mut phase = 0;
        let mut stop = |worker: &mut Worker, _: Phase| {
            if phase == nth {
                worker.host().memory.most = 0;
            }
            phase += 1;
        };
        let mut life = Life::new(&everything(), usize::MAX, &mut stop);
        life.run();
        assert!(life.recovers().is_some(), "{nth}");
    }
}

/// A token of its own for each, with much in it to remember.
fn large(number: usize) -> Request {
    let accounts: Vec<_> = (0..150)
        .map(|other| format!("acme-{number}-{other}"))
        .collect();
    let token = Token::good().claim("sub", number.to_string()).claim(
        "accounts",
        json!([&["acme".to_owned()], &accounts[..]].concat()),
    );
    Request::get("/x").account("acme").bearer(&token.signed())
}

#[test]
fn traffic_goes_on_with_what_there_is() {
    let mut worker = World::new().worker(&configuration::inline());
    worker.host().memory.most = worker.memory();
    let mut refused = 0;
    for number in 0..1500 {
        let outcome = worker.request(large(number));
        if !outcome.is_forwarded() {
            assert_eq!(
                outcome.reply().json()["detail"],
                "the gate is short of memory"
            );
            refused += 1;
        }
    }
    let short = worker.host().memory.refused;
    println!("{short} times refused memory, {refused} requests refused");
    assert!(short > 0, "it would have taken more");
    assert!(refused < 150, "{refused}");
    assert!(worker.request(good()).is_forwarded());
}

#[test]
fn without_memory_from_the_start_it_says_so() {
    let mut worker = Worker::start_within(&World::new(), 0);
    let configuration = everything().to_string();
    assert!(worker.configure(configuration.as_bytes()));
    for request in [Request::get("/api/accounts"), good()] {
        let outcome = worker.request(request);
        assert_eq!(outcome.summary(), "503 not_ready");
        let reply = outcome.reply();
        let expected = json!({
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "code": "not_ready",
            "detail": "the gate is short of memory",
            "retry_after": 1,
        });
        assert_eq!(reply.json(), expected);
        assert_eq!(
            reply.headers.get("content-type").as_deref(),
            Some("application/problem+json")
        );
        assert_eq!(reply.headers.get("retry-after").as_deref(), Some("1"));
    }
}

#[test]
fn what_is_large_is_not_read_without_memory() {
    let large = |size: usize| {
        let accounts = (0..size).map(|number| format!("\"account-{number}\":{{}}"));
        let accounts: Vec<_> = accounts.collect();
        Answer::json(format!(
            "{{\"accounts\":{{\"acme\":{{}},{}}}}}",
            accounts.join(",")
        ))
    };
    let configuration = configuration::with_directory(configuration::inline());
    for (pages, size) in [(0, 150_000), (10, 150_000), (100, 150_000)] {
        let world = World::new();
        let mut worker = world.fetching(&configuration);
        worker.allow(4_000_000_000);
        let memory = worker.memory() + pages * PAGE;
        worker.host().memory.most = memory;
        worker.answer_callout(large(size));
        assert!(worker.host().memory.refused > 0, "{pages}");
        assert_eq!(worker.callouts(), []);

        worker.host().memory.most = usize::MAX;
        let passes = (0..100).any(|_| {
            world.clock.advance(SECOND);
            worker.tick();
            if !worker.callouts().is_empty() {
                worker.answer_callout(large(size));
            }
            worker.request(good()).is_forwarded()
        });
        assert!(passes, "{pages}: {:?}", worker.host().log);
    }
}

/// The host takes all memory, and has it until it gives something the next time.
fn use_up(worker: &mut Worker) {
    let (root, memory) = (worker.root(), worker.memory());
    worker.host().memory.most = memory;
    while worker.odd_call(root, "proxy_on_memory_allocate", &[64 << 10]) != 0 {}
}

#[test]
fn a_request_whose_trailers_come_without_memory_ends() {
    let limits = json!({"concurrent": 1});
    let world = World::new();
    let mut worker = world.worker(&configuration::limited(configuration::inline(), limits));
    let stream = worker.open(good());
    assert!(worker.outcome(stream).is_forwarded());
    use_up(&mut worker);
    let mut trailers = Headers::new();
    trailers.add(b"x-checksum", b"1");
    assert_eq!(worker.trailers(stream, trailers), None);
    assert!(worker.is_over(stream), "it hangs");

    // What it took up is given back when there is memory.
    worker.host().memory.most = usize::MAX;
    world.clock.advance(SECOND);
    worker.tick();
    assert_eq!(worker.request(good()).summary(), "forwarded");
}

#[test]
fn a_configuration_that_is_too_large_is_refused_whatever_memory_there_is() {
    let text = everything().to_string() + &" ".repeat(MAX_BYTES);
    for memory in [16 << 20, usize::MAX] {
        let mut worker = Worker::start_within(&World::new(), memory);
        assert!(!worker.configure(text.as_bytes()), "{memory}");
    }
}

/// Else a worker with little memory left would fail, and serve unfiltered, where the canary had enough.
#[test]
fn a_pattern_takes_no_memory_that_the_text_does_not_tell_of() {
    let mut configuration = everything();
    configuration["accounts"]["pattern"] = json!("(a{1,999}){1,200}");
    let (least, _) = sizes();
    for memory in [least + (6 << 20), usize::MAX] {
        let mut worker = Worker::start_within(&World::new(), memory);
        let configured = worker.configure(configuration.to_string().as_bytes());
        assert!(!configured, "{memory}");
    }
}

/// Else a worker would end, and serve unfiltered, that had what the text tells of, and no more.
#[test]
fn routes_take_no_memory_that_the_text_does_not_tell_of() {
    /// So many times the text's size are seen to first (`plugin/src/root.rs`), besides the text and a page or two.
    const TIMES: usize = 64;
    for (routes, segments) in [(1, 100_000), (100, 1000), (5000, 3)] {
        let route = |number| {
            let path = "/a".repeat(segments);
            json!({"match": format!("GET /{number}{path}"), "access": "public"})
        };
        let mut configuration = configuration::inline();
        configuration["routes"] = (0..routes).map(route).collect();
        let text = configuration.to_string();
        let mut worker = Worker::start_within(&World::new(), usize::MAX);
        worker.allow(20_000_000_000);
        let before = worker.memory();
        assert!(worker.configure(text.as_bytes()), "{routes}");
        let taken = worker.memory() - before;
        let most = (TIMES + 1) * text.len() + 2 * PAGE;
        assert!(
            taken <= most,
            "{routes} routes of {segments} segments: {taken}, more than {most}"
        );
    }
}
