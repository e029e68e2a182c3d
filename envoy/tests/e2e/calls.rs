//! Calls: as many as the account's limits say, however many are asked for at once.

mod faults;
mod windows;

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};
use tollgate_envoy::client::{Request, Response};
use tollgate_envoy::stack::Stack;

use crate::database::Database;
use crate::world::{AGENTS, gate};

const ORIGINATE: &str = "/api/v1/calls/originate";

/// An account of a test's own, with an agent.
struct Account {
    name: &'static str,
    agent: String,
}

impl Account {
    /// Creates it; `limits` are those that it does not lift.
    fn new(name: &'static str, limits: Value) -> Self {
        let created = administer("POST", "/api/admin/accounts")
            .json(&json!({"name": name}))
            .send()
            .unwrap();
        assert_eq!(created.status, 201, "{}", created.text());
        let mut account = Self {
            name,
            agent: String::new(),
        };
        let agent = account
            .request("POST", AGENTS)
            .json(&json!({"name": "Ada"}));
        let agent = agent.send().unwrap().json();
        agent["id"].as_str().unwrap().clone_into(&mut account.agent);
        account.limit(limits);
        account
    }

    fn limit(&self, limits: Value) {
        let mut all = json!({
            "concurrent_max": null,
            "calls_per_minute": null,
            "daily_calls_max": null,
            "daily_minutes_max": null,
        });
        for (limit, value) in limits.as_object().unwrap() {
            all[limit] = value.clone();
        }
        let path = format!("/api/admin/accounts/{}/call-limits", self.name);
        let put = administer("PUT", &path).json(&all).send().unwrap();
        assert_eq!((put.status, put.json()), (200, all));
    }

    /// A request by a member.
    fn request(&self, method: &str, path: &str) -> Request {
        by_member(gate(), self.name, method, path)
    }

    fn originate(&self) -> Request {
        self.request("POST", ORIGINATE).json(&self.call())
    }

    fn call(&self) -> Value {
        json!({
            "from_number": "+14155550100",
            "to_number": "+14155550101",
            "agent_id": self.agent,
        })
    }

    fn end(&self, session: &str) -> Request {
        self.request("POST", &format!("/api/v1/calls/{session}/end"))
    }

    fn database(&self) -> Database {
        Database::open(gate(), self.name)
    }

    /// Puts a call into the database; the times are SQL.
    fn spoke(&self, started_at: &str, ended_at: &str) {
        self.database().run(&format!(
            "insert into calls (agent_id, from_number, to_number, started_at, ended_at) \
             select '{}', '+14155550100', '+14155550101', {started_at}, {ended_at} \
             from date_trunc('day', now(), 'UTC') as midnight",
            self.agent
        ));
    }
}

fn by_member(stack: &Stack, account: &str, method: &str, path: &str) -> Request {
    let token = stack.issuer().member(account);
    stack.request(method, path).account(account).bearer(token)
}

/// A request by an administrator.
fn administer(method: &str, path: &str) -> Request {
    let request = gate().request(method, path).account("platform");
    request.bearer(gate().issuer().administrator()).as_admin()
}

/// Sends the request so often at the same time, each on a connection of its own.
pub fn at_once(request: &Request, number: usize) -> Vec<Response> {
    let start = Barrier::new(number);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..number)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    request.send().unwrap()
                })
            })
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers.collect()
    })
}

/// The calls that were started. All other answers must be refusals by `window`.
fn started(answers: &[Response], window: &str) -> Vec<String> {
    let (passed, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    for answer in refused {
        assert_eq!(answer.outcome(), "429 cap_exceeded", "{}", answer.text());
        assert_eq!(answer.json()["window"], window);
    }
    let session = |answer: &Response| answer.json()["session_id"].as_str().unwrap().to_owned();
    passed.into_iter().map(session).collect()
}

#[test]
fn as_many_calls_are_active_as_may_be() {
    let account = Account::new("calls-concurrent", json!({"concurrent_max": 5}));
    let burst = || started(&at_once(&account.originate(), 60), "concurrent_max");
    let mut sessions = burst();
    assert_eq!(sessions.len(), 5);
    assert_eq!(burst().len(), 0, "none has ended");

    for session in sessions.drain(..2) {
        assert_eq!(account.end(&session).send().unwrap().status, 200);
    }
    sessions.extend(burst());
    assert_eq!(sessions.len(), 5, "two have ended, two more were started");

    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 5, "each is another call");
    let calls = account.database().number("select count(*) from calls");
    assert_eq!(calls, 7, "what was refused is not stored");
}

#[test]
fn a_call_is_told_to_whoever_started_it() {
    let account = Account::new("calls-one", json!({}));
    let answer = account.originate().send().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = answer.json();
    let session = call["session_id"].as_str().unwrap();
    assert_eq!(session.len(), 36);
    assert!(
        call["started_at"].as_str().unwrap().ends_with('Z'),
        "{call}"
    );
    let expected = json!({
        "session_id": session,
        "status": "active",
        "agent_id": account.agent,
        "from_number": "+14155550100",
        "to_number": "+14155550101",
        "started_at": call["started_at"],
        "ended_at": null,
    });
    assert_eq!(call, expected);

    let ended = account.end(session).send().unwrap();
    assert_eq!(
        (ended.status, &ended.json()["status"]),
        (200, &json!("ended"))
    );
    assert!(ended.json()["ended_at"].is_string());
    let again = account.end(session).send().unwrap();
    assert_eq!(
        (again.status, again.json()),
        (200, ended.json()),
        "once is enough"
    );
}

#[test]
fn only_the_accounts_own_calls_can_be_ended() {
    let account = Account::new("calls-own", json!({}));
    let other = Account::new("calls-others", json!({}));
    let call = account.originate().send().unwrap().json();
    let session = call["session_id"].as_str().unwrap();
    let nobodys = "7a1c9c5e-6b4f-4a57-9a52-0e6f4a4c2f10";
    for (account, session) in [(&other, session), (&account, nobodys), (&account, "1")] {
        let answer = account.end(session).send().unwrap();
        assert_eq!(answer.outcome(), "404 call_not_found", "{session}");
    }
    assert_eq!(account.end(session).send().unwrap().status, 200);
}

#[test]
fn a_call_needs_two_numbers_and_an_agent_of_the_account() {
    let account = Account::new("calls-input", json!({"concurrent_max": 0}));
    let other = Account::new("calls-input-other", json!({}));
    let without = |field| {
        let mut call = account.call();
        call.as_object_mut().unwrap().remove(field);
        call
    };
    let with = |field, value: Value| {
        let mut call = account.call();
        call[field] = value;
        call
    };
    let table = [
        (without("from_number"), "400 body_invalid"),
        (without("to_number"), "400 body_invalid"),
        (without("agent_id"), "400 body_invalid"),
        (with("account", json!("globex")), "400 body_invalid"),
        (with("to_number", json!("4155550101")), "400 body_invalid"),
        (with("to_number", json!("+123456")), "400 body_invalid"),
        (
            with("from_number", json!("+1'; drop table calls")),
            "400 body_invalid",
        ),
        (with("agent_id", json!(other.agent)), "404 agent_not_found"),
        (with("agent_id", json!("Ada")), "404 agent_not_found"),
        (with("agent_id", json!(account.agent)), "429 cap_exceeded"),
        (json!([]), "400 body_invalid"),
    ];
    for (call, expected) in table {
        let request = account.request("POST", ORIGINATE).json(&call);
        assert_eq!(request.send().unwrap().outcome(), expected, "{call}");
    }
    let large = format!(r#"{{"from_number": "{}"}}"#, "1".repeat(70_000));
    let large = account
        .request("POST", ORIGINATE)
        .header("Content-Type", "application/json")
        .body(large);
    assert_eq!(large.send().unwrap().outcome(), "413 body_too_large");
}

#[test]
fn two_accounts_share_no_limit() {
    let one = Account::new(
        "calls-share-1",
        json!({"concurrent_max": 1, "daily_calls_max": 1}),
    );
    let two = Account::new("calls-share-2", json!({"concurrent_max": 2}));
    for (account, expected) in [(&one, 1), (&two, 2)] {
        let answers = at_once(&account.originate(), 10);
        let passed = answers.iter().filter(|answer| answer.status == 200);
        assert_eq!(passed.count(), expected, "{}", account.name);
    }
}

#[test]
fn the_limits_can_be_read_and_only_an_administrator_sets_them() {
    let limits = json!({"concurrent_max": 5, "daily_minutes_max": 0});
    let account = Account::new("calls-limits", limits);
    let expected = json!({
        "concurrent_max": 5,
        "calls_per_minute": null,
        "daily_calls_max": null,
        "daily_minutes_max": 0,
    });
    let read = |request: Request| {
        let answer = request.send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    assert_eq!(
        read(account.request("GET", "/api/v1/call-limits")),
        expected
    );
    let admins = "/api/admin/accounts/calls-limits/call-limits";
    assert_eq!(read(administer("GET", admins)), expected);

    let lifted = json!({
        "concurrent_max": null,
        "calls_per_minute": null,
        "daily_calls_max": null,
        "daily_minutes_max": null,
    });
    let mut absent = lifted.clone();
    absent.as_object_mut().unwrap().remove("concurrent_max");
    let table = [
        (
            account.request("PUT", admins),
            &lifted,
            "403 admin_required",
        ),
        (
            account.request("PUT", admins).as_admin(),
            &lifted,
            "403 admin_required",
        ),
        (
            account.request("PUT", "/api/v1/call-limits"),
            &lifted,
            "405 method_not_allowed",
        ),
        (administer("PUT", admins), &absent, "400 body_invalid"),
        (
            administer("PUT", "/api/admin/accounts/nobody/call-limits"),
            &lifted,
            "404 account_not_found",
        ),
    ];
    for (request, limits, outcome) in table {
        let answer = request.json(limits).send().unwrap();
        assert_eq!(answer.outcome(), outcome, "{limits}");
    }
    assert_eq!(read(administer("GET", admins)), expected, "nothing changed");
}
