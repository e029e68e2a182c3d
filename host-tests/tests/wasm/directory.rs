//! The directory of accounts: what it says about a request, and how long requests wait for it.

use std::time::Duration;

use host_tests::{Answer, Outcome, Request, Threads, Token, Worker, World, configuration, key_set};
use serde_json::{Value, json};

pub const SECOND: Duration = Duration::from_secs(1);

/// One account of each kind.
pub const DOCUMENT: &str = r#"{"accounts": {"acme": {}, "globex": {"status": "suspended"}}}"#;

pub fn configuration() -> Value {
    configuration::with_directory(configuration::inline())
}

/// By a member of all accounts that the tests name.
pub fn to(account: &str) -> Request {
    let accounts = json!(["acme", "globex", "initech"]);
    let token = Token::good().claim("accounts", accounts);
    let token = token.claim("exp", 4_000_000_000_u64).signed();
    Request::get("/x").account(account).bearer(&token)
}

fn by_an_administrator(account: &str) -> Request {
    let roles = json!({"platform-admin": {"1": "x"}});
    let token = Token::good()
        .claim("roles", roles)
        .claim("accounts", json!([]));
    let request = Request::new("POST", "/api/admin/x").header("X-Admin", "true");
    request.account(account).bearer(&token.signed())
}

pub fn answer(document: &str) -> Answer {
    Answer::new(200, document)
}

/// A worker that has fetched the document.
pub fn ready(world: &World) -> Worker {
    let mut worker = world.fetching(&configuration());
    worker.answer_callout(answer(DOCUMENT));
    worker
}

/// The next fetch is due, and begun.
pub fn asked_again(world: &World, worker: &mut Worker) {
    world.clock.advance(SECOND * 10);
    worker.tick();
    assert_eq!(worker.callouts().len(), 1);
}

pub fn counted(worker: &mut Worker, name: &str) -> i64 {
    worker.host().counter(&format!("tollgate.directory.{name}"))
}

#[test]
fn only_accounts_that_are_there_and_active_may_be_used() {
    let mut worker = ready(&World::new());
    for (request, expected) in [
        (to("acme"), "forwarded"),
        (to("globex"), "403 account_suspended"),
        (to("initech"), "400 account_unknown"),
        (to("hooli"), "403 account_forbidden"),
        (by_an_administrator("acme"), "forwarded"),
        (by_an_administrator("globex"), "forwarded"),
        (by_an_administrator("initech"), "forwarded"),
        (
            Request::get("/api/accounts").account("initech"),
            "forwarded",
        ),
    ] {
        let what = format!("{request:?}");
        assert_eq!(worker.request(request).summary(), expected, "{what}");
    }
    assert_eq!(counted(&mut worker, "accounts"), 0, "until the next tick");
    worker.tick();
    for code in ["account_unknown", "account_suspended"] {
        let name = format!("tollgate.requests.refused.{code}");
        assert!(worker.host().counter(&name) > 0, "{code}");
    }
    assert_eq!(counted(&mut worker, "accounts"), 2);
}

#[test]
fn without_one_in_the_configuration_every_account_is_there() {
    let mut worker = World::new().fetching(&configuration::inline());
    assert_eq!(worker.callouts(), []);
    assert_eq!(worker.request(to("initech")).summary(), "forwarded");
}

#[test]
fn requests_wait_for_the_first_one_and_are_decided_on_when_it_comes() {
    let world = World::new();
    let mut threads = Threads::start(&world, &configuration(), 3);
    let accounts = ["acme", "globex", "initech"];
    let waiting: Vec<_> = threads
        .workers()
        .map(|worker| accounts.map(|account| worker.open(to(account))))
        .collect();
    threads.until_asked(SECOND).unwrap();
    for (worker, streams) in threads.workers().zip(&waiting) {
        assert_eq!(worker.outcome(streams[0]).summary(), "waiting");
        let forbidden = worker.request(to("hooli")).summary();
        assert_eq!(forbidden, "403 account_forbidden", "needs no directory");
    }
    threads.answer(answer(DOCUMENT));
    threads.tick();
    for (worker, streams) in threads.workers().zip(&waiting) {
        let outcomes = streams.map(|stream| worker.outcome(stream).summary());
        let expected = ["forwarded", "403 account_suspended", "400 account_unknown"];
        assert_eq!(outcomes, expected);
    }
}

#[test]
fn the_wait_ends_after_max_wait() {
    let world = World::new();
    let mut worker = world.fetching(&configuration());
    let stream = worker.open(to("acme"));
    world.clock.advance(SECOND * 2 - Duration::from_millis(1));
    worker.tick();
    assert_eq!(worker.outcome(stream).summary(), "waiting");
    world.clock.advance(Duration::from_millis(1));
    worker.tick();
    let outcome = worker.outcome(stream);
    assert_eq!(outcome.summary(), "503 not_ready");
    let reply = outcome.reply();
    assert_eq!(reply.headers.get("retry-after").unwrap(), "1");
    let detail = "the directory of accounts has not been fetched";
    assert_eq!(reply.json()["detail"], detail);
}

/// In a worker that has not ticked since, a request finds both in shared data, one after the other.
#[test]
fn keys_and_directory_can_both_be_waited_for() {
    let world = World::new();
    let configuration = configuration::with_directory(configuration::remote());
    let mut asking = world.fetching(&configuration);
    let mut late = world.fetching(&configuration);
    let stream = asking.open(to("acme"));
    for answers in 1..=2 {
        let to_keys = asking.callouts()[0].cluster == "issuer";
        let keys = Answer::new(200, key_set().to_string());
        asking.answer_callout(if to_keys { keys } else { answer(DOCUMENT) });
        let expected = ["waiting", "forwarded"][answers - 1];
        assert_eq!(asking.outcome(stream).summary(), expected);
    }
    assert_eq!(late.request(to("acme")).summary(), "forwarded");
}

#[test]
fn a_worker_that_starts_later_and_a_new_configuration_have_it_at_once() {
    let world = World::new();
    let mut worker = ready(&world);
    let mut later = world.worker(&configuration());
    assert_eq!(later.request(to("acme")).summary(), "forwarded");
    worker.reload(&configuration());
    assert_eq!(
        worker.request(to("globex")).summary(),
        "403 account_suspended"
    );
    worker.retire_old();
    assert_eq!(worker.request(to("acme")).summary(), "forwarded");
    assert_eq!(worker.host().count("proxy_http_call"), 1);
}

#[test]
fn an_accounts_own_caps_count() {
    let configuration = configuration::capped(configuration(), 1);
    let world = World::new();
    let mut worker = world.fetching(&configuration);
    let own = |caps: &str| {
        answer(&format!(
            r#"{{"accounts": {{"acme": {{"caps": {caps}}}, "globex": {{}}}}}}"#
        ))
    };
    worker.answer_callout(own(
        r#"{"requests": {"per_minute": 3}, "others": {"per_day": 0}}"#,
    ));
    let passed = |worker: &mut Worker, account| {
        let outcomes = (0..6).map(|_| worker.request(to(account)));
        outcomes.filter(Outcome::is_forwarded).count()
    };
    assert_eq!(passed(&mut worker, "acme"), 3);
    assert_eq!(passed(&mut worker, "globex"), 1);
    asked_again(&world, &mut worker);
    worker.answer_callout(own(r#"{"requests": {"per_minute": null}}"#));
    assert_eq!(passed(&mut worker, "acme"), 6);
}
