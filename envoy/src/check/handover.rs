//! How a configuration is handed to the filter by what carries it.

use super::finding::Finding;
use crate::carrier::gate::{Carrier, Gate};

const STRUCT: &str = "google.protobuf.Struct";
const STRING: &str = "google.protobuf.StringValue";

/// What is wrong with how the configuration is handed over.
pub fn errors(gate: &Gate<'_>) -> Vec<Finding> {
    if gate.carrier == Carrier::Envoy
        && let Some(handed) = gate.plugin.get("configuration")
    {
        let kind = handed.text_of("@type").unwrap_or_default();
        if !kind.ends_with(STRUCT) && !kind.ends_with(STRING) {
            let message = format!(
                "\"@type\" is {kind:?}; write type.googleapis.com/{STRUCT} with the configuration as value"
            );
            return vec![Finding::error(handed.mark, &handed.path, message)];
        }
    }
    let missing = "no configuration; write an object with \"issuers\" and more";
    let Some(configuration) = &gate.configuration else {
        return vec![Finding::error(gate.plugin.mark, &gate.plugin.path, missing)];
    };
    if !configuration.node.members().is_empty() {
        return Vec::new();
    }
    let problem = configuration
        .node
        .embedded(true)
        .and_then(|parsed| parsed.error);
    let is_nothing = configuration.reader().value(configuration.node).is_null();
    let (mark, message) = match problem {
        Some(problem) if !is_nothing => (problem.mark, problem.message),
        _ => (configuration.mark, missing.to_owned()),
    };
    vec![Finding::error(mark, "configuration", message)]
}
