//! Whatever ends a request gives its place back, and no other.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tollgate_envoy::client::Request;
use tollgate_envoy::config::{Config, ConfigError};
use tollgate_envoy::net::{free_port, loopback};

use crate::places::{Places, at_each_number_of_workers};
use crate::streams::Streams;
use crate::world::wait_until;

type Ending = (&'static str, fn(&Places));

const ENDINGS: [Ending; 23] = [
    ("answered", |places| {
        outcome(places, "/", "", "200");
    }),
    ("the client hangs up before the answer", |places| {
        drop(places.hold(1));
    }),
    ("the client resets before the answer", |places| {
        for client in places.hold(1).clients {
            client.reset().unwrap();
        }
    }),
    (
        "the client hangs up in the middle of the answer",
        |places| {
            let mut client = places.request("/", "headers,hold").begin().unwrap();
            assert_eq!(client.head().unwrap().status, 200);
        },
    ),
    ("the client resets in the middle of the answer", |places| {
        let mut client = places.request("/", "headers,hold").begin().unwrap();
        assert_eq!(client.head().unwrap().status, 200);
        client.reset().unwrap();
    }),
    (
        "the client hangs up in the middle of its request",
        |places| {
            let seen = places.upstream.requests();
            let request = places.request("/", "").header("content-length", "10");
            let client = request.begin().unwrap();
            places.wait_for_gauge(2);
            drop(client);
            assert_eq!(places.upstream.requests(), seen, "it never had all of it");
        },
    ),
    ("the upstream resets before the headers", |places| {
        outcome(places, "/", "reset", "503");
    }),
    ("the upstream closes before the headers", |places| {
        outcome(places, "/", "close", "503");
    }),
    (
        "the upstream resets in the middle of the answer",
        |places| {
            assert!(places.request("/", "headers,reset").send().is_err());
        },
    ),
    ("the upstream resets twice, once for a retry", |places| {
        let seen = places.upstream.requests();
        outcome(places, "/retried", "reset", "503");
        assert_eq!(places.upstream.requests(), seen + 2);
    }),
    ("the route's time is over", |places| {
        outcome(places, "/timeout", "hold", "504");
    }),
    ("the stream is quiet for too long", |places| {
        assert!(places.request("/idle", "headers,hold").send().is_err());
    }),
    ("nobody listens", |places| {
        outcome(places, "/refused", "", "503");
    }),
    ("a filter behind the gate answers", |places| {
        let request = places.request("/", "");
        let request = request.header("x-envoy-fault-abort-request", "418");
        assert_eq!(request.send().unwrap().status, 418);
    }),
    ("a websocket is closed", |places| {
        let mut socket = websocket(places).begin().unwrap();
        assert_eq!(socket.head().unwrap().status, 101);
        assert_eq!(socket.exchange(b"hello").unwrap(), b"hello");
        places.assert_full();
        places.wait_for_gauge(2);
        assert_eq!(socket.exchange(b"still").unwrap(), b"still");
    }),
    ("an event stream is closed", |places| {
        let mut events = places.request("/", "events").begin().unwrap();
        assert_eq!(events.head().unwrap().status, 200);
        places.assert_full();
        places.wait_for_gauge(2);
    }),
    ("Envoy follows a redirect", |places| {
        // The second leg passes only where the first has given its place back.
        let second = "redirect:/redirect?script=hold:second";
        let client = places.request("/redirect", second).begin().unwrap();
        wait_until("the second leg is held", || {
            places.upstream.held("second") == 1
        });
        places.assert_full();
        places.upstream.release("second");
        assert_eq!(client.finish().unwrap().status, 200);
    }),
    ("an HTTP/2 stream is reset", |places| {
        let connection = Streams::connect(places.stack.gate());
        let name = places.name();
        let stream = places.stream(&connection, "/", &format!("hold:{name}"));
        wait_until("it is held", || places.upstream.held(&name) == 1);
        stream.reset();
        wait_until("it is gone", || places.upstream.held(&name) == 0);
    }),
    ("an HTTP/2 connection is closed", |places| {
        let connection = Streams::connect(places.stack.gate());
        let name = places.name();
        let stream = places.stream(&connection, "/", &format!("hold:{name}"));
        wait_until("it is held", || places.upstream.held(&name) == 1);
        connection.close();
        assert!(stream.response().is_err());
    }),
    ("Envoy refuses a request without a host", |places| {
        let answer = raw(places, "GET / HTTP/1.1\r\nx-account-id: acme\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }),
    ("Envoy refuses a request that is too large", |places| {
        let large = "x".repeat(100_000);
        let request = places.request("/", "").header("x-large", large);
        assert_eq!(request.send().unwrap().status, 431);
    }),
    ("the gate refuses a token", |places| {
        let request = places.stack.get("/").account("acme").bearer("a.b.c");
        assert_eq!(request.send().unwrap().status, 401);
    }),
    ("the gate refuses for want of a place", |places| {
        let held = places.hold(1);
        places.assert_full();
        held.finish();
    }),
];

/// One place of two is taken all along, so that it shows when two are given back for one.
#[test]
fn every_ending_gives_back_one_place() {
    at_each_number_of_workers(|workers| {
        let places = Places::start(workers, 2, |stack| {
            // The second leg of a redirect has the headers as the gate has left them to the first.
            let forward = |policy: &mut Value| policy["forward_authorization"] = json!(true);
            stack.config(with_endings).policy(forward)
        });
        let base = places.hold(1);
        for (name, ending) in ENDINGS {
            println!("{workers} workers: {name}");
            ending(&places);
            let probe = places.wait_to_hold(1);
            places.assert_full();
            // It is exact only when nothing has changed for a while: a worker tells of an end and another of a begin.
            assert!(places.in_flight() < 10, "{name}");
            probe.finish();
        }
        one_after_another_is_one_at_a_time(&places);
        base.finish();
        places.wait_for_gauge(0);
        let all = places.hold(2);
        places.assert_full();
        all.finish();
        places.wait_for_gauge(0);
    });
}

/// With routes and a filter that end requests in their own ways.
fn with_endings(config: Config) -> Result<Config, ConfigError> {
    let nobody = loopback(free_port().unwrap());
    let route = |prefix: &str, cluster: &str, more: Value| {
        let mut route = json!({"match": {"prefix": prefix}, "route": {"cluster": cluster}});
        let more = more.as_object().unwrap().clone();
        route["route"].as_object_mut().unwrap().extend(more);
        route
    };
    config
        .and_cluster("nobody", nobody)?
        .and_route(route("/refused", "nobody", json!({})))?
        .and_route(route("/timeout", "upstream", json!({"timeout": "0.1s"})))?
        .and_route(route("/idle", "upstream", json!({"idle_timeout": "0.1s"})))?
        .and_route(route(
            "/retried",
            "upstream",
            json!({"retry_policy": {"retry_on": "reset", "num_retries": 1}}),
        ))?
        .and_route(route(
            "/redirect",
            "upstream",
            json!({"internal_redirect_policy": {"max_internal_redirects": 1}}),
        ))?
        .and_filter(json!({
            "name": "fault",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault",
                "abort": {"header_abort": {}, "percentage": {"numerator": 100}},
            },
        }))
}

fn outcome(places: &Places, path: &str, script: &str, expected: &str) {
    let answer = places.request(path, script).send().unwrap();
    assert_eq!(answer.outcome(), expected);
}

fn websocket(places: &Places) -> Request {
    places
        .request("/", "upgrade")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// What comes back for these bytes.
fn raw(places: &Places, request: &str) -> String {
    let mut stream = TcpStream::connect(places.stack.gate().address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A client that waits for each answer before it asks again is never refused for the request before.
fn one_after_another_is_one_at_a_time(places: &Places) {
    let mut connections: Vec<_> = (0..8)
        .map(|_| places.stack.gate().connect().unwrap())
        .collect();
    let (short, long) = (places.request("/", ""), places.request("/", "headers"));
    for number in 0..1000 {
        let connection = &mut connections[number % 8];
        let request = [&short, &long][number / 8 % 2];
        let answer = connection.send(request).unwrap();
        assert_eq!(answer.outcome(), "200", "request {number}");
    }
    assert_eq!(places.upstream.most_at_once(), 2);
}
