//! The accounts of a stack, made before Envoy starts: so the first directory that the gate fetches has them.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind, HEADER};

use super::{ACCOUNTS, StackError};
use crate::client::Origin;
use crate::upstream::ASSERTION_AUDIENCE;

/// Creates them at the upstream, with the gate's key, as an administrator.
pub(super) fn create(upstream: Origin, key: &str) -> Result<(), StackError> {
    for account in ACCOUNTS {
        let refused = |answer| StackError::Account { account, answer };
        let assertion = assertion(account, key);
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

fn assertion(account: &str, key: &str) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let assertion = Assertion {
        account: AccountName::parse(account.as_bytes())?,
        subject: "the stack".to_owned(),
        admin: true,
        credential: CredentialKind::Jwt,
    };
    let key = AssertionKey::new(key.as_bytes()).ok()?;
    key.sign(&assertion, ASSERTION_AUDIENCE, now.as_secs(), 60)
}
