//! A filter for tests: verifies the signatures in its configuration as the gate does in the same place, by the host
//! and by the module, and logs what it found. It lets no configuration fail, and serves nobody.
#![allow(
    unsafe_code,
    missing_docs,
    reason = "proxy_wasm::main! exports `_initialize`"
)]

mod run;

/// The gate's own code, not a copy of it.
#[path = "../../../../plugin/src"]
mod plugin {
    #[allow(dead_code, reason = "the gate uses more of it")]
    pub mod host;
    #[allow(dead_code, reason = "the gate uses more of it")]
    pub mod signature;
}

use plugin::host::{self, Level};
use plugin::signature;
use proxy_wasm::traits::{Context, RootContext};

/// Begins the line that has the report, in JSON.
const REPORT: &str = "vectors: ";

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Vectors));
}}

struct Vectors;

impl Context for Vectors {}

impl RootContext for Vectors {
    fn on_configure(&mut self, _size: usize) -> bool {
        // Even where it only validates, Envoy configures several virtual machines. One is enough.
        if !matches!(host::swap_shared_data("vectors", b"taken", None), Ok(true)) {
            return true;
        }
        let report = host::plugin_configuration()
            .map_err(|error| format!("no configuration: {error:?}"))
            .and_then(|configuration| run::all(&configuration));
        let report = report.unwrap_or_else(|why| serde_json::json!({ "error": why }));
        host::log(Level::Warn, &format!("{REPORT}{report}"));
        true
    }
}
