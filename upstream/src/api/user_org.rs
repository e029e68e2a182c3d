//! `GET /api/user/org`: whose token is this? Public for the gate, so the token is verified here.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use tollgate_policy::credential;
use tollgate_policy::request::Field;

use super::Api;
use crate::issuer::Identity;
use crate::problem::Problem;

/// `GET /api/user/org`
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
