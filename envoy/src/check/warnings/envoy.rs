//! Of how the filter is run: what Envoy, Istio or Envoy Gateway are told about it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Warning, remotes};
use crate::carrier::gate::{self, Carrier, Gate};
use crate::carrier::place::Place;
use crate::check::finding::Finding;

/// What Envoy does to a path before any filter sees it.
const PATHS: [&str; 3] = [
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
];

pub(super) fn warnings(gate: &Gate<'_>, found: &mut Vec<Finding>) {
    fails_open(gate, found);
    if gate.carrier == Carrier::Istio {
        place_in_istio(&gate.plugin, found);
    }
    if gate.carrier != Carrier::Envoy {
        return;
    }
    memory(gate, found);
    if let Some(manager) = &gate.manager {
        order(gate, manager, found);
        paths(manager, found);
    }
    if is_conditional(gate) {
        let message = "the gate runs where a matcher says so only: elsewhere nothing is asked, and no forged header removed; put it into the list of filters by itself, and write public routes in its configuration";
        found.push(Finding::warning(
            Warning::GateDisabled,
            &gate.plugin,
            message,
        ));
    }
    if let Some(address) = gate.document.get("admin.address.socket_address.address")
        && let Some(host) = address.text()
        && !remotes::is_loopback(host)
    {
        let message = format!(
            "{host}: whoever reaches the admin interface can stop Envoy and read its configuration; write 127.0.0.1"
        );
        found.push(Finding::warning(Warning::AdminOpen, &address, message));
    }
}

fn fails_open(gate: &Gate<'_>, found: &mut Vec<Finding>) {
    let plugin = &gate.plugin;
    match gate.carrier {
        Carrier::Bare => {}
        Carrier::Envoy => {
            let set = |name| Some((name, plugin.get(name)?));
            let all: Vec<_> = ["failure_policy", "fail_open"]
                .into_iter()
                .filter_map(set)
                .collect();
            if plugin.get("failure_policy").is_none()
                && !plugin.get("fail_open").is_some_and(|at| at.is_true())
            {
                found.push(not_started_again(plugin));
            }
            found.extend(all.iter().filter_map(|(name, at)| setting(name, at)));
        }
        Carrier::Istio => {
            let strategy = plugin.get("failStrategy");
            let write = "FAIL_CLOSE, or FAIL_RELOAD where your Istio has it";
            let open = strategy.filter(|at| at.text() == Some("FAIL_OPEN"));
            found.extend(open.map(|at| fail_open(&at, write)));
        }
        Carrier::EnvoyGateway => {
            let open = plugin.get("failOpen").filter(Place::is_true);
            found.extend(open.map(|at| fail_open(&at, "false")));
        }
    }
}

fn fail_open(at: &Place<'_>, write: &str) -> Finding {
    let message = format!(
        "when the module fails, requests pass unseen, with whatever identity they claim; write {write}"
    );
    Finding::warning(Warning::FailOpen, at, message)
}

/// What is said where `failure_policy` is not `FAIL_RELOAD`, or not there.
pub(super) fn not_started_again(at: &Place<'_>) -> Finding {
    let message = "a worker whose module has failed refuses everything until Envoy starts again; write failure_policy: FAIL_RELOAD";
    Finding::warning(Warning::NoFailReload, at, message)
}

/// What is dangerous about a setting of Envoy's, wherever it is set; none where nothing is, or where it is none that
/// concerns a gate.
pub(super) fn setting(name: &str, at: &Place<'_>) -> Option<Finding> {
    let is = |value: &str, number: u64| {
        at.text() == Some(value)
            || at.text() == Some(&number.to_string())
            || at.reader().value(at.node).as_u64() == Some(number)
    };
    match name {
        "failure_policy" if is("FAIL_OPEN", 3) => {
            Some(fail_open(at, "failure_policy: FAIL_RELOAD"))
        }
        "failure_policy" if !is("FAIL_RELOAD", 1) => Some(not_started_again(at)),
        "fail_open" if at.is_true() => Some(fail_open(at, "failure_policy: FAIL_RELOAD")),
        "normalize_path" | "merge_slashes" if at.is_true() => Some(tidied(at, "false")),
        "path_with_escaped_slashes_action" if is("REJECT_REQUEST", 2) => {
            let message = "Envoy refuses escaped slashes itself, with 400, before the gate sees them, which so neither counts nor logs the attempt; write KEEP_UNCHANGED";
            Some(Finding::warning(Warning::PathTidied, at, message))
        }
        "path_with_escaped_slashes_action"
            if !is("IMPLEMENTATION_SPECIFIC_DEFAULT", 0) && !is("KEEP_UNCHANGED", 1) =>
        {
            Some(tidied(at, "KEEP_UNCHANGED"))
        }
        _ => None,
    }
}

fn tidied(at: &Place<'_>, write: &str) -> Finding {
    let message = format!(
        "the path is tidied before the gate sees it, so that what it would refuse as path_ambiguous passes unnoticed; write {write}"
    );
    Finding::warning(Warning::PathTidied, at, message)
}

/// The memory that the workers share.
fn memory(gate: &Gate<'_>, found: &mut Vec<Finding>) {
    let id = gate.plugin.text_of("vm_config.vm_id").unwrap_or_default();
    if id.is_empty() {
        let at = gate
            .plugin
            .get("vm_config")
            .unwrap_or_else(|| gate.plugin.clone());
        let message = "no vm_id: whatever else has none shares the gate's counts and keys; write one of its own, such as vm_id: tollgate-edge";
        found.push(Finding::warning(Warning::NoVmId, &at, message));
    }
}

/// Whatever else in a document has the memory of a gate's workers: network filters, access logs and `bootstrap_extensions`
/// too.
pub(super) fn shared_memory(document: &Place<'_>, gates: &[Gate<'_>]) -> Vec<Finding> {
    const ID: &str = "vm_config.vm_id";
    let all = gates.iter();
    let mut ids: BTreeMap<_, _> = all
        .filter_map(|gate| Some((gate.plugin.text_of(ID)?, &gate.plugin.path)))
        .collect();
    ids.remove("");
    let ours: BTreeSet<_> = gates.iter().map(|gate| &gate.plugin.path).collect();
    let mut found = Vec::new();
    if ids.is_empty() {
        return found;
    }
    document.walk(&mut |other| {
        let taken = other.get(ID).filter(|_| !ours.contains(&other.path));
        let Some(at) = taken else { return };
        let id = at.text().unwrap_or_default();
        if let Some(gate) = ids.get(id) {
            let message = format!(
                "{id:?} is the gate's too ({gate}): what runs here can write its counts and keys; write another"
            );
            found.push(Finding::warning(Warning::SharedVmId, &at, message));
        }
    });
    found
}

/// Where Istio runs it (`extensions/v1alpha1/wasm.proto`).
fn place_in_istio(plugin: &Place<'_>, found: &mut Vec<Finding>) {
    let kind = plugin.get("type").filter(|at| at.text() == Some("NETWORK"));
    found.extend(kind.map(|at| {
        let message = "a network filter sees no requests: nothing is asked, and no forged header removed; write HTTP";
        Finding::warning(Warning::GateDisabled, &at, message)
    }));
    let phase = plugin.get("phase");
    if phase.as_ref().and_then(Place::text) != Some("AUTHN") {
        let message = "Istio's own authentication and authorization act on requests before the gate, with forged headers still in them; write phase: AUTHN";
        let at = phase.unwrap_or_else(|| plugin.clone());
        found.push(Finding::warning(Warning::FilterBefore, &at, message));
    }
    if let Some(at) = plugin.get("match").filter(|at| !at.node.items().is_empty()) {
        let message = "the gate runs for what this matches only; whether that is all that it is to guard was not looked at";
        found.push(Finding::note(&at, message));
    }
}

fn order(gate: &Gate<'_>, manager: &Place<'_>, found: &mut Vec<Finding>) {
    let Some(filter) = &gate.filter else { return };
    let filters = manager.each("http_filters");
    let before = filters.iter().take_while(|one| one.path != filter.path);
    for other in before {
        let name = other.text_of("name").unwrap_or_default();
        let kind = ["typed_config.@type", "typed_config.type_url"];
        let is_cors = |kind: &&str| {
            let kind = other.text_of(kind);
            kind.is_some_and(|kind| kind.ends_with(".cors.v3.Cors"))
        };
        if !kind.iter().any(is_cors) {
            let message = format!(
                "{name:?} acts on requests before the gate, which then judges what that made of them; put it behind"
            );
            found.push(Finding::warning(Warning::FilterBefore, other, message));
        }
    }
}

fn paths(manager: &Place<'_>, found: &mut Vec<Finding>) {
    for name in PATHS {
        found.extend(manager.get(name).and_then(|at| setting(name, &at)));
    }
}

/// Whether it is behind a matcher: within another filter that runs it for some requests.
fn is_conditional(gate: &Gate<'_>) -> bool {
    let typed = gate
        .filter
        .as_ref()
        .and_then(|filter| filter.get("typed_config"));
    let kind = typed.and_then(|typed| typed.text_of("type_url").or(typed.text_of("@type")));
    kind.is_some_and(|kind| !kind.ends_with(gate::WASM_FILTER))
}
