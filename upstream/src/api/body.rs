//! A JSON body, or a problem that says what is wrong with it.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::problem::Problem;

/// A JSON object that was understood.
pub(super) struct Body<T>(pub(super) T);

// === impl Body ===

impl<T, S> FromRequest<S> for Body<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json: Result<Json<Box<RawValue>>, _> = Json::from_request(request, state).await;
        let Json(json) = json.map_err(|rejection| problem(&rejection))?;
        // serde takes an array for an object, field by field. Nobody would mean that.
        if !json.get().starts_with('{') {
            return Err(invalid("the body must be a JSON object"));
        }
        let body = serde_json::from_str(json.get());
        body.map(Self).map_err(|error| invalid(error.to_string()))
    }
}

fn problem(rejection: &JsonRejection) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type_unsupported",
            "send the body as JSON, with `Content-Type: application/json`",
        ),
        JsonRejection::BytesRejection(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                "the body is too large",
            )
        }
        other => invalid(other.body_text()),
    }
}

pub(super) fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    Problem::bad_request("body_invalid", why)
}
