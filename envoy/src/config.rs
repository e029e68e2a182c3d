//! Envoy's configuration: the reference, `envoy/envoy.yaml`, with other addresses, names and paths.

mod additions;
mod listeners;

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, KEYS_PATH};
use crate::net::loopback;

/// The reference configuration, as users have it.
pub const REFERENCE: &str = include_str!("../envoy.yaml");

/// The names of the filters.
const GATE: &str = "tollgate";
const CORS: &str = "envoy.filters.http.cors";

const ADMIN_PORT: &str = "/admin/address/socket_address/port_value";
const LISTENER: &str = "/static_resources/listeners/0";
const LISTENER_ADDRESS: &str = "/static_resources/listeners/0/address/socket_address";
const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const ACCESS_LOGS: &str = "/access_log";
const ROUTES: &str = "/route_config/virtual_hosts/0/routes";
const HOST_FILTERS: &str = "/route_config/virtual_hosts/0/typed_per_filter_config";
const FILTERS: &str = "/http_filters";
const PLUGIN: &str = "/typed_config/config";
const MODULE: &str = "/vm_config/code/local/filename";
const ENVIRONMENT: &str = "/vm_config/environment_variables/host_env_keys";
const VM_ID: &str = "/vm_config/vm_id";
const CONFIGURATION: &str = "/configuration";
const POLICY: &str = "/configuration/value";
const BUFFER: &str = "per_connection_buffer_limit_bytes";
const CLUSTERS: &str = "/static_resources/clusters";

/// A configuration of Envoy.
#[derive(Clone, Debug)]
pub struct Config(Value);

/// The reference is not what this module expects it to be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not YAML.
    #[error("envoy.yaml is not valid YAML: {0}")]
    Yaml(String),
    /// Something has moved.
    #[error("envoy.yaml has nothing at {0}")]
    Missing(String),
}

// === impl Config ===

impl Config {
    /// The reference as it stands.
    pub fn reference() -> Result<Self, ConfigError> {
        yaml(REFERENCE)
            .map(Self)
            .map_err(|error| ConfigError::Yaml(error.to_string()))
    }

    /// On loopback, with a listener at `port` (0 for a free one) and the admin interface at a free one.
    #[must_use = "the configuration is returned"]
    pub fn on_loopback(mut self, port: u16) -> Result<Self, ConfigError> {
        *self.at(ADMIN_PORT)? = json!(0);
        *self.at(LISTENER_ADDRESS)? = socket_address(loopback(port));
        if port != 0 {
            // Another Envoy at the same port would get half of the requests.
            self.at(LISTENER)?["enable_reuse_port"] = json!(false);
        }
        Ok(self)
    }

    /// With the module at `path`.
    pub fn with_module(mut self, path: &Path) -> Result<Self, ConfigError> {
        *self.plugin(MODULE)? = json!(path);
        Ok(self)
    }

    /// With the access log, if it has one, at `path`.
    pub fn with_access_log(mut self, path: &Path) -> Result<Self, ConfigError> {
        let logs = self.at(&[MANAGER, ACCESS_LOGS].concat())?;
        for log in logs.as_array_mut().into_iter().flatten() {
            let place = log.pointer_mut("/typed_config/path");
            *place.ok_or_else(|| ConfigError::Missing(ACCESS_LOGS.to_owned()))? = json!(path);
        }
        Ok(self)
    }

    /// Without an access log.
    pub fn without_access_log(mut self) -> Result<Self, ConfigError> {
        *self.at(&[MANAGER, ACCESS_LOGS].concat())? = json!([]);
        Ok(self)
    }

    /// With another filter instead of the gate, or with none.
    pub fn with_filter(mut self, filter: Option<Value>) -> Result<Self, ConfigError> {
        let (filters, gate) = self.filter(GATE)?;
        filters.splice(gate..=gate, filter);
        Ok(self)
    }

    /// Without the filter that answers browsers' preflights.
    pub fn without_cors(mut self) -> Result<Self, ConfigError> {
        let (filters, cors) = self.filter(CORS)?;
        filters.remove(cors);
        *self.at(&[MANAGER, HOST_FILTERS].concat())? = json!({});
        Ok(self)
    }

    /// Answering itself whatever passes the filters, with 200 and `body`; without any cluster.
    pub fn with_direct_response(mut self, body: &str) -> Result<Self, ConfigError> {
        *self.at(&[MANAGER, ROUTES].concat())? = json!([{
            "match": {"prefix": "/"},
            "direct_response": {"status": 200, "body": {"inline_string": body}},
        }]);
        *self.at(CLUSTERS)? = json!([]);
        Ok(self)
    }

    /// With the cluster `name` at one address, without TLS.
    pub fn with_cluster(mut self, name: &str, address: SocketAddr) -> Result<Self, ConfigError> {
        let clusters = self.at(CLUSTERS)?.as_array_mut();
        let found = clusters
            .into_iter()
            .flatten()
            .find(|cluster| cluster.get("name").is_some_and(|found| found == name))
            .ok_or_else(|| ConfigError::Missing(format!("{CLUSTERS}/{name}")))?;
        let limit = found.get(BUFFER).cloned();
        *found = cluster(name, address);
        if let (Some(limit), Some(cluster)) = (limit, found.as_object_mut()) {
            cluster.insert(BUFFER.to_owned(), limit);
        }
        Ok(self)
    }

    /// With the development issuer at `url`, whose keys come through the cluster `zitadel`.
    pub fn with_issuer(mut self, url: &str) -> Result<Self, ConfigError> {
        let policy = self.policy()?;
        let issuer = policy.pointer_mut("/issuers/0");
        let issuer = issuer.ok_or_else(|| ConfigError::Missing(format!("{POLICY}/issuers/0")))?;
        for (field, value) in [
            ("/issuer", json!(url)),
            ("/audiences", json!([AUDIENCE])),
            ("/jwks/uri", json!(format!("{url}{KEYS_PATH}"))),
        ] {
            let place = issuer.pointer_mut(field);
            *place.ok_or_else(|| ConfigError::Missing(field.to_owned()))? = value;
        }
        Ok(self)
    }

    /// With this text as the plugin's own configuration, which the module gets as it is.
    pub fn with_text(mut self, text: &str) -> Result<Self, ConfigError> {
        *self.plugin(CONFIGURATION)? = json!({
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": text,
        });
        Ok(self)
    }

    /// The plugin's own configuration, to be changed.
    pub fn policy(&mut self) -> Result<&mut Value, ConfigError> {
        self.plugin(POLICY)
    }

    /// As Envoy reads it.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }

    /// What is in the gate's filter.
    fn plugin(&mut self, pointer: &str) -> Result<&mut Value, ConfigError> {
        let (filters, gate) = self.filter(GATE)?;
        let pointer = [PLUGIN, pointer].concat();
        filters
            .get_mut(gate)
            .and_then(|gate| gate.pointer_mut(&pointer))
            .ok_or(ConfigError::Missing(pointer))
    }

    /// All filters, and the place of one of them.
    fn filter(&mut self, name: &str) -> Result<(&mut Vec<Value>, usize), ConfigError> {
        let filters = self.list(&[MANAGER, FILTERS].concat())?;
        let place = filters
            .iter()
            .position(|filter| filter.get("name").is_some_and(|found| found == name));
        let place = place.ok_or_else(|| ConfigError::Missing(format!("{FILTERS}/{name}")))?;
        Ok((filters, place))
    }

    fn at(&mut self, pointer: &str) -> Result<&mut Value, ConfigError> {
        self.0
            .pointer_mut(pointer)
            .ok_or_else(|| ConfigError::Missing(pointer.to_owned()))
    }
}

/// Any YAML.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn yaml(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str(text)
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {
                "address": {"socket_address": socket_address(address)},
            }}]}],
        },
    })
}

fn socket_address(address: SocketAddr) -> Value {
    json!({"address": address.ip().to_string(), "port_value": address.port()})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten() -> Value {
        let mut config = Config::reference()
            .and_then(|config| config.on_loopback(0))
            .and_then(|config| config.with_module(Path::new("/m.wasm")))
            .and_then(|config| config.with_access_log(Path::new("/a.log")))
            .and_then(|config| config.with_cluster("zitadel", loopback(7)))
            .and_then(|config| config.with_cluster("upstream", loopback(8)))
            .and_then(|config| config.with_cluster("accounts", loopback(9)))
            .and_then(|config| config.with_issuer("http://127.0.0.1:7"))
            .unwrap();
        config.policy().unwrap()["mounts"] = json!(["/elsewhere"]);
        serde_json::from_str(&config.to_json()).unwrap()
    }

    #[test]
    fn addresses_names_and_paths_are_replaced() {
        let config = rewritten();
        let text = config.to_string();
        for old in [
            "example.com",
            "/etc/",
            "upstream.internal",
            "0.0.0.0",
            "hub-api\"",
            "stdout",
        ] {
            assert!(!text.contains(old), "{old}");
        }
        for (new, times) in [
            ("/m.wasm", 1),
            ("/a.log", 1),
            ("/elsewhere", 1),
            ("\"http://127.0.0.1:7\"", 1),
            ("\"http://127.0.0.1:7/oauth/v2/keys\"", 1),
            ("\"port_value\":0", 2),
            ("\"port_value\":7", 1),
            ("\"port_value\":8", 1),
            ("\"port_value\":9", 1),
        ] {
            assert_eq!(text.matches(new).count(), times, "{new}");
        }
    }

    #[test]
    fn all_else_is_the_reference() {
        let reference = Config::reference().unwrap().0;
        let config = rewritten();
        for same in [
            "/normalize_path",
            "/http_filters/0",
            "/http_filters/1/typed_config/config/failure_policy",
            "/http_filters/1/typed_config/config/configuration/value/caps",
            "/route_config",
        ] {
            let pointer = [MANAGER, same].concat();
            assert_eq!(
                config.pointer(&pointer),
                reference.pointer(&pointer),
                "{same}"
            );
            assert!(config.pointer(&pointer).is_some(), "{same}");
        }
    }

    #[test]
    fn envoy_alone_has_neither_gate_nor_cluster() {
        let config = Config::reference()
            .and_then(Config::without_access_log)
            .and_then(|config| config.with_access_log(Path::new("/a.log")))
            .and_then(|config| config.with_filter(None))
            .and_then(Config::without_cors)
            .and_then(|config| config.with_direct_response("hello"))
            .unwrap()
            .to_json();
        for gone in [
            "tollgate.wasm",
            "cors",
            "zitadel",
            "upstream.internal",
            "a.log",
        ] {
            assert!(!config.contains(gone), "{gone}");
        }
        for there in ["filters.http.router", "hello"] {
            assert!(config.contains(there), "{there}");
        }
    }

    #[test]
    fn a_cluster_that_is_not_there_is_named() {
        let config = Config::reference().unwrap();
        let error = config.with_cluster("other", loopback(1)).unwrap_err();
        assert!(error.to_string().ends_with("clusters/other"), "{error}");
    }
}
