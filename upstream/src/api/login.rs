//! The legacy login: a mock, for development only. Real users log in with the issuer.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
pub(super) struct MockLogin {
    mock: bool,
    /// Where tokens come from.
    issuer: String,
}

/// The legacy login: a mock, in development only.
#[utoipa::path(
    post, path = "/api/login", operation_id = "log_in", tag = "Public",
    security(()),
    responses((status = 200, body = MockLogin), (status = 403, description = "login_disabled")),
)]
pub(super) async fn log_in(State(api): State<Api>) -> Result<Json<MockLogin>, Problem> {
    if !api.dev {
        return Err(Problem::forbidden(
            "login_disabled",
            "this login is for development only; get a token from the issuer",
        ));
    }
    // No credential is made here: whoever wants one is told where it comes from.
    Ok(Json(MockLogin {
        mock: true,
        issuer: api.issuer.url().to_owned(),
    }))
}
