//! By the configuration in `envoy/envoy.yaml`, as it stands: two issuers, API keys, a directory, two caps.

use std::fs;

use serde_json::{Value, json};

use super::super::{Cost, meter};
use super::life;
use super::sent::{good, token};
use crate::{Answer, Worker, World, artifact, key_set};

pub(super) fn configure() -> Cost {
    life::configured(&world(), policy().to_string().as_bytes())
}

pub(super) fn known() -> Cost {
    let mut worker = ready(&world());
    let token = token(0).signed();
    meter::each(&mut worker, "forwarded", |_| good(&token))
}

pub(super) fn tick() -> Cost {
    let world = world();
    let mut worker = ready(&world);
    meter::become_of(&mut worker, "forwarded", good(&token(0).signed()));
    life::ticks(&world, &mut worker, answer)
}

/// A worker that has the keys and the directory.
fn ready(world: &World) -> Worker {
    let mut worker = world.fetching(&policy());
    answer(&mut worker);
    worker
}

/// Answers all that it asks.
fn answer(worker: &mut Worker) {
    while let Some(callout) = worker.callouts().first() {
        let path = callout.headers.get(":path").expect("a path");
        let document = if path.ends_with("/directory") {
            json!({"accounts": {"acme": {}, "globex": {}}})
        } else {
            key_set()
        };
        worker.answer_callout(Answer::json(document.to_string()));
    }
}

fn world() -> World {
    let mut world = World::new();
    world.clusters.insert("zitadel".to_owned());
    world
}

/// The filter's own configuration.
fn policy() -> Value {
    let file = artifact::workspace().join("envoy/envoy.yaml");
    let text = fs::read_to_string(&file).expect("the reference configuration");
    let envoy: Value = serde_saphyr::from_str(&text).expect("YAML");
    let filters = &envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        ["http_filters"];
    let mut filters = filters.as_array().expect("filters").iter();
    let gate = filters.find(|filter| filter["name"] == "tollgate");
    gate.expect("the gate")["typed_config"]["config"]["configuration"]["value"].clone()
}
