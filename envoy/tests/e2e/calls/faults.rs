//! What goes wrong: clients that hang up, locks that are not given back, databases that are older than the service.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_envoy::client::Origin;
use tollgate_envoy::issuer::Issuer;
use tollgate_envoy::stack::Stack;
use tollgate_envoy::upstream::Upstream;
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};

use super::{Account, ORIGINATE, at_once};
use crate::database::{self, Database, SYSTEM};
use crate::world::{AGENTS, gate, stack, tool, wait_until};

const LOCK: &str = "begin; select from call_limits for update";

/// Requests that wait for a lock in the account's database.
fn waiting(database: &Database) -> usize {
    database.number(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and wait_event_type = 'Lock'",
    )
}

fn assertion(stack: &Stack, account: &str) -> String {
    let assertion = Assertion {
        account: AccountName::parse(account.as_bytes()).unwrap(),
        subject: "somebody".to_owned(),
        admin: false,
        credential: CredentialKind::Jwt,
    };
    let key = AssertionKey::new(stack.assertion_key().as_bytes()).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    key.sign(&assertion, "upstream", now, 60).unwrap()
}

/// Sends a request past the gate, and hangs up when the service waits for a lock with one more.
fn hang_up(account: &Account, watch: &Database, line: &str, body: &str) {
    let upstream = Origin::parse(&gate().upstream_url()).unwrap();
    let before = waiting(watch);
    let mut connection = TcpStream::connect(upstream.address()).unwrap();
    write!(
        connection,
        "{line} HTTP/1.1\r\nhost: upstream\r\nx-tollgate-assertion: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        assertion(gate(), account.name),
        body.len(),
    )
    .unwrap();
    wait_until("the request waits", || waiting(watch) == before + 1);
    connection.shutdown(Shutdown::Write).unwrap();
    // The service closes its side when it has noticed.
    let mut rest = Vec::new();
    connection.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "there was no answer");
}

#[test]
fn a_client_that_hangs_up_leaves_no_call() {
    let account = Account::new("calls-hang-up", json!({"concurrent_max": 1}));
    let (holder, watch) = (account.database(), account.database());
    // What the service stores is seen here, also if it takes it back.
    holder.run(
        "create table stored (id uuid); \
         create function note() returns trigger language plpgsql as \
         'begin insert into stored values (new.id); return new; end'; \
         create trigger note after insert on calls for each row execute function note()",
    );
    holder.run(LOCK);
    let line = format!("POST {ORIGINATE}");
    hang_up(&account, &watch, &line, &account.call().to_string());
    holder.run("commit");
    wait_until("the call is stored", || {
        watch.number("select count(*) from stored") == 1
    });
    wait_until("the call is taken back", || {
        watch.number("select count(*) from calls") == 0
    });
    assert_eq!(account.originate().send().unwrap().status, 200);
}

/// Their statements run on, each on a connection that nobody else gets meanwhile.
#[test]
fn clients_that_hang_up_leave_nobody_a_busy_connection() {
    let account = Account::new("calls-busy", json!({"concurrent_max": 1}));
    let (holder, watch) = (account.database(), account.database());
    holder.run("begin; lock table agents");
    for _ in 0..4 {
        hang_up(&account, &watch, &format!("GET {AGENTS}"), "");
    }
    for _ in 0..4 {
        let begun = Instant::now();
        let answer = account
            .request("GET", "/api/v1/call-limits")
            .send()
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    holder.run("commit");
    wait_until("nothing waits", || waiting(&watch) == 0);
    assert_eq!(account.request("GET", AGENTS).send().unwrap().status, 200);
}

#[test]
fn who_waits_for_one_accounts_lock_keeps_no_other_account_out() {
    let account = Account::new("calls-locked", json!({"concurrent_max": 5}));
    let other = Account::new("calls-not-locked", json!({"concurrent_max": 5}));
    let (holder, watch) = (account.database(), account.database());
    holder.run(LOCK);
    let answers = thread::scope(|scope| {
        let waiting_answers = scope.spawn(|| at_once(&account.originate(), 60));
        wait_until("requests wait", || waiting(&watch) >= 8);
        let others = at_once(&other.originate(), 10);
        let agents = other.request("GET", AGENTS).send().unwrap();
        assert_eq!(agents.status, 200);
        let passed = others.iter().filter(|answer| answer.status == 200);
        assert_eq!(passed.count(), 5, "another account has all it may have");
        assert!(waiting(&watch) >= 8, "and the first one still waits");
        holder.run("commit");
        waiting_answers.join().unwrap()
    });
    let passed = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(passed.count(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        let outcome = answer.outcome();
        let told = ["429 cap_exceeded", "503 database_busy"].contains(&outcome.as_str());
        assert!(told, "{outcome}");
    }
}

#[test]
fn a_lock_that_is_not_given_back_is_not_waited_for_without_end() {
    let account = Account::new("calls-stuck", json!({"concurrent_max": 5}));
    let holder = account.database();
    holder.run(LOCK);
    let answer = account.originate().send().unwrap();
    assert_eq!(answer.outcome(), "503 database_busy", "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("1"));
    holder.run("commit");
    assert_eq!(account.originate().send().unwrap().status, 200);
}

/// Whatever isolation the database's owner has chosen as the default.
#[test]
fn the_count_is_exact_at_any_default_isolation() {
    let account = Account::new("calls-isolation", json!({"concurrent_max": 5}));
    account.database().run(
        "alter database \"calls-isolation\" set default_transaction_isolation = 'serializable'; \
         select pg_terminate_backend(pid) from pg_stat_activity \
         where datname = 'calls-isolation' and pid <> pg_backend_pid()",
    );
    wait_until("a connection with the new default is there", || {
        account.request("GET", AGENTS).send().unwrap().status == 200
    });
    let answers = at_once(&account.originate(), 60);
    let passed = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(passed.count(), 5);
}

/// An account of the first version, which had agents only, is brought up to date by the service.
#[test]
fn an_account_from_before_has_limits_too() {
    let stack = stack().start().unwrap();
    let acme = Database::open(&stack, "acme");
    acme.run(
        "insert into agents (name) values ('Ada'); drop table calls, call_limits; \
         alter table agents drop column widget_enabled, drop column widget_auth_mode; \
         delete from refinery_schema_history where version > 1",
    );
    Database::open(&stack, SYSTEM).run("update accounts set schema_version = 0");
    let limits = |url: &str| {
        let request = Origin::parse(url).unwrap().get("/api/v1/call-limits");
        let request = request.header("X-Tollgate-Assertion", assertion(&stack, "acme"));
        request.send().unwrap()
    };
    let before = limits(&stack.upstream_url());
    assert_eq!(before.outcome(), "503 account_outdated");

    let issuer = Issuer::start().unwrap();
    let next = Upstream::start(
        &tool(),
        &database::url(&stack),
        issuer.url(),
        stack.secrets(),
    )
    .unwrap();
    let expected = json!({
        "concurrent_max": null,
        "calls_per_minute": null,
        "daily_calls_max": null,
        "daily_minutes_max": null,
    });
    wait_until("the account is up to date", || {
        limits(next.url()).status != 503
    });
    let found = limits(next.url());
    assert_eq!((found.status, found.json()), (200, expected));
    assert_eq!(acme.number("select count(*) from agents"), 1);
}
