//! Accounts on several PostgreSQL servers.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_envoy::client::{Origin, Request, Response};
use tollgate_envoy::issuer::Issuer;
use tollgate_envoy::postgres::Postgres;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;
use tollgate_envoy::upstream::{Additions, Secrets, Upstream, assertion};

use crate::database::Database;
use crate::world::{AGENTS, tool, wait_until};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn secrets() -> Secrets {
    let mut secrets = Secrets::random();
    KEY.clone_into(&mut secrets.assertion_key);
    secrets
}

struct World {
    first: Postgres,
    second: Postgres,
    issuer: Issuer,
}

impl World {
    fn start() -> Self {
        let programs = Tools::new(Progress::new()).postgres().unwrap();
        Self {
            first: Postgres::start(&tool(), &programs).unwrap(),
            second: Postgres::start_durable(&tool(), &programs).unwrap(),
            issuer: Issuer::start().unwrap(),
        }
    }

    /// A service that knows the second server as `eu`.
    fn service(&self) -> Service {
        let servers = format!(
            "spare=postgres://nobody@127.0.0.1:1 eu={}",
            self.second.url()
        );
        let additions = Additions {
            environment: vec![("TOLLGATE_DATABASE_SERVERS".to_owned(), servers)],
            ..Additions::default()
        };
        let (tool, url) = (tool(), self.first.url());
        let upstream = Upstream::start_with(&tool, &url, self.issuer.url(), &secrets(), &additions);
        Service(upstream.unwrap())
    }
}

struct Service(Upstream);

impl Service {
    fn request(&self, method: &str, path: &str, account: &str) -> Request {
        let origin = Origin::parse(self.0.url()).unwrap();
        let assertion = assertion(KEY, account, true).unwrap();
        origin
            .request(method, path)
            .header("X-Tollgate-Assertion", assertion)
    }

    fn create(&self, account: &Value) -> Response {
        let request = self.request("POST", "/api/admin/accounts", "acme");
        request.json(account).send().unwrap()
    }

    fn delete(&self, account: &str) -> Response {
        let path = format!("/api/admin/accounts/{account}?confirm={account}");
        self.request("DELETE", &path, "acme").send().unwrap()
    }

    fn list(&self, account: &str) -> Response {
        self.request("GET", AGENTS, account).send().unwrap()
    }
}

#[test]
fn an_account_is_on_the_server_that_was_named() {
    let world = World::start();
    let service = world.service();
    assert_eq!(service.create(&json!({"name": "here"})).status, 201);
    let made = service.create(&json!({"name": "there", "server": "eu"}));
    assert_eq!((made.status, &made.json()["server"]), (201, &json!("eu")));
    let refused = service.create(&json!({"name": "nowhere", "server": "mars"}));
    assert_eq!(refused.outcome(), "400 server_unknown");
    assert!(refused.text().contains("eu, spare"), "{}", refused.text());
    let refused = service.create(&json!({"name": "nowhere", "server": "spare"}));
    assert_eq!(refused.outcome(), "503 database_unavailable");

    let databases = |postgres: &Postgres| {
        let system = Database::at(&postgres.url(), "postgres");
        let select =
            "select datname from pg_database where datname in ('here', 'there', 'nowhere')";
        system.rows(select).concat()
    };
    assert_eq!(databases(&world.first), ["here"]);
    assert_eq!(databases(&world.second), ["there"]);
    for account in ["here", "there"] {
        let agent = service.request("POST", AGENTS, account);
        let made = agent.json(&json!({"name": format!("of {account}")})).send();
        assert_eq!(made.unwrap().status, 201);
        let listed = service.list(account).json();
        assert_eq!(listed[0]["name"], format!("of {account}"));
        let path = format!("/api/admin/accounts/{account}");
        let record = service.request("GET", &path, "acme").send().unwrap().json();
        let server = (account == "there").then_some("eu");
        assert_eq!(record["server"], json!(server));
    }
    let there = Database::at(&world.second.url(), "there");
    assert_eq!(there.rows("show statement_timeout").concat(), ["20s"]);
    drop(there);

    let deleted = service.delete("there");
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    assert!(databases(&world.second).is_empty());
    assert_eq!(service.list("there").outcome(), "400 account_unknown");
    assert!(
        !service.0.log().contains("postgres://"),
        "{}",
        service.0.log()
    );
}

#[test]
fn a_server_that_is_not_known_or_hangs_keeps_nobody_else_out() {
    let world = World::start();
    let service = world.service();
    assert_eq!(service.create(&json!({"name": "here"})).status, 201);
    let there: Vec<_> = (0..12).map(|number| format!("there-{number}")).collect();
    for name in &there {
        let made = service.create(&json!({"name": name, "server": "eu"}));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let system = Database::at(&world.first.url(), "kataven-admin");
    system.run("update accounts set server = 'gone' where name = 'there-0'");
    assert_eq!(
        service.list("there-0").outcome(),
        "503 database_unavailable"
    );
    let said = "the account is on the server `gone`, and no --database-server has that name";
    assert!(service.0.log().contains(said), "{}", service.0.log());
    system.run("update accounts set server = 'eu' where name = 'there-0'");
    assert_eq!(service.list("there-0").status, 200);

    // A service that has no connection to the server yet, and gets none; and has something to do by itself, there and
    // here.
    let leaving = service.create(&json!({"name": "leaving", "server": "eu"}));
    assert_eq!(leaving.status, 201, "{}", leaving.text());
    world.second.freeze().unwrap();
    system.run("update accounts set status = 'deleting' where name = 'leaving'");
    system.run("update accounts set schema_version = 0 where name = 'here'");
    let cold = world.service();
    wait_until("the first server's account is up to date", || {
        cold.list("here").status == 200
    });
    thread::scope(|scope| {
        let made = scope.spawn(|| cold.create(&json!({"name": "late", "server": "eu"})));
        let waiting: Vec<_> = there
            .iter()
            .cycle()
            .take(60)
            .map(|name| {
                scope.spawn(|| {
                    let begun = Instant::now();
                    (cold.list(name), begun.elapsed())
                })
            })
            .collect();
        let mut served = 0;
        while !waiting.iter().all(thread::ScopedJoinHandle::is_finished) {
            let begun = Instant::now();
            assert_eq!(cold.list("here").status, 200);
            assert!(begun.elapsed() < Duration::from_secs(1));
            served += 1;
        }
        assert!(served > 10, "{served}");
        let made = made.join().unwrap();
        assert_eq!(made.outcome(), "503 database_unavailable");
        for request in waiting {
            let (answer, took) = request.join().unwrap();
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(took < Duration::from_secs(7), "{took:?}");
        }
    });
    world.second.thaw().unwrap();
    for name in &there {
        wait_until("the server's accounts are back", || {
            cold.list(name).status == 200
        });
    }
    assert_eq!(cold.delete("leaving").status, 204);
    // And one that is gone.
    world.second.kill().unwrap();
    assert_eq!(cold.list("there-1").outcome(), "503 database_unavailable");
    assert_eq!(cold.list("here").status, 200);
}

/// By then another service may have gone on with it, and the database may be a new account's.
#[test]
fn who_has_lost_the_lock_touches_no_database() {
    let world = World::start();
    let service = world.service();
    for name in ["going", "coming"] {
        let made = service.create(&json!({"name": name, "server": "eu"}));
        assert_eq!(made.status, 201, "{}", made.text());
    }
    let system = Database::at(&world.first.url(), "kataven-admin");
    // As a service leaves it that dies at the end of making it.
    system.run("update accounts set status = 'creating' where name = 'coming'");
    let there = Database::at(&world.second.url(), "postgres");
    let databases = || {
        let select =
            "select datname from pg_database where datname in ('going', 'coming') order by 1";
        there.rows(select).concat()
    };
    world.second.freeze().unwrap();
    thread::scope(|scope| {
        let requests = [
            scope.spawn(|| service.delete("going")),
            scope.spawn(|| service.create(&json!({"name": "coming", "server": "eu"}))),
        ];
        // Both wait for the server that hangs.
        let locks = "select count(*) from pg_locks join pg_stat_activity using (pid) \
                     where locktype = 'advisory' and state = 'idle in transaction'";
        wait_until("both have their locks", || system.number(locks) == 2);
        let marked = "select count(*) from accounts where status = 'deleting'";
        wait_until("one has begun", || system.number(marked) == 1);
        system.run("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'");
        world.second.thaw().unwrap();
        for request in requests {
            assert_eq!(request.join().unwrap().status, 503);
        }
    });
    assert_eq!(databases(), ["coming", "going"]);
    assert_eq!(service.delete("going").status, 204);
    assert_eq!(service.delete("coming").status, 204);
    assert!(databases().is_empty());
}
