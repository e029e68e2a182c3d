//! The end of requests, as Envoy tells it: for every context, also such as never saw a request.

use host_tests::{Request, Token, World, configuration};

#[test]
fn a_request_that_envoy_refuses_has_an_end_without_a_beginning() {
    let mut worker = World::new().worker(&configuration::inline());
    for _ in 0..3 {
        worker.refused_by_envoy();
    }
    let request = Request::get("/api/accounts");
    assert_eq!(worker.request(request).summary(), "forwarded");
}

#[test]
fn many_requests_can_be_open_and_end_in_any_order() {
    let mut worker = World::new().worker(&configuration::inline());
    let token = Token::good().signed();
    let good = || Request::get("/x").account("acme").bearer(&token);
    let open: Vec<_> = (0..20).map(|_| worker.open(good())).collect();
    let (odd, even): (Vec<_>, Vec<_>) = (0..20).partition(|number| number % 2 == 1);
    for number in odd.into_iter().chain(even.into_iter().rev()) {
        assert!(worker.outcome(open[number]).is_forwarded());
        worker.end(open[number]);
    }
    assert_eq!(worker.request(good()).summary(), "forwarded");
}

#[test]
fn the_filter_leaves_its_own_answers_alone() {
    let mut worker = World::new().worker(&configuration::inline());
    let outcome = worker.request(Request::get("/x"));
    assert_eq!(outcome.summary(), "400 account_missing");
    assert_eq!(worker.host().count("proxy_send_local_response"), 1);
}
