//! Files without a Tollgate filter: whether there is nothing in them, or something that may be a gate and was not judged.

use super::finding::Finding;
use crate::carrier::document::Mark;
use crate::carrier::gate::{self, Gate};
use crate::carrier::place::Place;

/// What is said of a file that has nothing to do with us.
pub const NO_FILTER: &str = "no Tollgate filter in it; write its configuration, or an Envoy bootstrap, a WasmPlugin or an EnvoyExtensionPolicy that has one";

/// What is said of documents without a Tollgate filter: of the first thing that may be one, or that there is none.
pub fn error(documents: &[Place<'_>]) -> Finding {
    let suspects = documents.iter().find_map(suspect);
    suspects.unwrap_or_else(|| Finding::error(Mark { line: 1, column: 1 }, "", NO_FILTER))
}

/// What may be a gate too, beside those that are one. Others' modules are nobody's concern.
pub fn beside(document: &Place<'_>, others: &[Gate<'_>], gates: &[Gate<'_>]) -> Vec<Finding> {
    let looks_like =
        |other: &&Gate<'_>| other.is_alike() || gates.iter().any(|gate| other.runs_as(gate));
    let alike = others.iter().filter(looks_like).map(|other| {
        let name = name(other.filter.as_ref().unwrap_or(&other.plugin));
        let message = format!(
            "what runs here{name} has a gate's module, or members of its configuration, and was not judged: it has neither \"tollgate\" in its names nor \"issuers\" in its configuration; name it tollgate if it is a gate"
        );
        Finding::error(other.plugin.mark, &other.plugin.path, message)
    });
    let is_taken = |name: &str| {
        let filters = gates.iter().filter_map(|gate| gate.filter.as_ref());
        let mut names = filters.filter_map(|filter| filter.text_of("name"));
        name == "tollgate" || names.any(|taken| taken == name)
    };
    alike.chain(misnamed(document, is_taken)).collect()
}

/// Something that runs a module, or is named as a gate is.
fn suspect(whole: &Place<'_>) -> Option<Finding> {
    match whole.text_of("kind").unwrap_or_default() {
        "List" => return whole.each("items").iter().find_map(suspect),
        "WasmPlugin" => return Some(unknown("a WasmPlugin", whole, whole)),
        "EnvoyExtensionPolicy" if !whole.each("spec.wasm").is_empty() => {
            return Some(unknown("an EnvoyExtensionPolicy", whole, whole));
        }
        _ => {}
    }
    let wasm = gate::filters(whole).into_iter().next();
    wasm.map(|Gate { plugin, filter, .. }| {
        unknown("a Wasm filter", filter.as_ref().unwrap_or(&plugin), &plugin)
    })
    .or_else(|| misnamed(whole, |name| name.contains("tollgate")))
}

/// What has neither our name nor our configuration.
fn unknown(what: &str, named: &Place<'_>, at: &Place<'_>) -> Finding {
    let name = name(named);
    let message = format!(
        "no Tollgate filter in it, but {what}{name} with neither \"tollgate\" in its names nor \"issuers\" in its configuration; name the gate tollgate, or leave the file out where it has none"
    );
    Finding::error(at.mark, &at.path, message)
}

/// The name of something, behind a space and in quotes; empty where it has none.
fn name(of: &Place<'_>) -> String {
    let mut names = ["metadata.name", "name"].into_iter();
    let name = names.find_map(|name| of.text_of(name));
    name.map(|name| format!(" {name:?}")).unwrap_or_default()
}

/// A filter that is named as a gate is, and is none. One whose configuration comes by ECDS is in another file.
fn misnamed(whole: &Place<'_>, is_ours: impl Fn(&str) -> bool) -> Option<Finding> {
    let mut filters = Vec::new();
    whole.walk(&mut |at| {
        filters.extend(at.each("http_filters"));
        let is_put = gate::is_patch(at) && at.get("typed_config").is_some();
        let is_resource = at
            .text_of("@type")
            .is_some_and(|kind| kind.ends_with(gate::EXTENSION));
        if is_put || is_resource {
            filters.push(at.clone());
        }
    });
    let ours = filters.into_iter().find(|filter| {
        let name = filter.text_of("name").unwrap_or_default();
        is_ours(name)
            && filter.get("config_discovery").is_none()
            && gate::filters(filter).is_empty()
    })?;
    let message = format!(
        "a filter named {:?} whose typed_config is none of a Wasm filter; write \"@type\": type.googleapis.com/{} and its config",
        ours.text_of("name").unwrap_or_default(),
        gate::WASM_FILTER,
    );
    Some(Finding::error(ours.mark, &ours.path, message))
}
