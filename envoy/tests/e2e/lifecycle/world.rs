//! A PostgreSQL and services that use it, without a gate; and what may happen to them.

use std::process::{Command, Output};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tollgate_envoy::client::{Origin, Request, Response};
use tollgate_envoy::issuer::Issuer;
use tollgate_envoy::postgres::Postgres;
use tollgate_envoy::process::{Child, Job, Scratch};
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;
use tollgate_envoy::upstream::{Secrets, Upstream};
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind, HEADER};

use crate::database::{Database, SYSTEM};
use crate::world::{AGENTS, tool, wait_until};

/// The first version of an account's schema.
const FIRST: &str = include_str!("../../../../upstream/migrations/account/V1__agents.sql");

/// The names of databases that no account has.
const LEFT: &str = "select count(*) from pg_database where datname like 'TOLLGATE_DELETED_%'";

pub struct World {
    issuer: Issuer,
    secrets: Secrets,
    postgres: Postgres,
}

/// A service, and how to ask it past the gate.
pub struct Service {
    upstream: Upstream,
    key: String,
}

// === impl World ===

impl World {
    pub fn new() -> Self {
        let programs = Tools::new(Progress::new()).postgres().unwrap();
        Self {
            issuer: Issuer::start().unwrap(),
            secrets: Secrets::random(),
            postgres: Postgres::start(&tool(), &programs).unwrap(),
        }
    }

    pub fn serve(&self) -> Service {
        self.serve_by(&self.postgres.url())
    }

    /// A service with a user of PostgreSQL who may make databases, and nothing else.
    pub fn serve_as_nobody_special(&self) -> Service {
        self.database("postgres")
            .run("create role plain login createdb password 'secret'");
        let url = self.postgres.url();
        let (_, place) = url.split_once('@').unwrap();
        self.serve_by(&format!("postgres://plain:secret@{place}"))
    }

    fn serve_by(&self, url: &str) -> Service {
        let issuer = self.issuer.url();
        Service {
            upstream: Upstream::start(&tool(), url, issuer, &self.secrets).unwrap(),
            key: self.secrets.assertion_key.clone(),
        }
    }

    pub fn database(&self, name: &str) -> Database {
        Database::at(&self.postgres.url(), name)
    }

    pub fn system(&self) -> Database {
        self.database(SYSTEM)
    }

    pub fn has_database(&self, name: &str) -> bool {
        let select = format!("select count(*) from pg_database where datname = '{name}'");
        self.system().number(&select) == 1
    }

    /// Waits until nothing of deleted accounts is left.
    pub fn wait_for_drops(&self) {
        let system = self.system();
        wait_until("deleted databases are dropped", || system.number(LEFT) == 0);
    }

    /// Lets nobody make, rename or drop a database until the connection is dropped or says `commit`.
    pub fn freeze(&self) -> Database {
        let holder = self.database("postgres");
        holder.run("begin; lock table pg_database in share mode");
        holder
    }

    /// Waits until a service waits with such a statement.
    pub fn wait_for_statement(&self, beginning: &str) {
        let watch = self.database("postgres");
        let select = format!(
            "select count(*) from pg_stat_activity \
             where starts_with(query, '{beginning}') and wait_event_type = 'Lock'"
        );
        wait_until(beginning, || watch.number(&select) > 0);
    }

    /// Makes accounts whose databases have the first version of the schema, with one agent. The system database is
    /// there, and so is the account `model`.
    pub fn old_accounts(&self, names: &[&str]) {
        let history = "select format('insert into refinery_schema_history values (%L, %L, %L, %L)', \
                       version, name, applied_on, checksum) \
                       from refinery_schema_history where version = 1";
        let model = self.database("model");
        let first = &model.rows(history)[0][0];
        let table = "create table refinery_schema_history (version int4 primary key, \
                     name varchar(255), applied_on varchar(255), checksum varchar(255))";
        for name in names {
            let system = self.system();
            system.run(&format!("create database \"{name}\" template template0"));
            system.run(&format!("insert into accounts (name) values ('{name}')"));
            let agent = "insert into agents (name) values ('Ada')";
            self.database(name)
                .run(&format!("{FIRST}; {table}; {first}; {agent}"));
        }
    }

    /// The schema's version in the account's own database, and in the table of accounts.
    pub fn versions(&self, name: &str) -> (usize, usize) {
        let own = "select max(version) from refinery_schema_history";
        let told = format!("select schema_version from accounts where name = '{name}'");
        (self.database(name).number(own), self.system().number(&told))
    }

    /// Both versions, when the account is up to date.
    pub fn current(&self) -> (usize, usize) {
        let (own, told) = self.versions("model");
        assert_eq!(own, told);
        (own, told)
    }

    /// Runs `migrate` to its end.
    pub fn migrate(&self) -> Output {
        let mut command = Command::new(tool().path());
        command.args(["upstream", "migrate"]);
        command.env("TOLLGATE_DATABASE_URL", self.postgres.url());
        command.output().unwrap()
    }

    /// Begins to run `migrate`.
    pub fn begin_to_migrate(&self, jobs: &str) -> Child {
        Job::new("migrate", tool().path())
            .args(["upstream", "migrate", "--jobs", jobs])
            .env("TOLLGATE_DATABASE_URL", self.postgres.url())
            .start(&tool(), Scratch::new().unwrap())
            .unwrap()
    }

    /// Lets nobody migrate the account's database until the connection is dropped.
    pub fn hold(&self, name: &str) -> Database {
        let holder = self.database(name);
        holder.run("select pg_advisory_lock(7207318)");
        holder
    }

    /// Waits until so many wait to migrate the account's database.
    pub fn wait_for_migrations(&self, name: &str, number: usize) {
        let watch = self.database("postgres");
        let select = format!(
            "select count(*) from pg_stat_activity \
             where datname = '{name}' and wait_event = 'advisory'"
        );
        wait_until("they wait", || watch.number(&select) == number);
    }
}

// === impl Service ===

impl Service {
    fn ask(&self, method: &str, path: &str, account: &str, admin: bool) -> Request {
        let assertion = Assertion {
            account: AccountName::parse(account.as_bytes()).unwrap(),
            subject: "somebody".to_owned(),
            admin,
            credential: CredentialKind::Jwt,
        };
        let now = jsonwebtoken::get_current_timestamp();
        let key = AssertionKey::new(self.key.as_bytes()).unwrap();
        let assertion = key.sign(&assertion, "upstream", now, 60).unwrap();
        let origin = Origin::parse(self.upstream.url()).unwrap();
        origin.request(method, path).header(HEADER, assertion)
    }

    /// As an administrator.
    pub fn administer(&self, method: &str, path: &str) -> Request {
        let path = format!("/api/admin/accounts{path}");
        self.ask(method, &path, "platform", true)
    }

    pub fn creation(&self, name: &str) -> Request {
        self.administer("POST", "").json(&json!({"name": name}))
    }

    pub fn create(&self, name: &str) -> String {
        self.creation(name).send().unwrap().outcome()
    }

    pub fn delete(&self, name: &str) -> String {
        let request = self.administer("DELETE", &format!("/{name}?confirm={name}"));
        request.send().unwrap().outcome()
    }

    /// As a member of the account.
    pub fn agents(&self, account: &str) -> Response {
        self.ask("GET", AGENTS, account, false).send().unwrap()
    }

    /// Ends the process as nothing that it could prepare for.
    pub fn kill(mut self) {
        kill(self.upstream.pid().unwrap(), Signal::KILL);
        wait_until("the service is dead", || self.upstream.ended().is_some());
    }
}

pub fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Sends the requests at the same time; what became of each.
pub fn at_once(requests: Vec<Request>) -> Vec<String> {
    thread::scope(|scope| {
        let send = |request: Request| scope.spawn(move || request.send().unwrap().outcome());
        let threads: Vec<_> = requests.into_iter().map(send).collect();
        let outcomes = threads.into_iter().map(|thread| thread.join().unwrap());
        outcomes.collect()
    })
}
