//! What no real issuer has: any token, new keys, a fault, all on request.
//!
//! | endpoint | takes | gives |
//! |---|---|---|
//! | `POST /dev/token` | a [`Draft`], or nothing: `{"claims": {…}, "header": {"alg": "ES256"}}` | `{"token": …}` |
//! | `POST /dev/rotate` | nothing | `{"kid": …}` of the new RS256 key; all others are new as well |
//! | `POST /dev/fault` | a [`Fault`]: `{"endpoint": "keys", "kind": "hang"}`; `{"kind": "body", "body": {"keys": […]}}` serves that key set; `{"kind": "none"}` ends it | `{}` |
//! | `GET /dev/requests` | | how many requests `keys`, `token` and `discovery` have had |
//! | `GET /dev/service-account` | | the service account's key file |

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use super::fault::Fault;
use super::token::Draft;

/// The endpoints under `/dev`.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/token", post(token))
        .route("/rotate", post(rotate))
        .route("/fault", post(fault))
        .route("/requests", get(requests))
        .route("/service-account", get(service_account))
}

async fn token(State(provider): State<Shared>, body: Bytes) -> Result<Json<Value>, Bad> {
    let draft: Draft = parse(&body)?;
    Ok(Json(json!({"token": provider.mint(&draft)})))
}

async fn rotate(State(provider): State<Shared>) -> Response {
    // Making a key takes a moment in which others want answers.
    let rotated = tokio::task::spawn_blocking(move || provider.rotate()).await;
    match rotated {
        Ok(Ok(kid)) => Json(json!({"kid": kid})).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn fault(State(provider): State<Shared>, body: Bytes) -> Result<Json<Value>, Bad> {
    let fault: Fault = parse(&body)?;
    if !(200..=599).contains(&fault.status) {
        return Err(Bad(format!("status {}: write 200 to 599", fault.status)));
    }
    provider.faults.set(fault);
    Ok(Json(json!({})))
}

async fn requests(State(provider): State<Shared>) -> Json<Value> {
    Json(provider.faults.counts())
}

async fn service_account(State(provider): State<Shared>) -> Json<Value> {
    Json(provider.robot.key_file())
}

/// What was sent cannot be used; a sentence says why.
struct Bad(String);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({"error": self.0}))).into_response()
    }
}

/// JSON whatever the content type says, since `curl -d` says something else; no body is `{}`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Bad> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| Bad(format!("the body cannot be used: {error}")))
}
