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
