//! What a request costs, in instructions: the same on every machine.

use host_tests::{Answer, Request, Token, World, configuration};
use serde_json::{Value, json};

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

/// What one callback takes: instructions, and calls to the host.
type Cost = (u64, usize);

/// A request of which all is remembered, in its parts: it is decided on, it is answered, it ends.
fn parts(configuration: &Value) -> [Cost; 3] {
    let mut worker = World::new().worker(configuration);
    let token = Token::good().signed();
    let good = || {
        Request::get("/api/v1/agents")
            .account("acme")
            .bearer(&token)
    };
    worker.request(good());
    let mut calls = worker.host().trace.len();
    let mut cost = |worker: &mut host_tests::Worker, fuel: u64| {
        let before = std::mem::replace(&mut calls, worker.host().trace.len());
        (fuel, calls - before)
    };
    let stream = worker.open(good());
    let fuel = worker.fuel();
    let decided = cost(&mut worker, fuel);
    worker.answer(stream, Answer::new(200, ""));
    let fuel = worker.fuel();
    let answered = cost(&mut worker, fuel);
    let before = worker.all_fuel();
    worker.end(stream);
    let fuel = worker.all_fuel() - before;
    [decided, answered, cost(&mut worker, fuel)]
}

#[test]
fn caps_take_few_instructions_and_calls() {
    let four = json!({"concurrent": 100, "per_minute": 100, "per_hour": 100, "per_day": 100});
    let told = configuration::limited(configuration::inline(), four);
    let mut untold = told.clone();
    untold["rate_limit_fields"] = json!(false);
    let [off, untold, told] = [configuration::inline(), untold, told].map(|c| parts(&c));
    println!(
        "instructions and calls to the host of a decision, its answer and its end: \
         without caps {off:?}; with four windows {untold:?}; and with fields {told:?}"
    );
    let within = |[decided, answered, ended]: [Cost; 3], most: [Cost; 3]| {
        for ((fuel, calls), most) in [decided, answered, ended].into_iter().zip(most) {
            assert!(
                fuel < most.0 && calls <= most.1,
                "{fuel}, {calls}: {most:?}"
            );
        }
    };
    within(off, [(200_000, 12), (1_000, 0), (5_000, 0)]);
    within(untold, [(220_000, 16), (1_000, 0), (15_000, 2)]);
    within(told, [(225_000, 16), (5_000, 2), (15_000, 2)]);
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
