//! Databases of older versions: who brings them up to date, and what becomes of their requests meanwhile.

use std::process::Output;
use std::time::Duration;

use rustix::process::Signal;
use tollgate_envoy::process::{Child, ProcessError};

use super::world::{World, kill};
use crate::world::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

/// The second version has a table of this name.
const BREAK: &str = "create table call_limits ()";
const REPAIR: &str = "drop table call_limits";

/// A world with the account `model`, of which no service runs any more.
fn world(old: &[&str]) -> World {
    let world = World::new();
    let service = world.serve();
    assert_eq!(service.create("model"), "201");
    drop(service);
    world.old_accounts(old);
    world
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for its end: its status, and all that it said.
fn end(child: &mut Child) -> (Option<i32>, String) {
    let ended = child.wait_for("the end", PATIENCE, |_| None::<()>);
    let Err(ProcessError::Ended { status, .. }) = ended else {
        unreachable!("{ended:?}");
    };
    (status.code(), child.log())
}

#[test]
fn one_broken_account_is_named_and_the_others_are_done() {
    let world = world(&["a", "b", "c"]);
    world.database("b").run(BREAK);
    world
        .system()
        .run("update accounts set status = 'suspended' where name = 'c'");

    let first = world.migrate();
    assert_eq!(first.status.code(), Some(1), "{}", said(&first));
    let counts = "4 accounts, 1 were up to date, 2 were brought up to date, 1 failed, 0 left";
    assert!(said(&first).contains(counts), "{}", said(&first));
    let reason = "relation \"call_limits\" already exists";
    assert!(said(&first).contains("failed: b: "), "{}", said(&first));
    assert!(said(&first).contains(reason), "{}", said(&first));
    let lines = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(lines.contains("/3] a: up to date"), "{lines}");
    for name in ["a", "c"] {
        assert_eq!(world.versions(name), world.current(), "{name}");
    }
    assert_eq!(world.versions("b"), (1, 0), "it is as it was");

    world.database("b").run(REPAIR);
    let second = world.migrate();
    assert!(second.status.success(), "{}", said(&second));
    let counts = "4 accounts, 3 were up to date, 1 were brought up to date, 0 failed, 0 left";
    assert!(said(&second).contains(counts), "{}", said(&second));
    assert_eq!(world.versions("b"), world.current());
    let agents = "select count(*) from agents";
    assert_eq!(world.database("b").number(agents), 1);
}

#[test]
fn what_a_killed_run_has_done_is_done() {
    let world = world(&["a", "b", "c"]);
    let holder = world.hold("b");
    let mut first = world.begin_to_migrate("1");
    world.wait_for_migrations("b", 1);
    kill(first.pid().unwrap(), Signal::KILL);
    end(&mut first);
    drop(holder);
    assert_eq!(world.versions("a"), world.current());
    assert_eq!(world.versions("c"), (1, 0));

    let second = world.migrate();
    assert!(second.status.success(), "{}", said(&second));
    let counts = "4 accounts, 2 were up to date, 2 were brought up to date, 0 failed, 0 left";
    assert!(said(&second).contains(counts), "{}", said(&second));
    for name in ["b", "c"] {
        assert_eq!(world.versions(name), world.current(), "{name}");
    }
}

#[test]
fn an_interrupted_run_finishes_what_it_has_begun() {
    let world = world(&["a", "b", "c"]);
    let holder = world.hold("b");
    let mut run = world.begin_to_migrate("1");
    world.wait_for_migrations("b", 1);
    kill(run.pid().unwrap(), Signal::INT);
    run.wait_for("it says so", PATIENCE, |log| log.find("stopping when"))
        .unwrap();
    drop(holder);
    let (status, log) = end(&mut run);
    assert_eq!(status, Some(1), "{log}");
    let counts = "4 accounts, 1 were up to date, 2 were brought up to date, 0 failed, 1 left";
    assert!(log.contains(counts), "{log}");
    assert_eq!(world.versions("b"), world.current());
    assert_eq!(world.versions("c"), (1, 0));
}

#[test]
fn two_runs_at_once_do_not_hurt_each_other() {
    let names = ["a", "b", "c", "d"];
    let world = world(&names);
    let holder = world.hold("b");
    let mut runs = [world.begin_to_migrate("2"), world.begin_to_migrate("2")];
    world.wait_for_migrations("b", 2);
    drop(holder);
    for run in &mut runs {
        let (status, log) = end(run);
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("0 failed, 0 left"), "{log}");
    }
    for name in names {
        assert_eq!(world.versions(name), world.current(), "{name}");
    }
}

#[test]
fn a_service_starts_with_accounts_of_older_versions() {
    let world = world(&["broken", "missing", "old"]);
    world.database("broken").run(BREAK);
    world.system().run("drop database missing");
    let holder = world.hold("old");
    let service = world.serve();
    assert_eq!(service.agents("model").status, 200, "others work at once");
    world.wait_for_migrations("old", 1);
    for name in ["old", "broken", "missing"] {
        let answer = service.agents(name);
        assert_eq!(answer.outcome(), "503 account_outdated", "{name}");
        assert!(answer.header("retry-after").is_some());
    }
    drop(holder);
    wait_until("it is up to date", || service.agents("old").status == 200);
    assert_eq!(service.agents("old").json()[0]["name"], "Ada");
    assert_eq!(service.agents("broken").outcome(), "503 account_outdated");

    world.database("broken").run(REPAIR);
    let run = world.migrate();
    assert_eq!(run.status.code(), Some(1), "one is missing");
    assert!(said(&run).contains("failed: missing: "), "{}", said(&run));
    assert_eq!(service.agents("broken").status, 200, "without a restart");
}
