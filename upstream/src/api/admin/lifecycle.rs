//! Accounts come and go.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::path::AccountPath;
use crate::accounts::lifecycle::Created;
use crate::accounts::name;
use crate::api::Api;
use crate::api::body::Body;
use crate::identity::Administrator;
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"name": "globex"})))]
pub(in crate::api) struct NewAccount {
    name: String,
    /// The PostgreSQL server to make it on; none is the first.
    #[serde(default)]
    server: Option<String>,
}

/// In the query and not in a body, which on a DELETE has no meaning (RFC 9110 §9.3.5), and which proxies may drop.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Confirmation {
    /// The account's name again.
    confirm: String,
}

/// Makes an account, and its database.
#[utoipa::path(
    post, path = "/api/admin/accounts", operation_id = "create_account", tag = "Administration",
    request_body = NewAccount,
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 201, body = Created),
        (status = 400, description = "server_unknown"),
        (status = 409, description = "account_exists"),
    ),
)]
pub(in crate::api) async fn create_account(
    administrator: Administrator,
    State(api): State<Api>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let name = name::parse(&new.name)?;
    let server = api.databases.servers.choose(new.server.as_deref())?;
    let created = api.lifecycle.create(&administrator, name, server).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Deletes the account with all that it has, for good.
#[utoipa::path(
    delete, path = "/api/admin/accounts/{account}", operation_id = "delete_account", tag = "Administration",
    params(("account" = String, Path), Confirmation),
    security(("token" = [], "account" = [], "admin" = [])),
    responses(
        (status = 204),
        (status = 400, description = "confirmation_missing"),
        (status = 404, description = "account_not_found"),
    ),
)]
pub(in crate::api) async fn delete_account(
    administrator: Administrator,
    State(api): State<Api>,
    AccountPath(name): AccountPath,
    confirmation: Result<Query<Confirmation>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let confirmed = confirmation.is_ok_and(|Query(said)| said.confirm == name.as_str());
    if !confirmed {
        return Err(Problem::bad_request(
            "confirmation_missing",
            "this deletes the account and all that it has, for good; repeat its name as `?confirm=NAME`",
        ));
    }
    api.lifecycle.delete(&administrator, name).await?;
    Ok(StatusCode::NO_CONTENT)
}
