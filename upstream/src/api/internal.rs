//! The internal listener: what the gate asks for. Only the gate has the credential for it.

mod etag;
mod introspect;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, health, no_method, no_route, observe, recipient};
use crate::accounts::snapshot::Snapshot;
use crate::database::Turn;
use crate::identity::{GateCredential, only_the_gate};
use crate::problem::Problem;
use etag::EntityTag;

#[cfg(test)]
pub(super) use introspect::BODY_LIMIT;

/// What the handlers have.
#[derive(Clone)]
pub(super) struct Internal {
    api: Api,
    /// Held by who reads all accounts.
    turn: Turn,
}

pub(crate) fn router(api: Api, gate: GateCredential) -> Router {
    let internal = Internal {
        api,
        turn: Turn::new(),
    };
    Router::from(gate_routes())
        .route_layer(middleware::from_fn_with_state(gate, only_the_gate))
        // From here on, for everybody who reaches the port.
        .merge(open_routes())
        .merge(OpenApiRouter::default().routes(routes!(health::answer)))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(introspect::BODY_LIMIT))
        .layer(middleware::from_fn(recipient::handle))
        .layer(middleware::from_fn(observe::observe))
        .with_state(internal)
}

/// For the gate alone.
pub(super) fn gate_routes() -> OpenApiRouter<Internal> {
    OpenApiRouter::default()
        .routes(routes!(directory))
        .routes(routes!(introspect::introspect))
}

pub(super) fn open_routes() -> OpenApiRouter<Internal> {
    OpenApiRouter::default().routes(routes!(widget_keys))
}

/// All accounts at this moment, as a gate reads them: 304 to whoever has them already.
#[utoipa::path(
    get, path = "/internal/directory", operation_id = "read_directory", tag = "Gate",
    params(("If-None-Match" = Option<String>, Header)),
    security(("gate" = [])),
    responses(
        (status = 200, body = Snapshot,
            headers(("ETag" = String), ("Cache-Control" = String, description = "`no-cache`"))),
        (status = 304, headers(("ETag" = String), ("Cache-Control" = String, description = "`no-cache`"))),
    ),
)]
async fn directory(
    State(internal): State<Internal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let snapshot = {
        let _turn = internal.turn.take().await?;
        Snapshot::read(&internal.api.databases).await?
    };
    let body = serde_json::to_vec(&snapshot).map_err(|error| {
        tracing::error!(%error, "the directory could not be written");
        Problem::internal()
    })?;
    let tag = EntityTag::of(&body);
    // Whoever keeps it asks each time whether it is still the same.
    let validators = [
        (ETAG, tag.to_string()),
        (CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if tag.is_in(&headers) {
        return Ok((StatusCode::NOT_MODIFIED, validators).into_response());
    }
    let content_type = [(CONTENT_TYPE, "application/json")];
    Ok((validators, content_type, body).into_response())
}

/// The keys of the widget's tokens (RFC 7517), which are no secret.
#[utoipa::path(
    get, path = "/internal/widget/jwks", operation_id = "read_widget_jwks", tag = "Gate",
    security(()),
    responses((status = 200, body = Object, content_type = "application/jwk-set+json")),
)]
async fn widget_keys(State(api): State<Api>) -> impl IntoResponse {
    let content_type = [(CONTENT_TYPE, "application/jwk-set+json")];
    (content_type, api.tokens.key_set().to_string())
}

// === impl Internal ===

impl FromRef<Internal> for Api {
    fn from_ref(internal: &Internal) -> Self {
        internal.api.clone()
    }
}
