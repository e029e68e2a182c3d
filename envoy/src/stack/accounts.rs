//! The accounts of a stack, made before Envoy starts: so the first directory that the gate fetches has them.

use serde_json::json;
use tollgate_policy::assertion::HEADER;

use super::{ACCOUNTS, StackError};
use crate::client::Origin;
use crate::upstream::assertion;

/// Creates them at the upstream, with the gate's key, as an administrator.
pub(super) fn create(upstream: Origin, key: &str) -> Result<(), StackError> {
    for account in ACCOUNTS {
        let refused = |answer| StackError::Account { account, answer };
        let assertion = assertion(key, account, true);
        let assertion = assertion.ok_or_else(|| refused("no assertion can be made".to_owned()))?;
        let answer = upstream
            .post("/api/admin/accounts")
            .header(HEADER, &assertion)
            .json(&json!({"name": account}))
            .send()
            .map_err(|error| refused(error.to_string()))?;
        if answer.status != 201 {
            return Err(refused(format!("{} {}", answer.status, answer.text())));
        }
    }
    Ok(())
}
