//! The configuration that decides, found in the file that carries it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tollgate_policy::config::Policy;

use super::ExplainError;
use super::hidden::Hider;
use crate::carrier::document::Parsed;
use crate::carrier::gate::Gate;
use crate::carrier::place::Place;
use crate::{carrier, random};

/// A configuration, compiled, and what its gate finds around it.
#[derive(Debug)]
pub struct Source {
    /// The file.
    pub file: String,
    /// As it is written.
    pub written: Value,
    /// As it decides.
    pub policy: Policy,
    /// The gate's environment.
    pub environment: Environment,
}

/// Why there is nothing to explain.
const NO_GATE: &str = "no configuration of the gate in it; give the plugin's own, an Envoy bootstrap, an Istio WasmPlugin or an Envoy Gateway EnvoyExtensionPolicy";

/// The variables that the gate gets. Where the file does not say, it is assumed to get all.
#[derive(Debug, Default)]
pub struct Environment {
    /// Names, with the values that the file has; none: only Envoy knows.
    passed: Option<BTreeMap<String, Option<String>>>,
}

// === impl Source ===

impl Source {
    /// Reads a file: JSON or YAML, the configuration itself or what carries it.
    ///
    /// # Errors
    ///
    /// It cannot be read, has no configuration, or the module would refuse it.
    pub fn read(path: &Path) -> Result<Self, ExplainError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| {
            ExplainError::new(format!(
                "{file}: {error}; --config names the file with the configuration"
            ))
        })?;
        let (written, environment) = found(&text, carrier::is_json(&file))
            .map_err(|error| ExplainError::new(format!("{file}: {error}")))?;
        let policy = Policy::from_bytes(written.to_string().as_bytes()).map_err(|error| {
            ExplainError::new(format!("{file}: the configuration is refused: {error}"))
        })?;
        Ok(Self {
            file,
            written,
            policy,
            environment,
        })
    }

    /// What is written at a place of the configuration.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.written.pointer(pointer)
    }

    /// Takes out of an explanation what is secret; `credential` is what the request has shown, if it is known.
    pub fn hider<'a>(&'a self, credential: Option<&'a str>) -> Hider<'a> {
        let keys = self.policy.api_keys.as_ref();
        let prefix = keys.map(|keys| keys.prefix.as_str());
        Hider {
            prefix: prefix.filter(|prefix| !prefix.is_empty()),
            credential,
        }
    }
}

/// The configuration of the gate in a file, and the environment that it gets.
fn found(text: &str, is_json: bool) -> Result<(Value, Environment), String> {
    let Parsed {
        documents,
        error,
        is_json,
    } = carrier::documents(text, is_json);
    if let Some(error) = error {
        return Err(format!("line {}: {}", error.mark, error.message));
    }
    let gates: Vec<Gate<'_>> = documents
        .iter()
        .flat_map(|document| Gate::all(document, is_json))
        .collect();
    let mut all = gates.iter().filter_map(|gate| {
        let at = gate.configuration.as_ref()?;
        Some((gate, at.mark, at.reader().value(at.node)))
    });
    let (gate, mark, written) = all.next().ok_or(NO_GATE)?;
    // The same gate may stand before several listeners.
    if let Some((_, other, _)) = all.find(|(_, _, other)| *other != written) {
        return Err(format!(
            "the gates at lines {mark} and {other} are configured differently; give a file with one of them"
        ));
    }
    Ok((written, Environment::of(gate)))
}

// === impl Environment ===

impl Environment {
    fn of(gate: &Gate<'_>) -> Self {
        let value = |at: Option<Place<'_>>| at.and_then(|at| at.text().map(str::to_owned));
        let passed = gate.variables().map(|variables| {
            let variables = variables.into_iter();
            variables
                .map(|(name, at)| (name.to_owned(), value(at)))
                .collect()
        });
        Self { passed }
    }

    /// The value of a variable in the replay: the file's, or one that is made up where Envoy has it. None: the gate does
    /// not get it.
    pub fn value(&self, name: &str) -> Option<String> {
        let made_up = || random::hex(32);
        match &self.passed {
            None => Some(made_up()),
            Some(passed) => Some(passed.get(name)?.clone().unwrap_or_else(made_up)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configuration(text: &str) -> Option<Value> {
        found(text, false).ok().map(|(written, _)| written)
    }

    #[test]
    fn every_carrier_is_read() {
        let plugin = json!({"issuers": [], "routes": []});
        let config = json!({"configuration": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": plugin}});
        let kind = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
        let filter = json!({"name": "gate", "typed_config": {"@type": kind, "config": config}});
        for carrier in [
            plugin.to_string(),
            "issuers: []\nroutes: []".to_owned(),
            json!({"static_resources": {"listeners": [{"http_filters": [filter]}]}}).to_string(),
            format!(
                "apiVersion: a/v1\nkind: EnvoyFilter\nspec: {{configPatches: [{{patch: {{value: {filter}}}}}]}}"
            ),
            format!(
                "apiVersion: v1\nkind: Service\n---\napiVersion: a/v1\nkind: WasmPlugin\nspec: {{pluginConfig: {plugin}}}"
            ),
            format!(
                "apiVersion: a/v1\nkind: EnvoyExtensionPolicy\nspec: {{wasm: [{{config: {plugin}}}]}}"
            ),
        ] {
            assert_eq!(configuration(&carrier), Some(plugin.clone()), "{carrier}");
        }
        assert_eq!(configuration("apiVersion: v1\nkind: Service"), None);
        assert!(found("a: [", false).is_err());
    }

    #[test]
    fn of_two_different_gates_neither_is_explained() {
        let one = |issuers: &str| {
            format!(
                "apiVersion: a/v1\nkind: WasmPlugin\nspec: {{pluginConfig: {{issuers: {issuers}}}}}"
            )
        };
        let error = found(&format!("{}\n---\n{}", one("[]"), one("[{}]")), false).unwrap_err();
        assert_eq!(
            error,
            "the gates at lines 3:8 and 7:8 are configured differently; give a file with one of them"
        );
        assert!(found(&format!("{}\n---\n{}", one("[]"), one("[]")), false).is_ok());
    }

    #[test]
    fn variables_are_what_the_carrier_passes() {
        let yaml = "apiVersion: a/v1\nkind: WasmPlugin\nspec:\n  url: oci://registry/tollgate\n  pluginConfig: {}\n  vmConfig: {env: [{name: A, valueFrom: HOST}, {name: B, value: b}]}";
        let (_, environment) = found(yaml, false).unwrap();
        assert_eq!(environment.value("B").as_deref(), Some("b"));
        assert_eq!(
            environment.value("A").map(|made_up| made_up.len()),
            Some(64)
        );
        assert_eq!(environment.value("C"), None);
        assert!(Environment::default().value("C").is_some());
    }
}
