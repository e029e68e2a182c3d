//! What administrators of the platform do.

pub(super) mod caps;
pub(super) mod lifecycle;
pub(super) mod limits;
pub(super) mod list;
mod path;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Api;
use super::body::{Body, invalid};
use crate::accounts::record::{Record, Status};
use crate::identity::Administrator;
use crate::problem::Problem;
use path::AccountPath;
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"status": "suspended"})))]
pub(super) struct AccountChange {
    #[schema(required, nullable = false)]
    status: Option<Status>,
    /// There to be refused with the reason.
    #[schema(ignore)]
    name: Option<IgnoredAny>,
}

/// One account, with its own caps.
#[utoipa::path(
    get, path = "/api/admin/accounts/{account}", operation_id = "read_account", tag = "Administration",
    params(("account" = String, Path)),
    security(("token" = [], "account" = [], "admin" = [])),
    responses((status = 200, body = Record), (status = 404, description = "account_not_found")),
)]
pub(super) async fn account(
    _: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
) -> Result<Json<Record>, Problem> {
    let system = api.databases.system().await?;
    let record = Record::read(&system, &name).await?;
    record.map(Json).ok_or_else(not_found)
}

/// Suspends an account, or lets it go on: requests that come after this are held against the new status.
#[utoipa::path(
    patch, path = "/api/admin/accounts/{account}", operation_id = "update_account", tag = "Administration",
    params(("account" = String, Path)),
    request_body = AccountChange,
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 200, body = Record),
        (status = 400, description = "account_not_renamed"),
        (status = 404, description = "account_not_found"),
        (status = 409, description = "account_creating, account_deleting"),
    ),
)]
pub(super) async fn change_account(
    administrator: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
    Body(change): Body<AccountChange>,
) -> Result<Json<Record>, Problem> {
    if change.name.is_some() {
        return Err(renamed());
    }
    let status = change
        .status
        .ok_or_else(|| invalid("missing field `status`"))?;
    let system = api.databases.system().await?;
    let changed = status.give_to(&system, &name).await?;
    let record = Record::read(&system, &name).await?.ok_or_else(not_found)?;
    if !changed {
        return Err(between(record.status()));
    }
    tracing::info!(
        account = name.as_str(),
        status = status.as_str(),
        subject = administrator.account().subject(),
        "an account's status was set"
    );
    Ok(Json(record))
}

/// Other than for a caller's own account: an administrator names any, and this is what the path names.
fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "account_not_found",
        "there is no such account",
    )
}

fn renamed() -> Problem {
    Problem::bad_request(
        "account_not_renamed",
        "an account keeps its name: its database has it, and so have its keys and tokens; create another account",
    )
}

/// For an account that has no database yet, or no longer.
fn between(status: &str) -> Problem {
    if status == "deleting" {
        let detail = "the account is being deleted";
        return Problem::new(StatusCode::CONFLICT, "account_deleting", detail);
    }
    Problem::new(
        StatusCode::CONFLICT,
        "account_creating",
        "the account is still being created; try again when it is active",
    )
}
