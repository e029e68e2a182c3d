//! Of how the filter is run: what Envoy, Istio or Envoy Gateway are told about it.

use super::{Warning, remotes};
use crate::carrier::gate::{self, Carrier, Gate};
use crate::carrier::place::Place;
use crate::check::finding::Finding;

pub(super) fn warnings(gate: &Gate<'_>, found: &mut Vec<Finding>) {
    fails_open(gate, found);
    if gate.carrier != Carrier::Envoy {
        return;
    }
    memory(gate, found);
    if let Some(manager) = &gate.manager {
        order(gate, manager, found);
        paths(manager, found);
    }
    disabled(gate, found);
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
    let says = |name: &str, values: &[&str]| {
        let at = plugin.get(name)?;
        at.text()
            .is_some_and(|text| values.contains(&text))
            .then_some(at)
    };
    let open = match gate.carrier {
        Carrier::Bare => None,
        Carrier::Envoy => says("failure_policy", &["FAIL_OPEN", "3"])
            .or_else(|| plugin.get("fail_open").filter(Place::is_true)),
        Carrier::Istio => says("failStrategy", &["FAIL_OPEN"]),
        Carrier::EnvoyGateway => plugin.get("failOpen").filter(Place::is_true),
    };
    if let Some(open) = open {
        let write = match gate.carrier {
            Carrier::EnvoyGateway => "false",
            Carrier::Istio => "FAIL_CLOSE, or FAIL_RELOAD where your Istio has it",
            Carrier::Envoy | Carrier::Bare => "failure_policy: FAIL_RELOAD",
        };
        let message = format!(
            "when the module fails, requests pass unseen, with whatever identity they claim; write {write}"
        );
        found.push(Finding::warning(Warning::FailOpen, &open, message));
    } else if gate.carrier == Carrier::Envoy
        && says("failure_policy", &["FAIL_RELOAD", "1"]).is_none()
    {
        let at = plugin
            .get("failure_policy")
            .unwrap_or_else(|| plugin.clone());
        let message = "a worker whose module has failed refuses everything until Envoy starts again; write failure_policy: FAIL_RELOAD";
        found.push(Finding::warning(Warning::NoFailReload, &at, message));
    }
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
        return;
    }
    // Whatever runs a module: network filters, access logs and `bootstrap_extensions` too.
    let gates = gate::filters(&gate.document).into_iter();
    let gates = gates.filter(Gate::is_tollgate).map(|gate| gate.plugin.path);
    let gates: Vec<_> = gates.chain([gate.plugin.path.clone()]).collect();
    gate.document.walk(&mut |other| {
        let taken = other.get("vm_config.vm_id").filter(|at| at.text() == Some(id));
        if let Some(at) = taken.filter(|_| !gates.contains(&other.path)) {
            let message = format!(
                "{id:?} is the gate's too ({}): what runs here can write its counts and keys; write another",
                gate.plugin.path
            );
            found.push(Finding::warning(Warning::SharedVmId, &at, message));
        }
    });
}

fn order(gate: &Gate<'_>, manager: &Place<'_>, found: &mut Vec<Finding>) {
    let Some(filter) = &gate.filter else { return };
    let filters = manager.each("http_filters");
    let before = filters.iter().take_while(|one| one.path != filter.path);
    for other in before {
        let name = other.text_of("name").unwrap_or_default();
        let kind = other.text_of("typed_config.@type").unwrap_or_default();
        if name != "envoy.filters.http.cors" && !kind.ends_with(".cors.v3.Cors") {
            let message = format!(
                "{name:?} acts on requests before the gate, which then judges what that made of them; put it behind"
            );
            found.push(Finding::warning(Warning::FilterBefore, other, message));
        }
    }
}

fn paths(manager: &Place<'_>, found: &mut Vec<Finding>) {
    let mut warn = |at: &Place<'_>, write: &str| {
        let message = format!(
            "the path is tidied before the gate sees it, so that what it would refuse as path_ambiguous passes unnoticed; write {write}"
        );
        found.push(Finding::warning(Warning::PathTidied, at, message));
    };
    for name in ["normalize_path", "merge_slashes"] {
        if let Some(at) = manager.get(name).filter(Place::is_true) {
            warn(&at, "false");
        }
    }
    let kept = [
        "KEEP_UNCHANGED",
        "IMPLEMENTATION_SPECIFIC_DEFAULT",
        "0",
        "1",
    ];
    if let Some(at) = manager.get("path_with_escaped_slashes_action")
        && let Some(action) = at.text().filter(|action| !kept.contains(action))
    {
        if matches!(action, "REJECT_REQUEST" | "2") {
            let message = "Envoy refuses escaped slashes itself, with 400, before the gate sees them, which so neither counts nor logs the attempt; write KEEP_UNCHANGED";
            found.push(Finding::warning(Warning::PathTidied, &at, message));
        } else {
            warn(&at, "KEEP_UNCHANGED");
        }
    }
}

fn disabled(gate: &Gate<'_>, found: &mut Vec<Finding>) {
    let Some(filter) = &gate.filter else { return };
    let name = filter.text_of("name").unwrap_or_default();
    let mut places: Vec<_> = filter.get("disabled").into_iter().collect();
    gate.document.walk(&mut |at| {
        if let Some(own) = at.get("typed_per_filter_config") {
            let of_gate = own.members().filter(|(of, _)| *of == name);
            places.extend(of_gate.filter_map(|(_, settings)| settings.get("disabled")));
        }
    });
    for at in places.iter().filter(|at| at.is_true()) {
        let message = "the gate does not run here: nothing is asked, and no forged header removed; write a public route in its configuration instead";
        found.push(Finding::warning(Warning::GateDisabled, at, message));
    }
}
