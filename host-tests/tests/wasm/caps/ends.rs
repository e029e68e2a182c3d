//! However a request ends, it gives back what it took up, once.

use host_tests::{Answer, Headers, Request, StreamId, Worker, World, configuration, key_set};
use serde_json::json;

use super::{good, limited, open, room};

type End = fn(&mut Worker, StreamId);

/// All ways in which a stream ends, as the filter is told of them.
const ENDS: [(&str, End); 6] = [
    ("the client leaves before the answer", |worker, stream| {
        worker.end(stream);
    }),
    ("the upstream has answered", |worker, stream| {
        worker.answer(stream, Answer::new(200, ""));
        worker.end(stream);
    }),
    ("Envoy answers for the upstream", |worker, stream| {
        worker.answer(stream, Answer::new(503, ""));
        worker.end(stream);
    }),
    ("the answer has no headers of its own", |worker, stream| {
        worker.answer(stream, Answer::broken());
        worker.end(stream);
    }),
    ("the request has trailers", |worker, stream| {
        worker.trailers(stream, Headers::new());
        worker.end(stream);
    }),
    ("trailers, and an answer", |worker, stream| {
        worker.trailers(stream, Headers::new());
        worker.answer(stream, Answer::new(101, ""));
        worker.end(stream);
    }),
];

#[test]
fn every_end_gives_back_one() {
    for (how, end) in ENDS {
        let mut worker = limited(&World::new(), json!({"concurrent": 3}));
        let streams = open(&mut worker, 9);
        assert_eq!(streams.len(), 3);
        for stream in streams {
            end(&mut worker, stream);
            assert_eq!(open(&mut worker, 9).len(), 1, "{how}");
        }
    }
}

#[test]
fn a_request_is_under_way_until_the_very_end() {
    let mut worker = limited(&World::new(), json!({"concurrent": 1}));
    let stream = open(&mut worker, 1)[0];
    worker.answer(stream, Answer::new(200, ""));
    assert_eq!(room(&mut worker), 0, "it is still being answered");
    worker.end(stream);
    assert_eq!(room(&mut worker), 1);
}

#[test]
fn what_has_no_beginning_gives_nothing_back() {
    let mut worker = limited(&World::new(), json!({"concurrent": 2}));
    let streams = open(&mut worker, 2);
    for _ in 0..5 {
        worker.refused_by_envoy();
        assert_eq!(worker.request(good()).summary(), "429 cap_exceeded");
        worker.request(Request::get("/api/accounts"));
        worker.request(Request::get("/x"));
    }
    assert_eq!(room(&mut worker), 0);
    worker.end_all(streams);
    assert_eq!(room(&mut worker), 2);
}

fn waiting() -> Worker {
    let limits = json!({"concurrent": 2});
    let configuration = configuration::limited(configuration::remote(), limits);
    World::new().fetching(&configuration)
}

fn keys() -> Answer {
    Answer::new(200, key_set().to_string())
}

#[test]
fn a_request_that_waited_is_under_way_from_when_it_goes_on() {
    let mut worker = waiting();
    let streams: Vec<_> = (0..3).map(|_| worker.open(good())).collect();
    worker.answer_callout(keys());
    let summary = streams
        .iter()
        .map(|stream| worker.outcome(*stream).summary());
    let summary: Vec<_> = summary.collect();
    assert_eq!(summary, ["forwarded", "forwarded", "429 cap_exceeded"]);
    worker.end(streams[0]);
    assert_eq!(room(&mut worker), 1);
    worker.end(streams[1]);
    assert_eq!(room(&mut worker), 2);
}

#[test]
fn a_client_that_leaves_while_it_waits_takes_nothing_up() {
    let mut worker = waiting();
    let (gone, stays) = (worker.open(good()), worker.open(good()));
    worker.end(gone);
    worker.answer_callout(keys());
    assert!(worker.outcome(stays).is_forwarded());
    assert_eq!(room(&mut worker), 1);
    worker.end(stays);
    assert_eq!(room(&mut worker), 2);
}

#[test]
fn a_request_that_cannot_be_resumed_gives_back_what_it_took() {
    let mut worker = waiting();
    let stream = worker.open(good());
    let fault = host_tests::Fault::Status(host_tests::status::BAD_ARGUMENT);
    worker.host().faults.always("proxy_continue_stream", fault);
    worker.answer_callout(keys());
    worker.host().faults.clear();
    assert_eq!(worker.outcome(stream).summary(), "503 not_ready");
    assert_eq!(room(&mut worker), 2);
}
