//! Requests that go on.

use serde_json::json;

use super::super::{Cost, meter};
use super::sent::{gate, good, key, request, through_envoy, token, token_by};
use crate::{Answer, Token, World, configuration};

const PASSES: &str = "forwarded";

pub(super) fn public() -> Cost {
    let mut worker = World::new().worker(&gate());
    meter::each(&mut worker, PASSES, |_| {
        through_envoy(request("GET", "/api/accounts"))
    })
}

pub(super) fn known_caps_off() -> Cost {
    known_in(&configuration::inline())
}

pub(super) fn known() -> Cost {
    known_in(&gate())
}

pub(super) fn known_silent() -> Cost {
    let mut configuration = gate();
    configuration["rate_limit_fields"] = json!(false);
    known_in(&configuration)
}

pub(super) fn new_rs256() -> Cost {
    new(token)
}

pub(super) fn new_es256() -> Cost {
    new(|number| token_by("ES256", number))
}

pub(super) fn new_eddsa() -> Cost {
    new(|number| token_by("EdDSA", number))
}

pub(super) fn known_key() -> Cost {
    let configuration = configuration::with_api_keys(gate());
    let mut worker = World::new().worker(&configuration);
    let stream = worker.open(good(&key()));
    worker.tick();
    worker.answer_callout(Answer::json(
        r#"{"active":true,"sub":"key-1","account":"acme","exp":4000000000}"#,
    ));
    worker.answer(stream, Answer::new(200, ""));
    worker.end(stream);
    meter::each(&mut worker, PASSES, |_| good(&key()))
}

/// The first of its requests is not counted, and the others find the token remembered.
fn known_in(configuration: &serde_json::Value) -> Cost {
    let mut worker = World::new().worker(configuration);
    let token = token(0).signed();
    meter::each(&mut worker, PASSES, |_| good(&token))
}

/// Another token each time.
fn new(token: impl Fn(usize) -> Token) -> Cost {
    let mut configuration = gate();
    configuration["issuers"] = configuration::all_algorithms()["issuers"].clone();
    let mut worker = World::new().worker(&configuration);
    meter::each(&mut worker, PASSES, |number| good(&token(number).signed()))
}
