//! What administrators of the platform do.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::Api;
use super::body::Body;
use crate::accounts::creation::Created;
use crate::accounts::name;
use crate::identity::Administrator;
use crate::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    name: String,
}

/// `POST /api/admin/accounts`
pub(super) async fn create_account(
    administrator: Administrator,
    State(api): State<Api>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<Created>), Problem> {
    let name = name::parse(&new.name)?;
    let created = api.creation.create(&administrator, name).await?;
    Ok((StatusCode::CREATED, Json(created)))
}
