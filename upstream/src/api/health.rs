//! Whether the service can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Api;
use crate::database::DatabaseError;
use crate::problem::Problem;

/// Shorter than the patience of those who ask.
const PATIENCE: Duration = Duration::from_secs(2);

/// `GET /healthz`
pub(super) async fn answer(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    match timeout(PATIENCE, ask(&api)).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(DatabaseError::Busy.into()),
    }
    Ok(Json(json!({"status": "ok"})))
}

async fn ask(api: &Api) -> Result<(), DatabaseError> {
    Ok(api
        .databases
        .system()
        .await?
        .batch_execute("select")
        .await?)
}
