//! The accounts and caps that administrators name in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use tollgate_policy::account::AccountName;
use tollgate_policy::refusal::Code;

use crate::accounts::caps::CapName;
use crate::accounts::name;
use crate::problem::Problem;

/// `{account}` in the path: the name of an account that could exist.
pub(in crate::api) struct AccountPath(pub(super) AccountName);

/// `{account}` and `{cap}`.
pub(in crate::api) struct CapPath {
    pub(super) account: AccountName,
    pub(super) cap: CapName,
}

// === impl AccountPath ===

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = parameters(parts, state).await?;
        Ok(Self(name::parse(named(&parameters, "account"))?))
    }
}

// === impl CapPath ===

impl<S: Send + Sync> FromRequestParts<S> for CapPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = parameters(parts, state).await?;
        let account = name::parse(named(&parameters, "account"))?;
        let cap = CapName::parse(named(&parameters, "cap")).ok_or_else(|| {
            Problem::bad_request(
                "cap_invalid",
                "a cap's name has 1 to 64 letters, digits, `-` and `_`",
            )
        })?;
        Ok(Self { account, cap })
    }
}

async fn parameters<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<RawPathParams, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, state).await;
    // Not UTF-8.
    parameters.map_err(|_| Code::AccountInvalid.into())
}

/// Decoded; empty, which is no name of anything, where the route has no such parameter.
fn named<'a>(parameters: &'a RawPathParams, name: &str) -> &'a str {
    let mut named = parameters.iter().filter(|(found, _)| *found == name);
    named.next().map_or("", |(_, value)| value)
}
