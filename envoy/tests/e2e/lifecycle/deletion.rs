//! A deleted account is gone: nobody gets in, nothing stays, and its name is free.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::json;
use tollgate_envoy::client::Request;

use super::world::{World, at_once};
use crate::world::{AGENTS, Stop, gate, wait_until};

fn administer(method: &str, path: &str) -> Request {
    let path = format!("/api/admin/accounts{path}");
    let request = gate().request(method, path).account("platform");
    request.bearer(gate().issuer().administrator()).as_admin()
}

/// Through the gate, by many clients at once.
#[test]
fn clients_of_a_deleted_account_are_told_so() {
    let create = || administer("POST", "").json(&json!({"name": "gone"}));
    assert_eq!(create().send().unwrap().status, 201);
    let token = gate().issuer().member("gone");
    let agents = |method: &str| {
        let request = gate().request(method, AGENTS).account("gone");
        request.bearer(&token)
    };
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let outcomes: BTreeSet<String> = thread::scope(|scope| {
        let stopping = Stop(&stop);
        let client = || {
            let mut outcomes = BTreeSet::new();
            while !stop.load(Ordering::Relaxed) {
                let new = agents("POST").json(&json!({"name": "Ada"}));
                for request in [new, agents("GET")] {
                    outcomes.insert(request.send().unwrap().outcome());
                    served.fetch_add(1, Ordering::Relaxed);
                }
            }
            outcomes
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        wait_until("they work", || served.load(Ordering::Relaxed) > 100);
        let deleted = administer("DELETE", "/gone?confirm=gone").send().unwrap();
        let before = served.load(Ordering::Relaxed);
        wait_until("they go on", || {
            served.load(Ordering::Relaxed) > before + 100
        });
        drop(stopping);
        assert_eq!(deleted.status, 204, "{}", deleted.text());
        let outcomes = clients.into_iter().map(|client| client.join().unwrap());
        outcomes.flatten().collect()
    });
    let clean = [
        "200",
        "201",
        "400 account_unknown",
        "503 database_unavailable",
    ];
    let other: Vec<_> = outcomes
        .iter()
        .filter(|outcome| !clean.contains(&outcome.as_str()))
        .collect();
    assert!(other.is_empty(), "{other:?}");
    let answer = agents("GET").send().unwrap().outcome();
    assert_eq!(answer, "400 account_unknown");
    assert_eq!(create().send().unwrap().status, 201);
    let answer = agents("GET").send().unwrap();
    assert_eq!((answer.status, answer.json()), (200, json!([])));
}

#[test]
fn an_account_is_not_deleted_by_mistake() {
    let world = World::new();
    let service = world.serve();
    assert_eq!(service.create("acme"), "201");
    for (path, expected) in [
        ("/acme", "400 confirmation_missing"),
        ("/acme?confirm=", "400 confirmation_missing"),
        ("/acme?confirm=true", "400 confirmation_missing"),
        ("/acme?confirm=globex", "400 confirmation_missing"),
        ("/globex?confirm=globex", "404 account_not_found"),
        (
            "/kataven-admin?confirm=kataven-admin",
            "403 account_reserved",
        ),
    ] {
        let request = service.administer("DELETE", path);
        assert_eq!(request.send().unwrap().outcome(), expected, "{path}");
    }
    let rename = service.administer("PATCH", "/acme");
    let rename = rename.json(&json!({"name": "globex"})).send().unwrap();
    assert_eq!(rename.outcome(), "400 account_not_renamed");
    assert_eq!(service.agents("acme").status, 200);

    let put = service.administer("PUT", "/acme/caps/requests");
    assert_eq!(put.json(&json!({"per_day": 1})).send().unwrap().status, 200);
    assert_eq!(service.delete("acme"), "204");
    assert_eq!(service.delete("acme"), "404 account_not_found");
    assert!(!world.has_database("acme"));
    let caps = "select count(*) from account_caps";
    assert_eq!(world.system().number(caps), 0);
    world.wait_for_drops();
}

#[test]
fn deletes_and_creates_of_one_name_take_turns() {
    let world = World::new();
    let services = [world.serve(), world.serve()];
    let requests = (0..20).map(|number| {
        let service = &services[number / 2 % 2];
        if number % 2 == 0 {
            service.creation("acme")
        } else {
            service.administer("DELETE", "/acme?confirm=acme")
        }
    });
    let outcomes = at_once(requests.collect());
    let count = |expected: &str| outcomes.iter().filter(|found| *found == expected).count();
    let (created, deleted) = (count("201"), count("204"));
    let refused = count("409 account_exists") + count("404 account_not_found");
    assert_eq!(created + deleted + refused, 20, "{outcomes:?}");
    let is_there = created - deleted;
    assert!(created > 0 && is_there < 2, "{outcomes:?}");
    assert_eq!(world.has_database("acme"), is_there == 1);
    world.wait_for_drops();
    assert_eq!(
        services[0].agents("acme").status,
        if is_there == 1 { 200 } else { 400 }
    );
}

/// The service dies while the database is being renamed, and PostgreSQL goes on with what it was told last.
#[test]
fn the_next_service_finishes_a_deletion() {
    let world = World::new();
    let service = world.serve();
    assert_eq!(service.create("acme"), "201");
    assert_eq!(service.create("again"), "201");
    let running = world.serve();
    let frozen = world.freeze();
    thread::scope(|scope| {
        for name in ["acme", "again"] {
            let request = service.administer("DELETE", &format!("/{name}?confirm={name}"));
            scope.spawn(move || request.send().unwrap_err());
        }
        world.wait_for_statement("alter database \"acme\"");
        world.wait_for_statement("alter database \"again\"");
        service.kill();
    });
    let deleting = "select count(*) from accounts where status = 'deleting'";
    assert_eq!(world.system().number(deleting), 2);
    assert_eq!(running.agents("acme").outcome(), "400 account_unknown");
    let patch = running.administer("PATCH", "/acme");
    let patch = patch.json(&json!({"status": "active"})).send().unwrap();
    assert_eq!(patch.outcome(), "409 account_deleting");

    frozen.run("commit");
    assert_eq!(running.create("again"), "201");
    assert_eq!(running.agents("again").json(), json!([]));
    let _next = world.serve();
    wait_until("it is finished", || world.system().number(deleting) == 0);
    wait_until("it is gone", || !world.has_database("acme"));
    world.wait_for_drops();
    assert_eq!(running.create("acme"), "201");
}

#[test]
fn a_user_who_may_make_databases_is_enough() {
    let world = World::new();
    let service = world.serve_as_nobody_special();
    assert_eq!(service.create("acme"), "201");
    assert_eq!(service.agents("acme").json(), json!([]));
    let superuser = world.database("acme");
    assert_eq!(service.delete("acme"), "503 database_busy");
    assert_eq!(service.agents("acme").outcome(), "400 account_unknown");
    drop(superuser);
    assert_eq!(service.delete("acme"), "204");
    assert!(!world.has_database("acme"));
    assert_eq!(service.create("acme"), "201");
}
