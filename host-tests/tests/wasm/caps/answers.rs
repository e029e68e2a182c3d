//! What clients are told of the caps: `RateLimit-Policy` and `RateLimit`, on every answer to a request that counts.

use host_tests::{Answer, Headers, Outcome, Request, Worker, World, configuration};
use serde_json::{Value, json};

use super::{SECOND, good, limited};

fn all_windows() -> Value {
    json!({"concurrent": 20, "per_minute": 2, "per_hour": 600, "per_day": 10_000})
}

fn fields(headers: &Headers) -> [Vec<String>; 2] {
    [headers.all("ratelimit-policy"), headers.all("ratelimit")]
}

fn none() -> [Vec<String>; 2] {
    [Vec::new(), Vec::new()]
}

#[test]
fn an_answer_says_what_is_left() {
    let mut worker = limited(&World::new(), all_windows());
    let policy = concat!(
        r#""requests.per_day";q=10000;w=86400, "requests.per_hour";q=600;w=3600, "#,
        r#""requests.per_minute";q=2;w=60, "requests.concurrent";q=20;qu="concurrent-requests""#
    );
    let left = concat!(
        r#""requests.per_day";r=9999;t=57570, "requests.per_hour";r=599;t=3570, "#,
        r#""requests.per_minute";r=1;t=30, "requests.concurrent";r=19"#
    );
    let answer = worker.exchange(good());
    assert_eq!(answer.names(), [":status", "ratelimit-policy", "ratelimit"]);
    assert_eq!(fields(&answer), [[policy], [left]]);
}

#[test]
fn a_refusal_says_what_is_left_of_the_others() {
    let mut worker = limited(&World::new(), all_windows());
    worker.exchange(good());
    worker.exchange(good());
    let refusal = worker.exchange(good());
    assert_eq!(refusal.get(":status").unwrap(), "429");
    assert_eq!(refusal.all("retry-after"), ["30"]);
    let left = concat!(
        r#""requests.per_day";r=9998;t=57570, "requests.per_hour";r=598;t=3570, "#,
        r#""requests.per_minute";r=0;t=30, "requests.concurrent";r=20"#
    );
    assert_eq!(refusal.all("ratelimit"), [left]);
    assert_eq!(refusal.all("ratelimit-policy").len(), 1);
}

#[test]
fn what_is_under_way_is_counted_with_this_one() {
    let mut worker = limited(&World::new(), json!({"concurrent": 3}));
    super::open(&mut worker, 2);
    let answer = worker.exchange(good());
    assert_eq!(answer.all("ratelimit"), [r#""requests.concurrent";r=0"#]);
    super::open(&mut worker, 1);
    let refusal = worker.exchange(good());
    assert_eq!(refusal.all("ratelimit"), [r#""requests.concurrent";r=0"#]);
    assert_eq!(refusal.all("retry-after"), ["1"]);
}

#[test]
fn the_time_left_is_that_of_the_request() {
    let world = World::new();
    let mut worker = limited(&world, json!({"per_minute": 5}));
    let stream = super::open(&mut worker, 1)[0];
    world.clock.advance(SECOND * 120);
    let answer = worker.answer(stream, Answer::new(200, ""));
    assert_eq!(
        answer.all("ratelimit"),
        [r#""requests.per_minute";r=4;t=30"#]
    );
}

#[test]
fn fields_of_the_upstream_stay() {
    let mut worker = limited(&World::new(), json!({"per_minute": 5}));
    let stream = super::open(&mut worker, 1)[0];
    let mut answer = Answer::new(200, "");
    answer.headers.add(b"ratelimit", b"\"own\";r=1");
    let answer = worker.answer(stream, answer);
    let expected = [r#""own";r=1"#, r#""requests.per_minute";r=4;t=30"#];
    assert_eq!(answer.all("ratelimit"), expected);
}

#[test]
fn several_caps_are_in_their_order() {
    let cap = |name| json!({"name": name, "limits": {"per_minute": 5}});
    let mut configuration = configuration::inline();
    configuration["caps"] = json!([cap("b"), cap("a")]);
    let answer = World::new().worker(&configuration).exchange(good());
    let expected = [r#""b.per_minute";q=5;w=60, "a.per_minute";q=5;w=60"#];
    assert_eq!(answer.all("ratelimit-policy"), expected);
}

fn switched_off(limits: Value) -> Worker {
    let mut configuration = configuration::limited(configuration::inline(), limits);
    configuration["rate_limit_fields"] = json!(false);
    World::new().worker(&configuration)
}

#[test]
fn switched_off_no_answer_has_them() {
    let mut worker = switched_off(json!({"per_minute": 1}));
    let (admitted, refused) = (worker.exchange(good()), worker.exchange(good()));
    assert_eq!((fields(&admitted), fields(&refused)), (none(), none()));
    assert_eq!(refused.get(":status").unwrap(), "429");
    assert_eq!(refused.all("retry-after"), ["30"], "which is no such field");
}

#[test]
fn what_no_cap_counts_has_none() {
    let mut worker = limited(&World::new(), json!({"per_minute": 5}));
    let public = worker.exchange(Request::get("/api/accounts"));
    let refused = worker.exchange(Request::get("/x").account("acme"));
    assert_eq!((fields(&public), fields(&refused)), (none(), none()));
    let mut free = World::new().worker(&configuration::inline());
    assert_eq!(fields(&free.exchange(good())), none());
}

#[test]
fn an_answer_in_two_parts_has_them_once() {
    let mut worker = limited(&World::new(), json!({"per_minute": 5}));
    let stream = super::open(&mut worker, 1)[0];
    assert_ne!(fields(&worker.answer(stream, Answer::new(200, ""))), none());
    assert_eq!(fields(&worker.answer(stream, Answer::new(503, ""))), none());
}

#[test]
fn a_grpc_client_is_told_too() {
    let mut worker = limited(&World::new(), json!({"per_minute": 0}));
    let outcome: Outcome = worker.request(good().header("Content-Type", "application/grpc"));
    assert_eq!(outcome.summary(), "grpc 8 cap_exceeded");
    let headers = &outcome.reply().headers;
    assert_eq!(
        headers.all("ratelimit"),
        [r#""requests.per_minute";r=0;t=30"#]
    );
    assert_eq!(headers.all("retry-after"), ["30"]);
}
