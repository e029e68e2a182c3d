//! What a test adds to the reference: clusters, routes, filters behind the gate, another listener.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use super::{
    ADMIN_PORT, BUFFER, CLUSTERS, CONFIGURATION, Config, ConfigError, ENVIRONMENT, FILTERS,
    LISTENER, MANAGER, ROUTES, VM_ID,
};

const RUNTIME: &str = "/layered_runtime/layers/0/static_layer";

impl Config {
    /// With one more cluster for the filter's own questions, at one address, without TLS.
    pub fn and_cluster(mut self, name: &str, address: SocketAddr) -> Result<Self, ConfigError> {
        let clusters = self.list(CLUSTERS)?;
        let is_like = |cluster: &&Value| cluster.get("name").is_some_and(|it| it == "accounts");
        let limit = clusters
            .iter()
            .find(is_like)
            .and_then(|cluster| cluster.get(BUFFER));
        clusters.push(json!({"name": name, BUFFER: limit}));
        self.with_cluster(name, address)
    }

    /// With a route in front of the others.
    pub fn and_route(mut self, route: Value) -> Result<Self, ConfigError> {
        let routes = self.list(&[MANAGER, ROUTES].concat())?;
        routes.insert(0, route);
        Ok(self)
    }

    /// With a filter between the gate and the router.
    pub fn and_filter(mut self, filter: Value) -> Result<Self, ConfigError> {
        let filters = self.list(&[MANAGER, FILTERS].concat())?;
        filters.insert(filters.len().saturating_sub(1), filter);
        Ok(self)
    }

    /// With a filter before all others.
    pub fn and_first_filter(mut self, filter: Value) -> Result<Self, ConfigError> {
        self.list(&[MANAGER, FILTERS].concat())?.insert(0, filter);
        Ok(self)
    }

    /// With the admin interface at this port of loopback.
    pub fn with_admin_port(mut self, port: u16) -> Result<Self, ConfigError> {
        *self.at(ADMIN_PORT)? = json!(port);
        Ok(self)
    }

    /// With nothing in the gate's environment.
    pub fn without_environment(mut self) -> Result<Self, ConfigError> {
        *self.plugin(ENVIRONMENT)? = json!([]);
        Ok(self)
    }

    /// Where Envoy and the filter can call nothing of each other's but this.
    pub fn with_capabilities(mut self, names: &[&str]) -> Result<Self, ConfigError> {
        let allow = |name: &&str| ((*name).to_owned(), json!({}));
        let allowed: Map<_, _> = names.iter().map(allow).collect();
        let restriction = json!({"allowed_capabilities": allowed});
        self.plugin("/vm_config")?["capability_restriction_config"] = restriction;
        Ok(self)
    }

    /// With a body that may come to the gate while it holds the headers back, as some other filters need it.
    pub fn with_bodies_while_headers_wait(mut self) -> Result<Self, ConfigError> {
        self.plugin("")?["allow_on_headers_stop_iteration"] = json!(true);
        Ok(self)
    }

    /// With another limit for what is buffered of a connection.
    pub fn with_buffer(mut self, bytes: u32) -> Result<Self, ConfigError> {
        self.at(LISTENER)?["per_connection_buffer_limit_bytes"] = json!(bytes);
        Ok(self)
    }

    /// With any change to the HTTP connection manager.
    pub fn and_manager(mut self, change: impl FnOnce(&mut Value)) -> Result<Self, ConfigError> {
        change(self.at(MANAGER)?);
        Ok(self)
    }

    /// With one more of Envoy's runtime settings.
    pub fn with_runtime(mut self, name: &str, value: Value) -> Result<Self, ConfigError> {
        self.at(RUNTIME)?[name] = value;
        Ok(self)
    }

    /// With any change to the cluster `name`.
    pub fn change_cluster(
        mut self,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Self, ConfigError> {
        let clusters = self.list(CLUSTERS)?.iter_mut();
        let found = clusters
            .into_iter()
            .find(|cluster| cluster.get("name").is_some_and(|found| found == name))
            .ok_or_else(|| ConfigError::Missing(format!("{CLUSTERS}/{name}")))?;
        change(found);
        Ok(self)
    }

    /// With HTTP/1.1 trailers on both sides of Envoy, which otherwise drops them.
    pub fn with_trailers(self) -> Result<Self, ConfigError> {
        let options = json!({"enable_trailers": true});
        let upstream = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http_protocol_options": options},
        }});
        self.and_manager(|manager| manager["http_protocol_options"] = options)?
            .change_cluster("upstream", |cluster| {
                cluster["typed_extension_protocol_options"] = upstream;
            })
    }

    /// With any message as the plugin's own configuration: a `google.protobuf.Any` in JSON.
    pub fn with_configuration(mut self, any: Value) -> Result<Self, ConfigError> {
        *self.plugin(CONFIGURATION)? = any;
        Ok(self)
    }

    /// With another name for the virtual machines of the gate.
    pub fn with_vm_id(mut self, name: &str) -> Result<Self, ConfigError> {
        *self.plugin(VM_ID)? = json!(name);
        Ok(self)
    }

    /// With workers that take connections in turn, instead of whoever comes first.
    pub fn with_exact_balance(mut self) -> Result<Self, ConfigError> {
        self.at(LISTENER)?["connection_balance_config"] = json!({"exact_balance": {}});
        Ok(self)
    }

    pub(super) fn list(&mut self, pointer: &str) -> Result<&mut Vec<Value>, ConfigError> {
        let list = self.at(pointer)?.as_array_mut();
        list.ok_or_else(|| ConfigError::Missing(pointer.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CORS, GATE};
    use super::*;
    use crate::net::loopback;

    #[test]
    fn additions_are_where_they_belong() {
        let config = Config::reference()
            .and_then(|config| config.and_cluster("more", loopback(9)))
            .and_then(|config| config.and_route(json!({"name": "first"})))
            .and_then(|config| config.and_filter(json!({"name": "between"})))
            .unwrap()
            .0;
        let names = |pointer: &str| -> Vec<Value> {
            let list = config.pointer(pointer).unwrap().as_array().unwrap();
            list.iter().map(|item| item["name"].clone()).collect()
        };
        assert_eq!(names(CLUSTERS).last(), Some(&json!("more")));
        assert_eq!(names(&[MANAGER, ROUTES].concat())[0], "first");
        let filters = names(&[MANAGER, FILTERS].concat());
        assert_eq!(
            filters,
            [CORS, GATE, "between", "envoy.filters.http.router"]
        );
    }
}
