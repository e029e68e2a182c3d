//! The same request where there are few of something, and where there are many.

use serde_json::{Value, json};

use super::super::{Cost, meter};
use super::life;
use super::sent::{gate, good, request, through_envoy, token};
use crate::{Request, VerifySignature, Worker, World, key_set};

const PASSES: &str = "forwarded";

/// Steps from one of many to the next, so that none is the one before.
const STRIDE: usize = 257;

/// So many tokens of one account, all remembered.
pub(super) fn tokens<const N: usize>() -> Cost {
    remembered(N, |_| "acme".to_owned())
}

/// So many tokens, each of an account of its own, all remembered and counted.
pub(super) fn accounts<const N: usize>() -> Cost {
    remembered(N, account)
}

/// One token, remembered, for so many accounts in turn, all counted.
pub(super) fn accounts_of_one<const N: usize>() -> Cost {
    let mut configuration = gate();
    configuration["issuers"][0]["membership"] = json!("any");
    let mut worker = World::new().worker(&configuration);
    let token = token(0).signed();
    in_turn(&mut worker, N, |number| by(&account(number), &token))
}

fn remembered(all: usize, account: impl Fn(usize) -> String) -> Cost {
    let mut configuration = gate();
    configuration["token_cache"] = json!({"entries": 2 * all, "bytes": 64 << 20});
    let mut worker = World::new().worker(&configuration);
    // The filter has seen now that the host can tell; to sign so many would take a minute.
    meter::become_of(&mut worker, PASSES, good(&token(all).signed()));
    worker.host().world.verify_signature = VerifySignature::Accepts;
    let of = |number| {
        let account = account(number);
        let token = token(number).claim("accounts", json!([account]));
        (account, token.unsigned())
    };
    let tokens: Vec<_> = (0..all).map(of).collect();
    in_turn(&mut worker, all, |number| {
        let (account, token) = &tokens[number];
        by(account, token)
    })
}

/// The cost of one of so many requests that have all been sent before.
fn in_turn(worker: &mut Worker, all: usize, request: impl Fn(usize) -> Request) -> Cost {
    for number in 0..all {
        meter::become_of(worker, PASSES, request(number));
    }
    let verified = worker.host().count("proxy_call_foreign_function");
    let cost = meter::each(worker, PASSES, |number| request(number * STRIDE % all));
    let now = worker.host().count("proxy_call_foreign_function");
    assert_eq!(now, verified, "they are all remembered");
    cost
}

fn account(number: usize) -> String {
    format!("account-{number:05}")
}

fn by(account: &str, token: &str) -> Request {
    through_envoy(
        request("GET", "/api/v1/agents")
            .account(account)
            .bearer(token),
    )
}

/// A path that none of so many routes matches.
pub(super) fn routes<const N: usize>() -> Cost {
    let mut worker = World::new().worker(&with_routes(N));
    let token = token(0).signed();
    meter::each(&mut worker, PASSES, |_| good(&token))
}

pub(super) fn configure_routes() -> Cost {
    let configuration = with_routes(500).to_string();
    life::configured(&World::new(), configuration.as_bytes())
}

/// New tokens of the last of so many issuers.
pub(super) fn issuers<const N: usize>() -> Cost {
    let mut configuration = gate();
    let issuer = configuration["issuers"][0].clone();
    let others = (1..N).map(|number| {
        let mut other = issuer.clone();
        other["issuer"] = json!(format!("https://id-{number}.example.com"));
        other["jwks"] = json!({"inline": key_set()});
        other
    });
    configuration["issuers"] = others.chain([issuer.clone()]).collect();
    let mut worker = World::new().worker(&configuration);
    meter::each(&mut worker, PASSES, |number| good(&token(number).signed()))
}

fn with_routes(number: usize) -> Value {
    let mut configuration = gate();
    let route = |number: usize| {
        let pattern = match number % 3 {
            0 => format!("GET /api/v1/things-{number}/{{id}}"),
            1 => format!("POST /api/v1/things-{number}/**"),
            _ => format!("* /api/v1/things-{number}"),
        };
        json!({"match": pattern, "access": "public"})
    };
    configuration["routes"] = (0..number).map(route).collect();
    configuration
}
