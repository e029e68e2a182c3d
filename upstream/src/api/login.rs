//! The legacy login: a mock, for development only. Real users log in with the issuer.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use crate::problem::Problem;

/// `POST /api/login`
pub(super) async fn log_in(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    if !api.dev {
        return Err(Problem::forbidden(
            "login_disabled",
            "this login is for development only; get a token from the issuer",
        ));
    }
    // No credential is made here: whoever wants one is told where it comes from.
    Ok(Json(json!({"mock": true, "issuer": api.issuer.url()})))
}
