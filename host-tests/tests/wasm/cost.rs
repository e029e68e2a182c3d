//! What a request costs, in instructions: the same on every machine.

use host_tests::{Request, Token, World, configuration};

#[test]
fn a_good_request_takes_few_instructions_and_calls() {
    let configuration = configuration::capped(configuration::inline(), 1000);
    let mut worker = World::new().worker(&configuration);
    let configure = worker.fuel();
    let token = Token::good().signed();
    let mut cost = |request: Request| {
        let before = worker.host().trace.len();
        let stream = worker.open(request);
        let (fuel, calls) = (worker.fuel(), worker.host().trace.len() - before);
        worker.end(stream);
        (fuel, calls)
    };
    let good = || {
        Request::get("/api/v1/agents")
            .account("acme")
            .bearer(&token)
    };
    let first = cost(good());
    let protected = cost(good());
    let public = cost(Request::get("/api/accounts"));
    println!(
        "instructions and calls to the host: configure {configure}; protected {first:?}, then {protected:?}; public {public:?}"
    );
    assert!(protected.0 < 400_000 && protected.1 <= 20, "{protected:?}");
    assert!(public.0 < 40_000 && public.1 <= 6, "{public:?}");
}
