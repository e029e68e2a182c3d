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

/// A flood of them costs no more than a flood of good tokens that are remembered.
#[test]
fn a_token_that_is_none_takes_few_instructions() {
    let configuration = configuration::capped(configuration::inline(), 1000);
    let mut worker = World::new().worker(&configuration);
    let long = "x".repeat(8192);
    let forged = Token::good().signed() + "AAAA";
    let unknown = Token::good().header("kid", "x").signed();
    let expired = Token::good().claim("exp", 1).signed();
    for (what, token, expected, most) in [
        (
            "too long",
            long.clone() + "x",
            "401 token_too_large",
            100_000,
        ),
        ("a word", "x".to_owned(), "401 token_malformed", 50_000),
        ("no token", long.clone(), "401 token_malformed", 250_000),
        (
            "three long parts",
            format!("{long:.2700}.{long:.2700}.{long:.2700}"),
            "401 token_malformed",
            800_000,
        ),
        ("expired", expired, "401 token_expired", 200_000),
        ("unknown key", unknown, "401 token_key", 200_000),
        ("forged", forged, "401 token_signature", 250_000),
    ] {
        let before = worker.all_fuel();
        let outcome = worker.request(Request::get("/x").account("acme").bearer(&token));
        let fuel = worker.all_fuel() - before;
        println!("{what}: {fuel} instructions");
        assert_eq!(outcome.summary(), expected, "{what}");
        assert!(fuel < most, "{what}: {fuel}");
    }
}
