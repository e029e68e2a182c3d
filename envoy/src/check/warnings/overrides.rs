//! Of what is said about a gate elsewhere: routes that switch it off, and patches, be they in its file or in another one.

use std::collections::BTreeSet;

use super::{Warning, envoy};
use crate::carrier::gate::{self, Gate};
use crate::carrier::place::{self, Place};
use crate::check::finding::Finding;

const DISABLED: &str = "the gate does not run here: nothing is asked, and no forged header removed; write a public route in its configuration instead";

/// What a route, a virtual host, … has for single filters.
const PER_ROUTE: &str = "typed_per_filter_config";

/// The settings of Envoy's that a patch may change about a gate.
const SETTINGS: [&str; 6] = [
    "failure_policy",
    "fail_open",
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
    "disabled",
];

/// What there is in all files together.
#[derive(Debug, Default)]
pub struct Elsewhere<'a> {
    /// The names of the gates' filters.
    names: BTreeSet<&'a str>,
    /// What EnvoyPatchPolicies set.
    patched: BTreeSet<&'static str>,
}

// === impl Elsewhere ===

impl<'a> Elsewhere<'a> {
    /// Looks at a document and the gates in it.
    pub fn add(&mut self, document: &Place<'a>, gates: &[Gate<'a>]) {
        let filters = gates.iter().filter_map(|gate| gate.filter.as_ref());
        self.names
            .extend(filters.filter_map(|filter| filter.text_of("name")));
        document.walk(&mut |at| self.patched.extend(patched(at).map(|(name, _)| name)));
    }

    /// Whether Envoy Gateway is told to leave paths alone and to start a failed module again, which it is by patches only.
    pub fn completes_envoy_gateway(&self) -> bool {
        ["normalize_path", "failure_policy"]
            .iter()
            .all(|name| self.patched.contains(name))
    }

    /// What a document says about the gates.
    pub fn warnings(&self, document: &Place<'_>) -> Vec<Finding> {
        let mut found = Vec::new();
        document.walk(&mut |at| {
            let off = self.switched_off(at).into_iter().filter(Place::is_true);
            found.extend(off.map(|at| Finding::warning(Warning::GateDisabled, &at, DISABLED)));
            found.extend(patched(at).and_then(|(name, value)| of_patch(at, name, value)));
            if gate::is_patch(at) {
                of_value(at, &mut found);
            }
        });
        found
    }

    /// The flags that say whether a gate is disabled: in its own entry, on routes, and where a patch puts one of these.
    fn switched_off<'p>(&self, at: &Place<'p>) -> Vec<Place<'p>> {
        let is_named = at.text_of("name").is_some_and(|name| self.is_gate(name));
        let own = at.get("disabled").filter(|_| is_named);
        let path = at.text_of("path").filter(|_| at.get("op").is_some());
        let mut ends = path.unwrap_or_default().rsplit('/');
        let ends = [ends.next(), ends.next()].map(Option::unwrap_or_default);
        let is_per_route = |name: &str| place::is_same_name(PER_ROUTE, name);
        let (routes, settings) = match ends {
            [end, _] if is_per_route(end) => (at.get("value"), None),
            [end, before] if is_per_route(before) && self.is_gate(end) => (None, at.get("value")),
            _ => (at.get(PER_ROUTE), None),
        };
        let of_gates = routes.iter().flat_map(Place::members);
        let of_gates = of_gates.filter_map(|(name, set)| self.is_gate(name).then_some(set));
        // As a `FilterConfig`, or as that in a `TypedStruct`.
        let flags = |set: Place<'p>| ["disabled", "value.disabled"].map(|flag| set.get(flag));
        let of_routes = of_gates.chain(settings).flat_map(flags).flatten();
        own.into_iter().chain(of_routes).collect()
    }

    fn is_gate(&self, name: &str) -> bool {
        self.names.contains(name) || name.contains("tollgate")
    }
}

/// The setting that a JSON patch of an EnvoyPatchPolicy names, and its value, unless it takes that away (RFC 6902, section 4).
fn patched<'a>(operation: &Place<'a>) -> Option<(&'static str, Option<Place<'a>>)> {
    operation.get("op")?;
    let path = operation.text_of("path").filter(|path| !path.is_empty());
    let path = path.or_else(|| operation.text_of("jsonPath"))?;
    let is_in_name = |one: char| one.is_ascii_alphanumeric() || one == '_';
    let end = path.trim_end_matches(|one| !is_in_name(one));
    let name = end.rsplit(|one| !is_in_name(one)).next()?;
    let known = SETTINGS
        .into_iter()
        .find(|known| place::is_same_name(known, name))?;
    Some((known, operation.get("value")))
}

fn of_patch(operation: &Place<'_>, name: &str, value: Option<Place<'_>>) -> Option<Finding> {
    let Some(value) = value else {
        return (name == "failure_policy").then(|| envoy::not_started_again(operation));
    };
    if name != "disabled" {
        return envoy::setting(name, &value);
    }
    // Of a filter that nobody can tell, or of ours.
    let paths = ["path", "jsonPath"]
        .into_iter()
        .filter_map(|name| operation.text_of(name));
    let is_of_filters = |path: &str| {
        ["http_filters", "httpFilters", "wasm", "tollgate"]
            .iter()
            .any(|part| path.contains(part))
    };
    let is_meant = value.is_true() && paths.into_iter().any(is_of_filters);
    is_meant.then(|| Finding::warning(Warning::GateDisabled, &value, DISABLED))
}

/// What a patch puts somewhere as a whole, or merges into it. A whole plugin is judged as one.
fn of_value(patch: &Place<'_>, found: &mut Vec<Finding>) {
    patch.walk(&mut |at| {
        let is_plugin = ["configuration", "vm_config", "root_id"]
            .iter()
            .any(|name| at.get(name).is_some());
        if is_plugin {
            return;
        }
        for name in SETTINGS {
            found.extend(at.get(name).and_then(|value| envoy::setting(name, &value)));
        }
    });
}
