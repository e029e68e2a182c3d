//! A filter for tests: verifies the signatures in its configuration as the gate does in the same place, by the host
//! and by the module, and logs what it found. It lets no configuration fail, and serves nobody.
#![allow(unsafe_code, reason = "the host knows the callbacks by their names")]

mod run;

/// The gate's own code, not a copy of it.
#[path = "../../../../plugin/src"]
mod plugin {
    #[allow(dead_code, unused_imports, reason = "the gate uses more of it")]
    pub mod host;
    #[allow(dead_code, reason = "the gate uses more of it")]
    pub mod signature;
}

use plugin::host::{self, Level};
use plugin::signature;

/// Begins the line that has the report, in JSON.
const REPORT: &str = "vectors: ";

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_context: u32, _parent: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(_root: u32, _size: usize) -> u32 {
    // Even where it only validates, Envoy configures several virtual machines. One is enough.
    if !matches!(host::swap_shared_data("vectors", b"taken", None), Ok(true)) {
        return 1;
    }
    let report = host::plugin_configuration()
        .map_err(|error| format!("no configuration: {error:?}"))
        .and_then(|configuration| run::all(&configuration));
    let report = report.unwrap_or_else(|why| serde_json::json!({ "error": why }));
    host::log(Level::Warn, &format!("{REPORT}{report}"));
    1
}
