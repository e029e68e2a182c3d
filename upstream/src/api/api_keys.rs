//! API keys: for programs of an account. Only a user's token makes or changes one, so that a key which leaked cannot
//! make another, nor undo its end.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::body::{Body, invalid};
use super::fields::{self, id_in_path, not_null};
use crate::identity::{Account, User};
use crate::keys::api_key::{ApiKey, NewApiKey};
use crate::keys::{API_KEY, Expiry, Minted};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyRequest, examples(json!({"name": "CI", "expiry": "90d"})))]
pub(super) struct NewKey {
    name: String,
    expiry: Expiry,
}

/// An absent field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyChange, examples(json!({"disabled": true})))]
pub(super) struct KeyChange {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    disabled: Option<bool>,
}

/// All API keys, the newest first.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "list_api_keys", tag = "API keys",
    responses((status = 200, body = Vec<ApiKey>)),
)]
pub(super) async fn list(
    account: Account,
    State(api): State<Api>,
) -> Result<Json<Vec<ApiKey>>, Problem> {
    let system = api.databases.system_of(&account).await?;
    Ok(Json(ApiKey::list(&system, &account).await?))
}

/// Makes an API key. This is the one answer that has its text.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "create_api_key", tag = "API keys",
    request_body = NewKey,
    security(("token" = [], "account" = [])),
    responses(
        (status = 201, body = NewApiKey, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 403, description = "subject_invalid"),
        (status = 409, description = "keys_too_many"),
    ),
)]
pub(super) async fn create(
    user: User,
    State(api): State<Api>,
    Body(new): Body<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    let account = user.account();
    let name = fields::name("name", &new.name)?;
    check_maker(account)?;
    let minted = Minted::new(API_KEY, account, &api.pepper).map_err(no_random)?;
    let mut system = api.databases.system_of(account).await?;
    let created = ApiKey::create(&mut system, account, &name, new.expiry, minted).await??;
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %created.id(),
        "an API key was made"
    );
    let once = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, once, Json(created)))
}

/// Changes what is sent. A disabled key can be enabled again.
#[utoipa::path(
    patch, path = "/api/v1/api-keys/{id}", operation_id = "update_api_key", tag = "API keys",
    params(("id" = Uuid, Path)),
    request_body = KeyChange,
    security(("token" = [], "account" = [])),
    responses((status = 200, body = ApiKey), (status = 404, description = "key_not_found")),
)]
pub(super) async fn update(
    user: User,
    State(api): State<Api>,
    KeyId(id): KeyId,
    Body(change): Body<KeyChange>,
) -> Result<Json<ApiKey>, Problem> {
    let account = user.account();
    if change.name.is_none() && change.disabled.is_none() {
        return Err(invalid(
            "nothing to change; send `name`, `disabled` or both",
        ));
    }
    let name = change.name.as_deref();
    let name = name.map(|name| fields::name("name", name)).transpose()?;
    let system = api.databases.system_of(account).await?;
    let key = ApiKey::change(&system, account, id, name.as_deref(), change.disabled).await?;
    let key = key.ok_or_else(not_found)?;
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %id,
        disabled = change.disabled,
        "an API key was changed"
    );
    Ok(Json(key))
}

/// Deletes an API key, for good.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", operation_id = "delete_api_key", tag = "API keys",
    params(("id" = Uuid, Path)),
    security(("token" = [], "account" = [])),
    responses((status = 204), (status = 404, description = "key_not_found")),
)]
pub(super) async fn delete(
    user: User,
    State(api): State<Api>,
    KeyId(id): KeyId,
) -> Result<StatusCode, Problem> {
    let account = user.account();
    let system = api.databases.system_of(account).await?;
    if !ApiKey::delete(&system, account, id).await? {
        return Err(not_found());
    }
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %id,
        "an API key was deleted"
    );
    Ok(StatusCode::NO_CONTENT)
}

/// The key is kept with who made it, and PostgreSQL's text cannot have NUL. An issuer may write anything.
fn check_maker(account: &Account) -> Result<(), Problem> {
    if account.subject().contains('\0') {
        return Err(Problem::forbidden(
            "subject_invalid",
            "the token's `sub` has the character U+0000, which cannot be stored; use another user's token",
        ));
    }
    Ok(())
}

/// The same for an id that is unknown, another account's, or not an id at all.
pub(super) fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "key_not_found",
        "the account has no such key",
    )
}

pub(super) fn no_random(error: getrandom::Error) -> Problem {
    tracing::error!(%error, "the operating system gives no random bytes");
    Problem::internal()
}

/// A key's id in the path.
pub(super) struct KeyId(pub(super) Uuid);

// === impl KeyId ===

impl<S: Send + Sync> FromRequestParts<S> for KeyId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = id_in_path(parts, state).await;
        id.map(Self).ok_or_else(not_found)
    }
}
