//! What a client says about itself never reaches the upstream (step 2), and what the gate says does (step 8).

use host_tests::{Fault, Headers, Request, Token, World, configuration, status};

const FORGED: [&str; 7] = [
    "x-tollgate-assertion",
    "X-Tollgate-Subject",
    "x-tollgate-anything",
    "x_tollgate_subject",
    "x_account_id",
    "x.admin",
    "x-admin",
];

fn forged(mut request: Request) -> Request {
    for name in FORGED {
        request = request.header(name, "forged").header(name, "twice");
    }
    request
}

fn forwarded(request: Request) -> Headers {
    let mut worker = World::new().worker(&configuration::inline());
    worker.request(request).forwarded().clone()
}

fn good() -> Request {
    let token = Token::good().signed();
    Request::get("/api/v1/agents")
        .account("acme")
        .bearer(&token)
}

#[test]
fn on_a_public_route_no_identity_goes_on() {
    let request = forged(Request::get("/api/accounts"));
    let headers = forwarded(request.account("acme").bearer("x").header("accept", "*/*"));
    let names = [":authority", ":path", ":method", ":scheme", "accept"];
    assert_eq!(headers.names(), names);
}

#[test]
fn on_a_protected_route_only_the_gates_own_identity_goes_on() {
    let headers = forwarded(forged(good()));
    assert_eq!(headers.all("x-account-id"), ["acme"]);
    assert_eq!(headers.all("x-tollgate-subject"), ["user-1"]);
    assert_eq!(headers.all("x-tollgate-assertion").len(), 1);
    let lines = format!("{headers:?}");
    assert!(
        !lines.contains("forged") && !lines.contains("twice"),
        "{lines}"
    );
}

#[test]
fn a_route_can_hand_the_authorization_on() {
    let headers = forwarded(Request::get("/api/user/org").bearer("abc"));
    assert_eq!(headers.all("authorization"), ["Bearer abc"]);
    assert_eq!(forwarded(good()).get("authorization"), None);
}

#[test]
fn a_subject_cannot_write_headers() {
    let token = Token::good().claim("sub", "a\r\nx-admin: true").signed();
    let headers = forwarded(Request::get("/x").account("acme").bearer(&token));
    let subject = "a%0D%0Ax-admin:%20true";
    assert_eq!(headers.all("x-tollgate-subject"), [subject]);
}

#[test]
fn other_filters_see_the_identity_as_filter_state() {
    let mut worker = World::new().worker(&configuration::inline());
    let outcome = worker.request(good());
    let state = outcome.state();
    assert_eq!(state["tollgate.account"], "acme");
    assert_eq!(state["tollgate.subject"], "user-1");
    assert_eq!(state["tollgate.decision"], "forwarded");

    let outcome = worker.request(Request::get("/api/accounts"));
    assert_eq!(outcome.state()["tollgate.decision"], "public");
    assert_eq!(outcome.state().len(), 1);
}

fn trailers() -> Headers {
    let names = ["x-tollgate-subject", "x_account_id", "x-admin", "x-trailer"];
    let mut trailers = Headers::new();
    for name in names {
        trailers.add(name.as_bytes(), b"root");
    }
    trailers
}

#[test]
fn forged_identity_is_removed_from_trailers_too() {
    let mut worker = World::new().worker(&configuration::inline());
    let stream = worker.open(Request::get("/api/accounts"));
    let trailers = worker.trailers(stream, trailers()).unwrap();
    assert_eq!(trailers.names(), ["x-trailer"]);
}

#[test]
fn trailers_that_are_none_go_on() {
    let mut worker = World::new().worker(&configuration::inline());
    let stream = worker.open(Request::get("/api/accounts"));
    assert_eq!(
        worker.trailers(stream, Headers::new()),
        Some(Headers::new())
    );
}

#[test]
fn a_request_whose_trailers_cannot_be_cleaned_ends() {
    for call in [
        "proxy_get_header_map_pairs",
        "proxy_remove_header_map_value",
    ] {
        let mut worker = World::new().worker(&configuration::inline());
        let stream = worker.open(Request::get("/api/accounts"));
        worker
            .host()
            .faults
            .always(call, Fault::Status(status::BAD_ARGUMENT));
        assert_eq!(worker.trailers(stream, trailers()), None, "{call}");
        assert!(worker.is_over(stream), "{call}: it hangs");
    }
}
