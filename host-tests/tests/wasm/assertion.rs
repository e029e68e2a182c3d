//! The statement that the upstream believes.

use std::time::Duration;

use host_tests::{Request, Token, World, configuration};
use serde_json::json;
use tollgate_policy::assertion::{Assertion, AssertionError, AssertionKey};

/// Reads the assertion of a forwarded request, so much later.
fn read(world: &World, request: Request, later: u64) -> Result<Assertion, AssertionError> {
    let mut worker = world.worker(&configuration::inline());
    let outcome = worker.request(request);
    let assertion = outcome.forwarded().get("x-tollgate-assertion").unwrap();
    let key = AssertionKey::new(world.environment[0].1.as_bytes()).unwrap();
    key.verify(&assertion, "upstream", world.clock.now().as_secs() + later)
}

#[test]
fn it_says_who_and_for_which_account() {
    let request = Request::get("/x").account("acme");
    let request = request.bearer(&Token::good().signed());
    let read = read(&World::new(), request, 0).unwrap();
    assert_eq!(
        (read.account.as_str(), read.subject.as_str()),
        ("acme", "user-1")
    );
    assert!(!read.admin);
}

#[test]
fn it_says_admin_only_on_an_admin_route() {
    let token = Token::good().claim("roles", json!({"platform-admin": {}}));
    let request = |path| {
        let request = Request::get(path).account("acme").header("X-Admin", "true");
        request.bearer(&token.signed())
    };
    assert!(!read(&World::new(), request("/x"), 0).unwrap().admin);
    assert!(
        read(&World::new(), request("/api/admin/x"), 0)
            .unwrap()
            .admin
    );
}

#[test]
fn it_ends_after_a_minute() {
    let world = World::new();
    world.clock.advance(Duration::from_secs(5));
    let request = || {
        Request::get("/x")
            .account("acme")
            .bearer(&Token::good().signed())
    };
    assert!(read(&world, request(), 59).is_ok());
    assert_eq!(read(&world, request(), 61), Err(AssertionError::Expired));
}

#[test]
fn one_serves_a_caller_for_half_of_its_life_and_no_other_account() {
    let world = World::new();
    let mut worker = world.worker(&configuration::inline());
    let token = Token::good().claim("accounts", json!(["acme", "globex"]));
    let token = token.signed();
    let mut assertion = |account: &str| {
        let request = Request::get("/x").account(account).bearer(&token);
        let outcome = worker.request(request);
        outcome.forwarded().get("x-tollgate-assertion").unwrap()
    };
    let key = AssertionKey::new(world.environment[0].1.as_bytes()).unwrap();
    let read = |assertion: &str| {
        let now = world.clock.now().as_secs();
        let read = key.verify(assertion, "upstream", now + 30).unwrap();
        read.account.to_string()
    };
    let first = assertion("acme");
    world.clock.advance(Duration::from_secs(29));
    assert_eq!(assertion("acme"), first);
    assert_eq!(read(&first), "acme");
    assert_eq!(read(&assertion("globex")), "globex");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(read(&assertion("globex")), "globex");
    assert_eq!(read(&assertion("acme")), "acme");
}
