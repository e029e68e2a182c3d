//! What the gate is given in the environment.

use tollgate_policy::introspection;

use crate::host::{self, Level};
use crate::news;

/// Why there is no such variable.
pub const MISSING: &str =
    "it is not set for Envoy, or vm_config.environment_variables does not name it";

/// Why nobody knows.
pub const UNREADABLE: &str = "the environment cannot be read";

/// What to show a server in `Authorization`, from this variable; none where it is missing or cannot be sent, which the
/// log says. Its value never does.
pub fn authorization(variable: &str, what_for: &str) -> Option<String> {
    let why = match host::variable(variable) {
        Ok(Some(value)) => match str::from_utf8(&value)
            .ok()
            .and_then(introspection::authorization)
        {
            Some(authorization) => {
                found(what_for);
                return Some(authorization);
            }
            None => "it is empty, or has characters that no header can have",
        },
        Ok(None) => MISSING,
        Err(_) => UNREADABLE,
    };
    missed(variable, what_for, why);
    None
}

/// Says of a variable what is wrong with it, once for all workers; never its value.
pub fn missed(variable: &str, what_for: &str, why: &str) {
    if news::is_news(
        &subject(what_for),
        [variable, ": ", why].concat().as_bytes(),
    ) {
        let message = format!("tollgate: {what_for}: environment variable {variable}: {why}");
        host::log(Level::Error, &message);
    }
}

/// Notes that what it is for has its variable: should one be missed again, that is news.
pub fn found(what_for: &str) {
    news::is_news(&subject(what_for), b"found");
}

fn subject(what_for: &str) -> String {
    ["variable.", what_for].concat()
}
