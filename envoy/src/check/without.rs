//! Files without a Tollgate filter: whether there is nothing in them, or something that may be a gate and was not judged.

use super::finding::Finding;
use crate::carrier::document::{Mark, Node};
use crate::carrier::gate::{self, Gate};
use crate::carrier::place::Place;
use crate::carrier::reader::Reader;

/// What is said of a file that has nothing to do with us.
pub const NO_FILTER: &str = "no Tollgate filter in it; write its configuration, or an Envoy bootstrap, a WasmPlugin or an EnvoyExtensionPolicy that has one";

/// What is said of documents without a Tollgate filter: of the first thing that may be one, or that there is none.
pub fn error(documents: &[Node]) -> Finding {
    let kubernetes = |document: &Node| document.get("kind").is_some();
    let suspects = documents.iter().find_map(|document| {
        let reader = if kubernetes(document) {
            Reader::Kubernetes
        } else {
            Reader::Envoy
        };
        suspect(&Place::whole(document, reader))
    });
    suspects.unwrap_or_else(|| Finding::error(Mark { line: 1, column: 1 }, "", NO_FILTER))
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
    .or_else(|| named(whole))
}

/// What has neither our name nor our configuration.
fn unknown(what: &str, named: &Place<'_>, at: &Place<'_>) -> Finding {
    let name = ["metadata.name", "name"]
        .iter()
        .find_map(|name| named.text_of(name))
        .map(|name| format!(" {name:?}"))
        .unwrap_or_default();
    let message = format!(
        "no Tollgate filter in it, but {what}{name} with neither \"tollgate\" in its names nor \"issuers\" in its configuration; name the gate tollgate, or leave the file out where it has none"
    );
    Finding::error(at.mark, &at.path, message)
}

/// A filter that is named as a gate is, and is none. One whose configuration comes by ECDS is in another file.
fn named(whole: &Place<'_>) -> Option<Finding> {
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
        name.contains("tollgate") && filter.get("config_discovery").is_none()
    })?;
    let message = format!(
        "no Tollgate filter in it, but one named {:?} whose typed_config is none of a Wasm filter; write \"@type\": type.googleapis.com/{} and its config",
        ours.text_of("name").unwrap_or_default(),
        gate::WASM_FILTER,
    );
    Some(Finding::error(ours.mark, &ours.path, message))
}
