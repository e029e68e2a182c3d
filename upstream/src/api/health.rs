//! Whether the service can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Api;
use crate::database::DatabaseError;
use crate::problem::Problem;

/// Shorter than the patience of those who ask.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Whether the service can do its work.
#[utoipa::path(
    get, path = "/healthz", operation_id = "read_health", tag = "Operation",
    security(()),
    responses((status = 200, body = Health)),
)]
pub(super) async fn answer(State(api): State<Api>) -> Result<Json<Health>, Problem> {
    match timeout(PATIENCE, ask(&api)).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(DatabaseError::Busy.into()),
    }
    Ok(Json(Health { status: "ok" }))
}

async fn ask(api: &Api) -> Result<(), DatabaseError> {
    Ok(api
        .databases
        .system()
        .await?
        .batch_execute("select")
        .await?)
}
