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

    let delete = "/api/admin/accounts/there?confirm=there";
    let deleted = service.request("DELETE", delete, "acme").send().unwrap();
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

    // A service that has no connection to the server yet, and gets none.
    world.second.freeze().unwrap();
    let cold = world.service();
    thread::scope(|scope| {
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
    // And one that is gone.
    world.second.kill().unwrap();
    assert_eq!(cold.list("there-1").outcome(), "503 database_unavailable");
    assert_eq!(cold.list("here").status, 200);
}
