//! The directory of accounts.

use super::{Result, between, source, uri, variable, wrong};
use crate::directory::Remote;
use crate::fetching::LONGEST_WAIT;

pub(super) fn remote(source: source::Directory) -> Result<Remote> {
    let at = |field: &str| format!("accounts.directory.{field}");
    let cluster = source.cluster.ok_or_else(|| {
        let message = "missing; write the Envoy cluster that reaches the directory";
        wrong(at("cluster"), message)
    })?;
    if cluster.is_empty() {
        return Err(wrong(at("cluster"), "write the name of an Envoy cluster"));
    }
    let written = source
        .uri
        .ok_or_else(|| wrong(at("uri"), "missing; write where the directory is"))?;
    Ok(Remote {
        cluster,
        uri: uri(&written, at("uri"))?,
        refresh: between(source.refresh, 1, 86_400, &at("refresh"))?,
        timeout: between(source.timeout, 1, 60, &at("timeout"))?,
        max_wait: between(source.max_wait, 0, LONGEST_WAIT.as_secs(), &at("max_wait"))?,
        authorization_env: source
            .authorization_env
            .map(|name| variable(name, at("authorization_env")))
            .transpose()?,
    })
}
