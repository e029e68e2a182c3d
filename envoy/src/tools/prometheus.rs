//! Prometheus: `$TOLLGATE_PROMETHEUS`, else what PATH has, else Debian's package; `promtool` stands beside it.

use std::path::PathBuf;

use super::debian::Package;
use super::{ToolError, Tools};

const PACKAGE: Package = Package {
    what: "Prometheus",
    name: "prometheus",
    variable: "TOLLGATE_PROMETHEUS",
    program: "usr/bin/prometheus",
    companion: Some("usr/bin/promtool"),
    libraries: &[],
    size: "19 MB",
    instead: "install Prometheus (Debian: `apt install prometheus`)",
};

impl Tools {
    /// Prometheus's program.
    pub fn prometheus(&self) -> Result<PathBuf, ToolError> {
        Ok(self.debian(&PACKAGE)?.program)
    }
}
