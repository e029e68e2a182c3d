//! The limits that an account's calls have.

use axum::Json;
use axum::extract::State;
use tollgate_policy::account::AccountName;

use super::path::AccountPath;
use super::{between, not_found};
use crate::accounts::record::Record;
use crate::api::Api;
use crate::api::body::Body;
use crate::calls::CallLimits;
use crate::database::Server;
use crate::identity::Administrator;
use crate::pool::Lease;
use crate::problem::Problem;

/// The limits of the account's calls.
#[utoipa::path(
    get, path = "/api/admin/accounts/{account}/call-limits",
    operation_id = "read_account_call_limits", tag = "Administration",
    params(("account" = String, Path)),
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 200, body = CallLimits),
        (status = 404, description = "account_not_found"),
        (status = 409, description = "account_creating, account_deleting"),
    ),
)]
pub(in crate::api) async fn call_limits(
    _: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
) -> Result<Json<CallLimits>, Problem> {
    let database = database(&api, &name).await?;
    Ok(Json(CallLimits::read(&database).await?))
}

/// Sets all four.
#[utoipa::path(
    put, path = "/api/admin/accounts/{account}/call-limits",
    operation_id = "set_account_call_limits", tag = "Administration",
    params(("account" = String, Path)),
    request_body = CallLimits,
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 200, body = CallLimits),
        (status = 404, description = "account_not_found"),
        (status = 409, description = "account_creating, account_deleting"),
    ),
)]
pub(in crate::api) async fn put_call_limits(
    administrator: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
    Body(limits): Body<CallLimits>,
) -> Result<Json<CallLimits>, Problem> {
    let database = database(&api, &name).await?;
    let written = limits.write(&database).await?;
    tracing::info!(
        account = name.as_str(),
        subject = administrator.account().subject(),
        "an account's call limits were set"
    );
    Ok(Json(written))
}

/// The account's own database, also when it is suspended: that is when an administrator has to do with it.
async fn database(api: &Api, name: &AccountName) -> Result<Lease<Server>, Problem> {
    let record = Record::read(&*api.databases.system().await?, name).await?;
    let record = record.ok_or_else(not_found)?;
    let account = record.registered();
    let account = account.ok_or_else(|| between(record.status()))?;
    Ok(api.databases.registered(&account).await?)
}
