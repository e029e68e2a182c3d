//! The configuration that decides, found in the file that carries it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_policy::config::Policy;

use super::ExplainError;
use crate::random;

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

/// The variables that the gate gets. Where the file does not say, it is assumed to get all.
#[derive(Debug, Default)]
pub struct Environment {
    /// Names, with the values that the file has; none: only Envoy knows.
    passed: Option<BTreeMap<String, Option<String>>>,
}

/// A configuration as it was found, not yet compiled.
type Found = (Value, Environment);

/// What a bare configuration can begin with; one without any of them is refused anyway.
const FIELDS: [&str; 5] = ["issuers", "api_keys", "routes", "caps", "assertion"];

/// The type of Envoy's filter.
const FILTER: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

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
        let (written, environment) = documents(&text)
            .map_err(|error| ExplainError::new(format!("{file}: {error}")))?
            .iter()
            .find_map(find)
            .ok_or_else(|| {
                ExplainError::new(format!(
                    "{file}: no configuration of the gate in it; give the plugin's own, an Envoy bootstrap, an Istio WasmPlugin or an Envoy Gateway EnvoyExtensionPolicy"
                ))
            })?;
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
}

/// Everything in a file, JSON or one or more YAML documents.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with('{') {
        let document = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        return Ok(vec![document]);
    }
    serde_saphyr::from_multiple(text).map_err(|error| format!("not YAML: {error}"))
}

/// Finds the gate's configuration, and the environment that it gets, in what carries it: the first there is.
pub fn find(document: &Value) -> Option<Found> {
    let spec = document.get("spec");
    match document.get("kind").and_then(Value::as_str) {
        Some("WasmPlugin") => {
            let variables = spec?.pointer("/vmConfig/env");
            let variable = |variable: &Value| {
                let name = variable.get("name")?.as_str()?.to_owned();
                let value = variable.get("value").and_then(Value::as_str);
                Some((name, value.map(str::to_owned)))
            };
            let variables = variables.and_then(Value::as_array).into_iter().flatten();
            let environment = Environment::of(variables.filter_map(variable));
            return Some((spec?.get("pluginConfig")?.clone(), environment));
        }
        Some("EnvoyExtensionPolicy") => {
            let plugins = spec?.get("wasm")?.as_array()?;
            let plugin = plugins
                .iter()
                .find(|plugin| plugin.get("config").is_some())?;
            let names = texts(plugin.pointer("/env/hostKeys"));
            let environment = Environment::of(names.map(|name| (name, None)));
            return Some((plugin.get("config")?.clone(), environment));
        }
        _ => {}
    }
    let is_bare = FIELDS.iter().any(|field| document.get(field).is_some());
    if is_bare {
        return Some((document.clone(), Environment::default()));
    }
    filter(document)
}

/// The first filter's, however deep it is in Envoy's configuration.
fn filter(value: &Value) -> Option<Found> {
    let members: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(members) => members.iter().collect(),
        _ => return None,
    };
    let kind = value.get("@type").and_then(Value::as_str);
    if kind.is_some_and(|kind| kind.ends_with(FILTER))
        && let Some(written) = value.pointer("/config/configuration/value")
    {
        let written = match written {
            Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            other => other.clone(),
        };
        let variables = value.pointer("/config/vm_config/environment_variables");
        let from_host = texts(variables.and_then(|it| it.get("host_env_keys")));
        let given = variables.and_then(|it| it.get("key_values")?.as_object());
        let given = given.into_iter().flatten();
        let given = given.map(|(name, value)| (name.clone(), value.as_str().map(str::to_owned)));
        let environment = Environment::of(from_host.map(|name| (name, None)).chain(given));
        return Some((written, environment));
    }
    members.into_iter().find_map(filter)
}

fn texts(list: Option<&Value>) -> impl Iterator<Item = String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned))
}

// === impl Environment ===

impl Environment {
    fn of(variables: impl Iterator<Item = (String, Option<String>)>) -> Self {
        Self {
            passed: Some(variables.collect()),
        }
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
    use super::*;

    fn found(yaml: &str) -> Option<Value> {
        let documents = documents(yaml).unwrap();
        Some(documents.iter().find_map(find)?.0)
    }

    #[test]
    fn every_carrier_is_read() {
        let plugin = json!({"issuers": [], "routes": []});
        let filter = format!(
            r#"{{"a": [{{"typed_config": {{"@type": "type.googleapis.com/{FILTER}", "config": {{"configuration": {{"value": {plugin}}}}}}}}}]}}"#
        );
        for carrier in [
            plugin.to_string(),
            "issuers: []\nroutes: []".to_owned(),
            filter,
            format!("kind: Service\n---\nkind: WasmPlugin\nspec: {{pluginConfig: {plugin}}}"),
            format!("kind: EnvoyExtensionPolicy\nspec: {{wasm: [{{config: {plugin}}}]}}"),
        ] {
            assert_eq!(found(&carrier), Some(plugin.clone()), "{carrier}");
        }
        assert_eq!(found("kind: Service"), None);
        assert!(documents("a: [").is_err());
    }

    #[test]
    fn variables_are_what_the_carrier_passes() {
        let yaml = "kind: WasmPlugin\nspec:\n  pluginConfig: {}\n  vmConfig: {env: [{name: A, valueFrom: HOST}, {name: B, value: b}]}";
        let documents = documents(yaml).unwrap();
        let (_, environment) = find(&documents[0]).unwrap();
        assert_eq!(environment.value("B").as_deref(), Some("b"));
        assert_eq!(
            environment.value("A").map(|made_up| made_up.len()),
            Some(64)
        );
        assert_eq!(environment.value("C"), None);
        assert!(Environment::default().value("C").is_some());
    }
}
