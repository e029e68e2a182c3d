//! An account is made whole or not at all, once.

use std::thread;

use serde_json::json;

use super::world::{World, at_once};

/// Templates of accounts' databases that are whole.
const TEMPLATES: &str = "select datname from pg_database \
                         where datname like 'TOLLGATE_TEMPLATE_%' and datistemplate and not datallowconn";

const ALL_TEMPLATES: &str =
    "select datname from pg_database where datname like 'TOLLGATE_TEMPLATE_%'";

#[test]
fn twenty_creates_of_one_name_make_one() {
    let world = World::new();
    let services = [world.serve(), world.serve()];
    let creations = services.iter().cycle().take(20);
    let creations = creations.map(|service| service.creation("acme"));
    let mut outcomes = at_once(creations.collect());
    outcomes.sort();
    let mut expected = vec!["409 account_exists"; 20];
    expected[0] = "201";
    assert_eq!(outcomes, expected);
    for service in &services {
        assert_eq!(service.agents("acme").json(), json!([]));
    }
}

#[test]
fn two_services_make_one_template() {
    let world = World::new();
    let services = [world.serve(), world.serve()];
    let names = ["a1", "a2", "a3", "a4"];
    let creations = services.iter().cycle().zip(names);
    let creations = creations.map(|(service, name)| service.creation(name));
    assert_eq!(at_once(creations.collect()), ["201"; 4]);
    assert_eq!(world.system().rows(TEMPLATES).len(), 1);
    assert_eq!(world.system().rows(ALL_TEMPLATES).len(), 1);
    for name in names {
        assert_eq!(services[0].agents(name).json(), json!([]));
    }
}

#[test]
fn a_template_that_is_half_made_or_old_is_not_used() {
    let world = World::new();
    let service = world.serve();
    assert_eq!(service.create("before"), "201");
    let template = world.system().rows(TEMPLATES)[0][0].clone();
    world.system().run(&format!(
        "alter database \"{template}\" with allow_connections true is_template false"
    ));
    world.database(&template).run("drop table agents");
    let old = "TOLLGATE_TEMPLATE_0000000000000000";
    world.system().run(&format!("create database \"{old}\""));
    world
        .system()
        .run(&format!("alter database \"{old}\" with is_template true"));

    assert_eq!(service.create("after"), "201");
    assert_eq!(service.agents("after").json(), json!([]));
    assert_eq!(world.system().rows(TEMPLATES), [[template]]);
    assert_eq!(world.system().rows(ALL_TEMPLATES).len(), 1);
}

/// The service dies while PostgreSQL makes the database, and PostgreSQL goes on.
#[test]
fn what_a_dead_service_has_left_is_made_again_or_deleted() {
    let world = World::new();
    let service = world.serve();
    assert_eq!(service.create("first"), "201", "there is a template");
    let next = world.serve();
    let frozen = world.freeze();
    thread::scope(|scope| {
        for name in ["again", "away"] {
            let creation = service.creation(name);
            scope.spawn(move || creation.send().unwrap_err());
        }
        world.wait_for_statement("create database \"again\"");
        world.wait_for_statement("create database \"away\"");
        service.kill();
    });
    let creating = "select count(*) from accounts where status = 'creating'";
    assert_eq!(world.system().number(creating), 2);
    assert_eq!(next.agents("again").outcome(), "400 account_unknown");

    thread::scope(|scope| {
        let again = scope.spawn(|| next.create("again"));
        let away = scope.spawn(|| next.delete("away"));
        world.wait_for_statement("drop database if exists \"again\"");
        frozen.run("commit");
        assert_eq!(again.join().unwrap(), "201");
        assert_eq!(away.join().unwrap(), "204");
    });
    assert_eq!(next.agents("again").json(), json!([]));
    assert_eq!(world.system().number(creating), 0);
    assert!(!world.has_database("away"));
    assert_eq!(next.create("away"), "201");
}

#[test]
fn a_database_that_is_not_ours_is_left_alone() {
    let world = World::new();
    let service = world.serve();
    world.system().run("create database theirs");
    world.database("theirs").run("create table precious ()");
    assert_eq!(service.create("theirs"), "409 account_exists");
    assert_eq!(service.delete("theirs"), "404 account_not_found");
    let precious = "select count(*) from precious";
    assert_eq!(world.database("theirs").number(precious), 0);
}
