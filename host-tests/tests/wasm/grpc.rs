//! gRPC clients read the status from a trailer, so refusals carry it.

use host_tests::{Outcome, Request, Token, World, configuration};

fn call(request: Request) -> Outcome {
    let configuration = configuration::capped(configuration::inline(), 0);
    let mut worker = World::new().worker(&configuration);
    worker.request(request.header("Content-Type", "application/grpc+proto"))
}

#[test]
fn each_refusal_has_the_grpc_status_of_its_kind() {
    let to = |path| Request::new("POST", path);
    let good = Token::good().signed();
    let stranger = Token::good().claim("accounts", "x").signed();
    for (request, expected) in [
        (to("/a//b"), "grpc 3 path_ambiguous"),
        (to("/a/b"), "grpc 3 account_missing"),
        (to("/a/b").account("acme"), "grpc 16 token_missing"),
        (
            to("/a/b").account("acme").bearer(&stranger),
            "grpc 7 account_forbidden",
        ),
        (
            to("/a/b").account("acme").bearer(&good),
            "grpc 8 cap_exceeded",
        ),
    ] {
        assert_eq!(call(request).summary(), expected);
    }
}

#[test]
fn what_is_not_ready_is_unavailable() {
    let mut world = World::new();
    world.environment.clear();
    let mut worker = world.worker(&configuration::inline());
    let request = Request::new("POST", "/a/b").header("Content-Type", "application/grpc");
    assert_eq!(worker.request(request).summary(), "grpc 14 not_ready");
}

#[test]
fn the_message_is_one_line() {
    let outcome = call(Request::new("POST", "/a/b"));
    let headers = &outcome.reply().headers;
    let message = "account_missing: the account header is missing";
    assert_eq!(headers.get("grpc-message").as_deref(), Some(message));
    assert_eq!(outcome.reply().body, "");
}
