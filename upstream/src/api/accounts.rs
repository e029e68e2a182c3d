//! What a login page may know before anybody has a token.

use axum::Json;
use axum::extract::{RawPathParams, State};
use serde::Serialize;
use tollgate_policy::account::AccountName;
use tollgate_policy::refusal::Code;
use utoipa::ToSchema;

use super::Api;
use crate::accounts::directory::{self, Listed, Standing};
use crate::accounts::name;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
pub(super) struct Validity {
    account: String,
    valid: bool,
}

/// Active accounts, by name: for a login page, and a thousand at most.
#[utoipa::path(
    get, path = "/api/accounts", operation_id = "list_public_accounts", tag = "Public",
    security(()),
    responses((status = 200, body = Vec<Listed>)),
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Vec<Listed>>, Problem> {
    let _turn = api.look_ups.take().await?;
    Ok(Json(directory::listed(&api.databases).await?))
}

/// Whether there is an active account of that name.
#[utoipa::path(
    get, path = "/api/accounts/validate/{account}", operation_id = "validate_account", tag = "Public",
    params(("account" = String, Path)),
    security(()),
    responses((status = 200, body = Validity), (status = 400, description = "account_invalid")),
)]
pub(super) async fn validate(
    State(api): State<Api>,
    parameters: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
) -> Result<Json<Validity>, Problem> {
    let malformed =
        || Problem::bad_request(Code::AccountInvalid.as_str(), Code::AccountInvalid.detail());
    let parameters = parameters.map_err(|_| malformed())?;
    let (_, account) = parameters.iter().next().ok_or_else(malformed)?;
    let name = AccountName::parse(account.as_bytes()).ok_or_else(malformed)?;
    let valid = !name::is_reserved(&name) && {
        let _turn = api.look_ups.take().await?;
        let standing = directory::standing(&api.databases, &name).await?;
        matches!(standing, Standing::Active(_))
    };
    Ok(Json(Validity {
        account: name.to_string(),
        valid,
    }))
}
