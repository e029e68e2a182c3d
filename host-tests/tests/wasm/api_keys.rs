//! Long-lived keys: their issuer is asked about each, once for all who wait, and its answer holds for seconds.

mod answers;
mod faults;
mod flood;
mod kinds;
mod time;

use std::time::Duration;

use host_tests::{Answer, Request, StreamId, Token, Worker, World, configuration};
use serde_json::{Value, json};
use tollgate_policy::api_key::{ApiKey, ENTROPY};
use tollgate_policy::assertion::{AssertionKey, CredentialKind};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn configuration() -> Value {
    configuration::with_api_keys(configuration::inline())
}

fn worker(world: &World) -> Worker {
    world.fetching(&configuration())
}

fn key(account: &str) -> String {
    ApiKey::write("sk_live_", account, &[7; ENTROPY])
}

/// The key of this number, which nobody has made.
fn forged(number: u32) -> String {
    let mut entropy = [0; ENTROPY];
    entropy[..4].copy_from_slice(&number.to_be_bytes());
    ApiKey::write("sk_live_", "acme", &entropy)
}

fn with(key: &str) -> Request {
    Request::get("/x").bearer(key)
}

fn active() -> Answer {
    Answer::json(r#"{"active":true,"sub":"key-1","account":"acme","exp":4000000000}"#)
}

fn inactive() -> Answer {
    Answer::json(r#"{"active":false}"#)
}

/// A worker that has been told this of the key of `acme`.
fn told(world: &World, answer: Answer) -> Worker {
    let mut worker = worker(world);
    let stream = ask(&mut worker, &key("acme"));
    worker.answer_callout(answer);
    assert_ne!(seen(&mut worker, stream), "waiting");
    worker
}

/// A request that waits, and the one question that has been asked for it.
fn ask(worker: &mut Worker, key: &str) -> StreamId {
    let before = worker.callouts().len();
    let stream = worker.open(with(key));
    assert_eq!(seen(worker, stream), "waiting");
    worker.tick();
    assert_eq!(worker.callouts().len(), before + 1);
    stream
}

fn seen(worker: &mut Worker, stream: StreamId) -> String {
    worker.outcome(stream).summary()
}

fn counted(worker: &mut Worker, name: &str) -> i64 {
    let name = format!("tollgate.introspection.{name}");
    worker.host().counter(&name)
}

#[test]
fn a_key_is_asked_about_and_goes_on_as_its_account() {
    let world = World::new();
    let mut worker = worker(&world);
    let stream = ask(&mut worker, &key("acme"));
    let callout = worker.callouts()[0].clone();
    assert_eq!(callout.cluster, "accounts");
    assert_eq!(callout.timeout, SECOND * 2);
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "accounts.internal"),
        (":path", "/internal/introspect"),
        ("authorization", "Bearer the-gates-own-secret"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
    ] {
        assert_eq!(callout.headers.get(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(callout.body, format!("token={}", key("acme")).into_bytes());

    worker.answer_callout(active());
    let outcome = worker.outcome(stream);
    let headers = outcome.forwarded();
    assert_eq!(headers.get("x-account-id").as_deref(), Some("acme"));
    assert_eq!(headers.get("x-tollgate-subject").as_deref(), Some("key-1"));
    assert_eq!(headers.get("authorization"), None, "the key stays here");
    let text = headers.get("x-tollgate-assertion").unwrap();
    let assertion = AssertionKey::new(world.environment[0].1.as_bytes()).unwrap();
    let now = world.clock.now().as_secs();
    let assertion = assertion.verify(&text, "upstream", now).unwrap();
    assert_eq!(assertion.credential, CredentialKind::ApiKey);
    assert_eq!(assertion.subject, "key-1");

    assert_eq!(worker.request(with(&key("acme"))).summary(), "forwarded");
    assert_eq!(worker.host().count("proxy_http_call"), 1);
    assert_eq!(counted(&mut worker, "answered"), 1);
}

#[test]
fn a_key_that_is_not_active_is_refused_and_remembered() {
    let mut worker = told(&World::new(), inactive());
    let outcome = worker.request(with(&key("acme")));
    assert_eq!(outcome.summary(), "401 key_inactive");
    let challenge = outcome.reply().headers.get("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    assert_eq!(worker.host().count("proxy_http_call"), 1);
    worker.tick();
    assert_eq!(counted(&mut worker, "cached"), 2);
}

#[test]
fn nobody_is_asked_about_what_is_no_key() {
    let mut worker = worker(&World::new());
    let acme = || key("acme");
    for (request, expected) in [
        (with(&acme().replace("acme", "acne")), "401 token_malformed"),
        (with("sk_live_"), "401 token_malformed"),
        (
            with(&format!("sk_live_{}", "a".repeat(5000))),
            "401 token_too_large",
        ),
        (with("sk_live_\u{e9}\u{1}"), "401 token_malformed"),
        (with(&acme()).account("globex"), "403 account_forbidden"),
        (
            with(&acme()).account("acme").account("acme"),
            "400 account_duplicate",
        ),
        (with(&acme()).account("Acme"), "400 account_invalid"),
        (
            with(&acme()).bearer(&acme()).account("acme"),
            "401 token_duplicate",
        ),
        (with(&acme()).bearer(&acme()), "400 account_missing"),
        (
            with(&format!("{}, Bearer {}", acme(), acme())).account("acme"),
            "401 token_duplicate",
        ),
        (with(&key("kataven-admin")), "403 account_reserved"),
        (
            with(&key("postgres")).account("acme"),
            "403 account_reserved",
        ),
        (
            Request::get("/x").header("x-api-key", acme()),
            "400 account_missing",
        ),
        (Request::get("/api/accounts").bearer(&acme()), "forwarded"),
    ] {
        let shown = format!("{request:?}");
        assert_eq!(worker.request(request).summary(), expected, "{shown}");
    }
    for bytes in [
        &b"Bearer sk_live_\xff\xfe"[..],
        b"Bearer sk_live_acme_\x80\xed\xa0\x80",
    ] {
        let request = Request::get("/x").header("authorization", bytes);
        assert_eq!(worker.request(request).summary(), "401 token_malformed");
    }
    worker.tick();
    assert_eq!(worker.host().count("proxy_http_call"), 0);
}

#[test]
fn the_account_header_may_be_sent_and_must_agree() {
    let mut worker = told(&World::new(), active());
    let request = |account| with(&key("acme")).account(account);
    assert_eq!(worker.request(request("acme")).summary(), "forwarded");
    let other = worker.request(request("globex"));
    assert_eq!(other.summary(), "403 account_forbidden");
    // Another's key, of which nothing is known, has nothing of this one's.
    let stream = ask(&mut worker, &key("globex"));
    worker.answer_callout(inactive());
    assert_eq!(seen(&mut worker, stream), "401 key_inactive");
}

#[test]
fn one_question_is_enough_for_all_that_wait() {
    let mut worker = worker(&World::new());
    let waiting: Vec<_> = (0..50).map(|_| worker.open(with(&key("acme")))).collect();
    worker.tick();
    worker.tick();
    assert_eq!(worker.host().count("proxy_http_call"), 1);
    worker.answer_callout(active());
    worker.tick();
    for stream in waiting {
        assert!(worker.outcome(stream).is_forwarded());
    }
    assert_eq!(worker.host().count("proxy_http_call"), 1);
}

#[test]
fn an_answer_wakes_only_those_who_wait_for_it() {
    let mut worker = worker(&World::new());
    let first = ask(&mut worker, &key("acme"));
    let others: Vec<_> = (0..20)
        .map(|number| worker.open(with(&forged(number))))
        .collect();
    worker.tick();
    worker.host().trace.clear();
    worker.answer_callout(active());
    assert!(worker.outcome(first).is_forwarded());
    let read = worker.host().count("proxy_get_header_map_pairs");
    assert_eq!(read, 1, "the others were not decided on again");
    for stream in others {
        assert_eq!(seen(&mut worker, stream), "waiting");
    }
}

#[test]
fn keys_reach_no_admin_route() {
    let mut worker = told(&World::new(), active());
    let admin = |request: Request| request.bearer(&key("acme")).account("acme");
    for request in [
        admin(Request::get("/api/admin/x")),
        admin(Request::get("/api/admin/x").header("x-admin", "true")),
    ] {
        let outcome = worker.request(request);
        assert_eq!(outcome.summary(), "403 credential_not_allowed");
    }
}

#[test]
fn tokens_do_not_wait_for_anybody() {
    let mut worker = worker(&World::new());
    ask(&mut worker, &key("acme"));
    let token = Token::good().signed();
    let request = Request::get("/x").account("acme").bearer(&token);
    assert_eq!(worker.request(request).summary(), "forwarded");
}

#[test]
fn no_secret_is_shown_anywhere() {
    let world = World::new();
    let mut worker = told(&world, active());
    for answer in [
        Answer::json("{"),
        Answer::json(key("acme")),
        Answer::new(401, ""),
    ] {
        world.clock.advance(SECOND * 20);
        let stream = ask(&mut worker, &key("acme"));
        worker.answer_callout(answer);
        let reply = format!("{:?}", worker.outcome(stream).reply());
        assert!(!reply.contains("sk_live_acme"), "{reply}");
    }
    assert!(worker.host().log.len() >= 2, "{:?}", worker.host().log);
    let log = format!("{:?}", worker.host().log);
    assert!(
        !log.contains("sk_live_acme") && !log.contains("the-gates-own"),
        "{log}"
    );
}
