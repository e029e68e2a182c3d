//! What one account has instead of the gate's configured caps. The gate learns of it from the directory.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio_postgres::Transaction;
use tokio_postgres::types::Type;
use tollgate_policy::account::AccountName;

use super::path::CapPath;
use super::{between, not_found};
use crate::accounts::caps::{CapLimits, Caps, MOST};
use crate::accounts::record::has_database;
use crate::api::Api;
use crate::api::body::Body;
use crate::identity::Administrator;
use crate::problem::Problem;

/// Sets all limits of the cap; what is left out is not the account's own.
#[utoipa::path(
    put, path = "/api/admin/accounts/{account}/caps/{cap}", operation_id = "set_cap", tag = "Administration",
    params(("account" = String, Path), ("cap" = String, Path)),
    request_body = CapLimits,
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 200, body = CapLimits),
        (status = 400, description = "cap_invalid"),
        (status = 404, description = "account_not_found"),
        (status = 409, description = "caps_too_many, account_creating, account_deleting"),
    ),
)]
pub(in crate::api) async fn put_cap(
    administrator: Administrator,
    State(api): State<Api>,
    CapPath { account, cap }: CapPath,
    Body(limits): Body<CapLimits>,
) -> Result<Json<CapLimits>, Problem> {
    let mut system = api.databases.system().await?;
    let transaction = system.transaction().await?;
    lock(&transaction, &account).await?;
    limits.write(&transaction, &account, &cap).await?;
    if Caps::are_too_many(&transaction, &account).await? {
        return Err(too_many());
    }
    transaction.commit().await?;
    tracing::info!(
        account = account.as_str(),
        subject = administrator.account().subject(),
        "an account's own caps were set"
    );
    Ok(Json(limits))
}

/// Leaves the cap to the gate's configuration again.
#[utoipa::path(
    delete, path = "/api/admin/accounts/{account}/caps/{cap}", operation_id = "delete_cap", tag = "Administration",
    params(("account" = String, Path), ("cap" = String, Path)),
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 204),
        (status = 400, description = "cap_invalid"),
        (status = 404, description = "account_not_found, cap_not_found"),
        (status = 409, description = "account_creating, account_deleting"),
    ),
)]
pub(in crate::api) async fn delete_cap(
    administrator: Administrator,
    State(api): State<Api>,
    CapPath { account, cap }: CapPath,
) -> Result<StatusCode, Problem> {
    let mut system = api.databases.system().await?;
    let transaction = system.transaction().await?;
    lock(&transaction, &account).await?;
    let deleted = cap.delete(transaction.client(), &account).await?;
    transaction.commit().await?;
    if deleted {
        tracing::info!(
            account = account.as_str(),
            subject = administrator.account().subject(),
            "an account's own caps were deleted"
        );
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(
            StatusCode::NOT_FOUND,
            "cap_not_found",
            "the account has no such cap of its own",
        ))
    }
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "caps_too_many",
        format!("the account has {MOST} caps of its own, as many as it can have; delete one first"),
    )
}

/// The account, which nobody else changes until the transaction ends.
async fn lock(transaction: &Transaction<'_>, account: &AccountName) -> Result<(), Problem> {
    let select = "select status from accounts where name = $1 for update";
    let row = transaction
        .query_typed_opt(select, &[(&account.as_str(), Type::TEXT)])
        .await?;
    let row = row.ok_or_else(not_found)?;
    let status = row.try_get(0)?;
    if has_database(status) {
        Ok(())
    } else {
        Err(between(status))
    }
}
