//! `GET /api/user/org`: whose token is this? Public for the gate, so the token is verified here.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use tollgate_policy::credential;
use tollgate_policy::request::Field;

use super::Api;
use crate::issuer::Identity;
use crate::problem::Problem;

/// What verifying a token may end in.
const TOKEN_REFUSALS: &str = "token_missing, token_duplicate, token_too_large, token_malformed, token_algorithm, \
    token_issuer, token_audience, token_party, token_expired, token_not_yet_valid, token_lifetime, token_key, \
    token_signature";

/// Whose token it is. Public at the gate: the token is verified here.
#[utoipa::path(
    get, path = "/api/user/org", operation_id = "read_user_org", tag = "Public",
    security(("token" = [])),
    responses(
        (status = 200, body = Identity),
        (status = 401, description = TOKEN_REFUSALS),
        (status = 503, description = "keys_unavailable, verification_busy"),
    ),
)]
pub(super) async fn answer(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Json<Identity>, Problem> {
    let token = credential::bearer(authorization(&headers))?;
    Ok(Json(api.issuer.verify(token).await?))
}

pub(super) fn authorization(headers: &HeaderMap) -> Field<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Field::Missing,
        (Some(value), None) => Field::One(value.as_bytes()),
        (Some(_), Some(_)) => Field::Many,
    }
}
