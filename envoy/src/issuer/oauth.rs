//! The token endpoint (RFC 6749 §4.4, RFC 7523 §2.1), for service accounts.

use axum::extract::{Form, FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::fault::Endpoint;
use super::token::LIFETIME;
use super::{Provider, Shared, now};

/// A key's owner asks for a token.
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A secret's owner asks for one.
pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: Option<String>,
    #[serde(default)]
    scope: String,
    assertion: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// RFC 6749 §5.2.
struct Refusal {
    error: &'static str,
    description: &'static str,
}

pub(super) async fn token(State(provider): State<Shared>, request: Request) -> Response {
    let headers = request.headers().clone();
    let answer = match Form::from_request(request, &()).await {
        Ok(Form(request)) => grant(&provider, &headers, &request)
            .map_or_else(IntoResponse::into_response, |()| {
                tokens(&provider, &request)
            }),
        Err(_) => invalid_request("send application/x-www-form-urlencoded, each field once")
            .into_response(),
    };
    provider.faults.meet(Endpoint::Token, answer).await
}

/// Whether the caller has shown that it is the service account.
fn grant(provider: &Provider, headers: &HeaderMap, request: &TokenRequest) -> Result<(), Refusal> {
    match request.grant_type.as_deref() {
        Some(JWT_BEARER) => {
            let assertion = request.assertion.as_deref();
            let assertion = assertion.ok_or(invalid_request("`assertion` is missing"))?;
            let checked = provider.robot.check(assertion, &provider.url, now());
            checked.map_err(|description| Refusal {
                error: "invalid_grant",
                description,
            })
        }
        Some(CLIENT_CREDENTIALS) => {
            let credentials = basic(headers)
                .or_else(|| request.client_id.clone().zip(request.client_secret.clone()));
            match credentials {
                Some((id, secret)) if provider.robot.has_secret(&id, &secret) => Ok(()),
                _ => Err(Refusal {
                    error: "invalid_client",
                    description: "send the client's id and secret, by HTTP Basic or in the form",
                }),
            }
        }
        Some(_) => Err(Refusal {
            error: "unsupported_grant_type",
            description: "only client_credentials and the JWT bearer grant are supported",
        }),
        None => Err(invalid_request("`grant_type` is missing")),
    }
}

fn tokens(provider: &Provider, request: &TokenRequest) -> Response {
    let draft = provider.robot.draft();
    let mut body = json!({
        "access_token": provider.mint(&draft),
        "token_type": "Bearer",
        "expires_in": LIFETIME,
    });
    if request.scope.split(' ').any(|scope| scope == "openid") {
        let id_token = provider.mint(&draft);
        if let Some(body) = body.as_object_mut() {
            body.insert("id_token".to_owned(), id_token.into());
        }
    }
    ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// User and password by HTTP Basic. (RFC 6749 §2.3.1 has them form-encoded first; ours have nothing to encode.)
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

const fn invalid_request(description: &'static str) -> Refusal {
    Refusal {
        error: "invalid_request",
        description,
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        let headers = [(CACHE_CONTROL, "no-store")];
        if self.error == "invalid_client" {
            let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"issuer\"")];
            return (StatusCode::UNAUTHORIZED, headers, challenge, Json(body)).into_response();
        }
        (StatusCode::BAD_REQUEST, headers, Json(body)).into_response()
    }
}
