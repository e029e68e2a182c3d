//! Where something is missing that the configuration does not control, requests are refused and nothing fails.

use host_tests::{Request, Token, World, configuration};

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/api/v1/agents")
        .account("acme")
        .bearer(&token)
}

#[test]
fn without_the_assertion_key_only_public_requests_pass() {
    let mut world = World::new();
    for environment in [
        Vec::new(),
        vec![("TOLLGATE_ASSERTION_KEY".to_owned(), "short".to_owned())],
        vec![("OTHER".to_owned(), "k".repeat(32))],
    ] {
        world.environment = environment;
        let mut worker = world.worker(&configuration::inline());
        assert!(worker.host().logged(4, "TOLLGATE_ASSERTION_KEY"));
        let outcome = worker.request(good());
        assert_eq!(outcome.summary(), "503 not_ready");
        assert!(outcome.reply().headers.get("retry-after").is_some());
        let public = worker.request(Request::get("/api/accounts"));
        assert_eq!(public.summary(), "forwarded");
    }
}

#[test]
fn the_key_itself_is_never_logged() {
    let mut world = World::new();
    world.environment[0].1 = "hunter2".to_owned();
    let mut worker = world.worker(&configuration::inline());
    worker.request(good());
    assert!(!format!("{:?}", worker.host().log).contains("hunter2"));
}

#[test]
fn without_rules_for_assertions_no_key_is_needed() {
    let mut world = World::new();
    world.environment.clear();
    let mut configuration = configuration::inline();
    configuration.as_object_mut().unwrap().remove("assertion");
    let mut worker = world.worker(&configuration);
    let outcome = worker.request(good());
    assert_eq!(outcome.forwarded().get("x-tollgate-assertion"), None);
}

#[test]
fn a_filter_without_a_configuration_refuses_everything() {
    let mut worker = host_tests::Worker::start(&World::new());
    assert!(!worker.configure(b"{}"));
    let public = worker.request(Request::get("/api/accounts"));
    assert_eq!(public.summary(), "503 not_ready");
    assert_eq!(worker.request(good()).summary(), "503 not_ready");
}
