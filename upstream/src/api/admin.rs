//! What administrators of the platform do.

mod caps;
mod limits;
mod path;

pub(super) use caps::{delete_cap, put_cap};
pub(super) use limits::{call_limits, put_call_limits};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::Api;
use super::body::Body;
use crate::accounts::creation::Created;
use crate::accounts::name;
use crate::accounts::record::{Record, Status};
use crate::identity::Administrator;
use crate::problem::Problem;
use path::AccountPath;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    name: String,
    /// The PostgreSQL server to make it on; none is the first.
    #[serde(default)]
    server: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountChange {
    status: Status,
}

/// `POST /api/admin/accounts`
pub(super) async fn create_account(
    administrator: Administrator,
    State(api): State<Api>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let name = name::parse(&new.name)?;
    let server = api.databases.servers.choose(new.server.as_deref())?;
    let created = api.creation.create(&administrator, name, server).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// `GET /api/admin/accounts/{account}`
pub(super) async fn account(
    _: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
) -> Result<Json<Record>, Problem> {
    let system = api.databases.system().await?;
    let record = Record::read(&system, &name).await?;
    record.map(Json).ok_or_else(not_found)
}

/// `PATCH /api/admin/accounts/{account}`: requests that come after this are held against the new status.
pub(super) async fn change_account(
    administrator: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
    Body(change): Body<AccountChange>,
) -> Result<Json<Record>, Problem> {
    let system = api.databases.system().await?;
    let changed = change.status.give_to(&system, &name).await?;
    let record = Record::read(&system, &name).await?.ok_or_else(not_found)?;
    if !changed {
        return Err(creating());
    }
    tracing::info!(
        account = name.as_str(),
        status = change.status.as_str(),
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

fn creating() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "account_creating",
        "the account is still being created; try again when it is active",
    )
}
