//! Behind PgBouncer in transaction mode, with fewer sessions than the service would like: each transaction may be in
//! another session, and what a session was told is somebody else's then.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tollgate_envoy::client::{Origin, Request, Response};
use tollgate_envoy::issuer::Issuer;
use tollgate_envoy::pgbouncer::Pgbouncer;
use tollgate_envoy::postgres::Postgres;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;
use tollgate_envoy::trials::accounts::{Credential, Tenant, create, run_clients};
use tollgate_envoy::upstream::{Secrets, Upstream, assertion};

use crate::world::{AGENTS, tool, wait_until};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// PgBouncer's sessions to each database; the service has up to 8 connections to one.
const SESSIONS: usize = 2;

fn secrets() -> Secrets {
    let mut secrets = Secrets::random();
    KEY.clone_into(&mut secrets.assertion_key);
    secrets
}

struct World {
    upstream: Upstream,
    bouncer: Pgbouncer,
    postgres: Postgres,
    _issuer: Issuer,
}

impl World {
    fn start() -> Self {
        let tools = Tools::new(Progress::new());
        let issuer = Issuer::start().unwrap();
        let postgres = Postgres::start(&tool(), &tools.postgres().unwrap()).unwrap();
        let program = tools.pgbouncer().unwrap();
        let bouncer = Pgbouncer::start(&tool(), &program, &postgres, SESSIONS).unwrap();
        let upstream = Upstream::start(&tool(), bouncer.url(), issuer.url(), &secrets()).unwrap();
        Self {
            upstream,
            bouncer,
            postgres,
            _issuer: issuer,
        }
    }

    fn origin(&self) -> Origin {
        Origin::parse(self.upstream.url()).unwrap()
    }

    fn request(&self, method: &str, path: &str, account: &str) -> Request {
        let assertion = assertion(KEY, account, true).unwrap();
        let request = self.origin().request(method, path);
        request.header("X-Tollgate-Assertion", assertion)
    }
}

/// A connection past the service, to PostgreSQL or to PgBouncer.
struct Session(Client);

impl Session {
    fn open(runtime: &Runtime, url: &str, database: &str) -> Self {
        let mut config: tokio_postgres::Config = url.parse().unwrap();
        let (client, connection) = runtime
            .block_on(config.dbname(database).connect(NoTls))
            .unwrap();
        runtime.spawn(connection);
        Self(client)
    }

    /// The first value of the first row.
    fn ask(&self, runtime: &Runtime, sql: &str) -> String {
        let messages = runtime.block_on(self.0.simple_query(sql)).unwrap();
        let mut rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        rows.next().unwrap_or_default().to_owned()
    }
}

fn names(prefix: &str, number: usize) -> Vec<String> {
    (0..number).map(|n| format!("{prefix}-{n}")).collect()
}

fn at_once(request: &Request, number: usize) -> Vec<Response> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..number)
            .map(|_| scope.spawn(|| request.send().unwrap()))
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers.collect()
    })
}

#[test]
fn nothing_is_mixed_up_and_counts_are_exact() {
    let world = World::start();
    let names = names("account", 8);
    create(world.origin(), KEY, &names).unwrap();
    let credential = Credential::Key(KEY.to_owned());
    let tenants = names
        .iter()
        .map(|name| Tenant::new(name, world.origin(), credential.clone()));
    let seen = run_clients(tenants.collect(), Duration::from_secs(3)).unwrap();
    let all_good = seen
        .answers
        .keys()
        .all(|status| [200, 201, 404].contains(status));
    assert!(all_good && seen.answers[&201] > 8, "{seen:?}");

    // A transaction with a lock in it, in which others wait.
    let limits = json!({
        "concurrent_max": 5,
        "calls_per_minute": null,
        "daily_calls_max": null,
        "daily_minutes_max": null,
    });
    let path = "/api/admin/accounts/account-0/call-limits";
    let put = world.request("PUT", path, "account-0").json(&limits);
    assert_eq!(put.send().unwrap().status, 200);
    let agent = world.request("POST", AGENTS, "account-0");
    let agent = agent.json(&json!({"name": "Ada"})).send().unwrap().json();
    let call = json!({"agent_id": agent["id"], "from_number": "+14155550100", "to_number": "+14155550101"});
    let originate = world.request("POST", "/api/v1/calls/originate", "account-0");
    let answers = at_once(&originate.json(&call), 30);
    let passed = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(passed.count(), 5, "{:?}", answers[0].text());

    // Every session that PgBouncer has is as it was, and holds nothing.
    let runtime = Runtime::new().unwrap();
    let mut all = names.clone();
    all.push("kataven-admin".to_owned());
    for database in &all {
        let open = |_| Session::open(&runtime, world.bouncer.url(), database);
        let sessions: Vec<_> = (0..SESSIONS).map(open).collect();
        for session in &sessions {
            // Each keeps its session until the end of the transaction.
            let timeout = session.ask(&runtime, "begin; show statement_timeout");
            assert_eq!(timeout, "20s", "{database}");
            let timeout = session.ask(&runtime, "show idle_in_transaction_session_timeout");
            assert_eq!(timeout, "10s", "{database}");
        }
    }
    let direct = Session::open(&runtime, &world.postgres.url(), "kataven-admin");
    let locks = "select count(*) from pg_locks where locktype = 'advisory'";
    assert_eq!(direct.ask(&runtime, locks), "0");
}

/// The database's own timeouts hold for the service's statements: with shorter ones, so that it takes no 20 s.
#[test]
fn timeouts_are_the_databases_own() {
    let world = World::start();
    create(world.origin(), KEY, &["acme".to_owned()]).unwrap();
    let runtime = Runtime::new().unwrap();
    let direct = Session::open(&runtime, &world.postgres.url(), "kataven-admin");
    direct.ask(
        &runtime,
        "alter database acme set statement_timeout = '300ms'; \
         alter database acme set idle_in_transaction_session_timeout = '1s'; \
         select pg_terminate_backend(pid) from pg_stat_activity where datname = 'acme'",
    );
    let list = || world.request("GET", AGENTS, "acme").send().unwrap();
    wait_until("there are new sessions", || list().status == 200);

    let holder = Session::open(&runtime, &world.postgres.url(), "acme");
    holder.ask(
        &runtime,
        "set idle_in_transaction_session_timeout = 0; begin; lock table agents",
    );
    let begun = Instant::now();
    let answer = list();
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(
        answer.outcome(),
        "503 database_unavailable",
        "{}",
        answer.text()
    );
    holder.ask(&runtime, "rollback");
    assert_eq!(list().status, 200);

    // A process that hangs in a transaction loses its locks, and its session.
    let stuck = Session::open(&runtime, world.bouncer.url(), "acme");
    stuck.ask(&runtime, "begin; lock table agents");
    assert_eq!(list().status, 503);
    wait_until("the lock is taken away", || list().status == 200);
    assert!(runtime.block_on(stuck.0.simple_query("commit")).is_err());
}
