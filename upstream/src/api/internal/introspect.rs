//! `POST /internal/introspect`: RFC 7662, for API keys.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use tollgate_policy::credential;
use url::form_urlencoded;
use utoipa::ToSchema;

use super::Api;
use crate::keys::introspection::Introspection;
use crate::problem::Problem;

/// The largest body, in bytes: any credential that the gate takes, percent-encoded, and some room.
pub(in crate::api) const BODY_LIMIT: usize = 4 * credential::MAX_BYTES;

const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked. Other fields change nothing (RFC 7662 §2.1).
#[derive(ToSchema)]
#[schema(examples(json!({"token": "sk_live_acme_…"})))]
#[expect(dead_code, reason = "described only")]
struct IntrospectionRequest {
    token: String,
}

/// Whether the key may be used now, and whose it is (RFC 7662). Where that cannot be told, 503 and never `inactive`.
#[utoipa::path(
    post, path = "/internal/introspect", operation_id = "introspect", tag = "Gate",
    request_body(content = IntrospectionRequest, content_type = FORM),
    security(("gate" = [])),
    responses(
        (status = 200, body = Introspection, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 400, description = "invalid_request"),
        (status = 413, description = "body_too_large"),
        (status = 415, description = "media_type_unsupported"),
    ),
)]
pub(super) async fn introspect(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    if !is_form(&headers) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media_type_unsupported",
            "send a form, with `Content-Type: application/x-www-form-urlencoded`",
        ));
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body is too large",
        ),
        _ => invalid("the body was not received"),
    })?;
    let token = token(&body).ok_or_else(|| invalid("send `token`, once"))?;
    let holder = api.key_holders.of_key(token.as_bytes()).await?;
    let fresh = [(CACHE_CONTROL, "no-store")];
    Ok((fresh, Json(Introspection::from(holder))))
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|found| found.trim().eq_ignore_ascii_case(FORM))
}

/// The one `token`. Other parameters, such as `token_type_hint`, change nothing (RFC 7662 §2.1).
fn token(form: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let mut tokens = form_urlencoded::parse(form).filter(|(name, _)| name == "token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) if !token.is_empty() => Some(token),
        _ => None,
    }
}

fn invalid(why: &'static str) -> Problem {
    // The name that OAuth has for it (RFC 6749 §5.2).
    Problem::bad_request("invalid_request", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_token() {
        let table = [
            ("token=a", Some("a")),
            ("token=a%5Fb+c", Some("a_b c")),
            ("token_type_hint=access_token&token=a&x", Some("a")),
            ("token=a&token=a", None),
            ("token=&token=a", None),
            ("token=", None),
            ("token", None),
            ("Token=a", None),
            ("", None),
        ];
        for (form, expected) in table {
            assert_eq!(token(form.as_bytes()).as_deref(), expected, "{form:?}");
        }
    }
}
