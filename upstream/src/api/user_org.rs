//! `GET /api/user/org`: whose token is this? Public for the gate, so the token is verified here.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

use super::Api;
use crate::issuer::{Identity, Unverified};
use crate::problem::Problem;

const CHALLENGE: &str = "Bearer realm=\"tollgate\"";
const INVALID: &str = "Bearer realm=\"tollgate\", error=\"invalid_token\"";

/// `GET /api/user/org`
pub(super) async fn answer(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Json<Identity>, Problem> {
    let token = bearer(&headers)?;
    Ok(Json(api.issuer.verify(token).await?))
}

/// The one bearer token (RFC 6750 §2.1; the scheme's case does not matter, RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || {
        Problem::unauthorized(
            "token_missing",
            "send one `Authorization: Bearer` header",
            CHALLENGE,
        )
    };
    let mut values = headers.get_all("authorization").iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Problem::unauthorized(
            "token_duplicate",
            "only one credential may be sent",
            CHALLENGE,
        ));
    }
    let value = value.to_str().map_err(|_| missing())?;
    let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(missing())
    }
}

impl From<Unverified> for Problem {
    fn from(why: Unverified) -> Self {
        match why {
            Unverified::Keys => Self::unavailable(
                "keys_unavailable",
                "the issuer's keys cannot be had at the moment",
                1,
            ),
            Unverified::Token(why) => Self::unauthorized("token_invalid", why, INVALID),
        }
    }
}
