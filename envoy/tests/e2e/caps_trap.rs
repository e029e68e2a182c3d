//! What a worker leaves behind whose virtual machine fails.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::{build, minute};

use crate::places::{Places, at_each_number_of_workers};
use crate::streams::{Stream, Streams};
use crate::world::{MODULE, echo, good, wait_until};

/// The filter that can be made to fail, built once.
pub static TRAPPING: LazyLock<PathBuf> =
    LazyLock::new(|| build::trapping_filter(&Progress::new()).unwrap());

pub const TRAP: &str = "x-tollgate-trap";

#[test]
fn the_filter_that_is_shipped_has_no_trap() {
    let has_trap = |module: &PathBuf| {
        let words = b"trapped, as a test asked for";
        let module = fs::read(module).unwrap();
        module.windows(words.len()).any(|part| part == words)
    };
    assert!(has_trap(&TRAPPING), "or this test says nothing");
    assert!(!has_trap(&MODULE));
    let answer = good(echo()).header(TRAP, "1").send().unwrap();
    assert_eq!(answer.status, 200);
}

/// How long what a failed worker had under way may go on counting.
const FREED: Duration = Duration::from_secs(10);

/// A connection to each of two workers; to the same one where there is no other.
fn connections(places: &Places, workers: usize) -> [Streams; 2] {
    let had = |worker: usize| {
        let connections = format!("listener.edge.worker_{worker}.downstream_cx_total");
        places.stack.envoy().stat(&connections).unwrap_or(0)
    };
    let connect = || {
        let before: Vec<_> = (0..workers).map(had).collect();
        let connection = Streams::connect(places.stack.gate());
        let mut worker = None;
        wait_until("a worker has the connection", || {
            worker = (0..workers).find(|worker| had(*worker) > before[*worker]);
            worker.is_some()
        });
        (worker, connection)
    };
    let (first, one) = connect();
    loop {
        let (worker, other) = connect();
        if worker != first || workers == 1 {
            return [one, other];
        }
    }
}

/// Requests on one connection, which the upstream holds under this name.
fn hold(places: &Places, connection: &Streams, name: &str, number: usize) -> Vec<Stream> {
    let script = format!("hold:{name}");
    let begin = |_| places.stream(connection, "/held", &script);
    let streams = (0..number).map(begin).collect();
    wait_until("the upstream holds them", || {
        places.upstream.held(name) == number
    });
    streams
}

/// Three requests of five are on a worker that fails, two on another one, if there is another.
#[test]
fn a_worker_that_fails_frees_its_places_and_counts_go_on() {
    at_each_number_of_workers(|workers| {
        let places = Places::start(workers, 5, |stack| {
            let minute = json!({
                "name": "minute",
                "routes": ["GET /counted"],
                "limits": {"concurrent": null, "per_minute": 10},
            });
            stack
                .module(&*TRAPPING)
                .policy(|policy| policy["caps"].as_array_mut().unwrap().push(minute))
        });
        let [one, other] = connections(&places, workers);
        let doomed = hold(&places, &one, "doomed", 3);
        let safe = hold(&places, &other, "safe", 2);
        places.assert_full();

        let (failed, passed) = minute::within_one(|attempt| {
            let account = format!("acme-{attempt}");
            let token = places.stack.issuer().member(&account);
            let request = places.stack.get("/counted").account(account).bearer(token);
            let pass = |number: usize| {
                let statuses = (0..number).map(|_| request.send().unwrap().status);
                statuses.filter(|status| *status == 200).count()
            };
            let before = pass(4);
            assert_eq!(status(one.begin("/", &[(TRAP, "1")])), 503);
            let failed = Instant::now();
            wait_until("the worker is back", || {
                status(one.begin("/api/accounts", &[])) == 200
            });
            (failed, (before, pass(20)))
        });
        assert_eq!(passed, (4, 6), "the minute's count");

        let is_alone = workers == 1;
        let new = places.wait_to_hold(if is_alone { 5 } else { 3 });
        let freed = failed.elapsed();
        println!("{workers} workers: free after {freed:?}");
        assert!(freed < FREED, "{freed:?}");
        places.assert_full();

        new.finish();
        places.upstream.release("safe");
        let expected = if is_alone { 503 } else { 200 };
        for stream in safe {
            assert_eq!(status(stream), expected);
        }
        places.upstream.release("doomed");
        for stream in doomed {
            assert_eq!(status(stream), 503);
        }
        places.wait_for_gauge(0);
        let all = places.hold(5);
        places.assert_full();
        all.finish();
        assert!(places.stack.envoy().log().contains("unreachable"));
        assert_eq!(places.stack.envoy().traps(), 1);
    });
}

fn status(stream: Stream) -> u16 {
    stream.response().unwrap().status().as_u16()
}
