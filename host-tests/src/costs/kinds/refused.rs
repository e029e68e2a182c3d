//! Requests that are refused, in the order of the questions.

use serde_json::{Value, json};

use super::super::{Cost, meter};
use super::sent::{gate, good, key, request, through_envoy, token};
use crate::{Answer, Request, World, configuration};

/// Which accounts there are.
const DIRECTORY: &str = r#"{"accounts": {"acme": {}, "globex": {"status": "suspended"}}}"#;

pub(super) fn path_ambiguous() -> Cost {
    let token = token(0).signed();
    refused("400 path_ambiguous", |_| {
        by("/api//v1/agents", "acme", &token)
    })
}

pub(super) fn account_missing() -> Cost {
    let token = token(0).signed();
    refused("400 account_missing", |_| {
        through_envoy(request("GET", "/api/v1/agents").bearer(&token))
    })
}

pub(super) fn account_invalid() -> Cost {
    let token = token(0).signed();
    refused("400 account_invalid", |_| {
        by("/api/v1/agents", "Acme Ltd", &token)
    })
}

pub(super) fn account_unknown() -> Cost {
    by_directory("initech", "400 account_unknown")
}

pub(super) fn token_missing() -> Cost {
    refused("401 token_missing", |_| {
        through_envoy(request("GET", "/api/v1/agents").account("acme"))
    })
}

pub(super) fn token_malformed() -> Cost {
    refused("401 token_malformed", |_| good("secret"))
}

pub(super) fn token_long() -> Cost {
    let part = "x".repeat(2700);
    let token = format!("{part}.{part}.{part}");
    refused("401 token_malformed", |_| good(&token))
}

pub(super) fn token_too_large() -> Cost {
    let token = "x".repeat(8193);
    refused("401 token_too_large", |_| good(&token))
}

pub(super) fn token_expired() -> Cost {
    refused("401 token_expired", |number| {
        good(&token(number).claim("exp", 1).unsigned())
    })
}

pub(super) fn token_key() -> Cost {
    refused("401 token_key", |number| {
        good(&token(number).header("kid", "x").unsigned())
    })
}

pub(super) fn token_signature() -> Cost {
    refused("401 token_signature", |number| {
        good(&token(number).unsigned())
    })
}

pub(super) fn key_inactive() -> Cost {
    let configuration = configuration::with_api_keys(gate());
    let mut worker = World::new().worker(&configuration);
    worker.open(good(&key()));
    worker.tick();
    worker.answer_callout(Answer::json(r#"{"active":false}"#));
    meter::each(&mut worker, "401 key_inactive", |_| good(&key()))
}

pub(super) fn account_reserved() -> Cost {
    let mut configuration = gate();
    configuration["accounts"] = json!({"reserved": ["kataven-admin"]});
    let token = token(0).signed();
    refused_by(&configuration, "403 account_reserved", |_| {
        by("/api/v1/agents", "kataven-admin", &token)
    })
}

/// By a token that was let pass before, for its own account.
pub(super) fn account_forbidden() -> Cost {
    let token = token(0).signed();
    let mut worker = World::new().worker(&gate());
    meter::become_of(&mut worker, "forwarded", good(&token));
    meter::each(&mut worker, "403 account_forbidden", |_| {
        by("/api/v1/agents", "globex", &token)
    })
}

pub(super) fn account_suspended() -> Cost {
    by_directory("globex", "403 account_suspended")
}

pub(super) fn admin_required() -> Cost {
    let token = token(0).signed();
    refused("403 admin_required", |_| {
        by("/api/admin/accounts", "acme", &token)
    })
}

/// The one request that an account may make was made.
pub(super) fn cap_exceeded() -> Cost {
    let mut configuration = gate();
    configuration["caps"][0]["limits"]["per_minute"] = json!(1);
    let token = token(0).signed();
    let mut worker = World::new().worker(&configuration);
    meter::become_of(&mut worker, "forwarded", good(&token));
    meter::each(&mut worker, "429 cap_exceeded", |_| good(&token))
}

/// There is no assertion key.
pub(super) fn not_ready() -> Cost {
    let mut world = World::new();
    world.environment.clear();
    let mut worker = world.worker(&gate());
    let token = token(0).signed();
    meter::each(&mut worker, "503 not_ready", |_| good(&token))
}

fn by(path: &str, account: &str, token: &str) -> Request {
    through_envoy(request("GET", path).account(account).bearer(token))
}

/// By a token for all accounts that are named here, remembered.
fn by_directory(account: &str, expected: &str) -> Cost {
    let mut configuration = configuration::with_directory(gate());
    configuration["issuers"][0]["membership"] = json!("any");
    let mut worker = World::new().fetching(&configuration);
    worker.answer_callout(Answer::new(200, DIRECTORY));
    let token = token(0).signed();
    meter::each(&mut worker, expected, |_| {
        by("/api/v1/agents", account, &token)
    })
}

fn refused(expected: &str, request: impl FnMut(usize) -> Request) -> Cost {
    refused_by(&gate(), expected, request)
}

fn refused_by(
    configuration: &Value,
    expected: &str,
    request: impl FnMut(usize) -> Request,
) -> Cost {
    let mut worker = World::new().worker(configuration);
    meter::each(&mut worker, expected, request)
}
