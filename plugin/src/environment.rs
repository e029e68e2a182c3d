//! What the gate is given in the environment.

use tollgate_policy::introspection;

use crate::host::{self, Level};

/// What to show a server in `Authorization`, from this variable; none where it is missing or cannot be sent, which the
/// log says. Its value never does.
pub fn authorization(variable: &str, what_for: &str) -> Option<String> {
    let why = match std::env::var(variable) {
        Ok(value) => match introspection::authorization(&value) {
            Some(authorization) => return Some(authorization),
            None => "it is empty, or has characters that no header can have",
        },
        Err(std::env::VarError::NotUnicode(_)) => "it has characters that no header can have",
        Err(std::env::VarError::NotPresent) => {
            "it is not set for Envoy, or vm_config.environment_variables does not name it"
        }
    };
    let message = format!("tollgate: {what_for}: environment variable {variable}: {why}");
    host::log(Level::Error, &message);
    None
}
