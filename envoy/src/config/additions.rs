//! What a test adds to the reference: clusters, routes, filters behind the gate, another listener.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{CLUSTERS, Config, ConfigError, FILTERS, LISTENER, MANAGER, ROUTES, cluster};

impl Config {
    /// With one more cluster, at one address, without TLS.
    pub fn and_cluster(mut self, name: &str, address: SocketAddr) -> Result<Self, ConfigError> {
        let clusters = self.list(CLUSTERS)?;
        clusters.push(cluster(name, address));
        Ok(self)
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
