//! Widgets' keys: which pages may show an account's widget. Made and changed by users, as API keys are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use uuid::Uuid;

use super::api_keys::{KeyId, no_random, not_found};
use super::body::{Body, invalid};
use super::fields::{self, not_null};
use super::widget::agent_id;
use super::{Api, agents};
use crate::identity::{Account, User};
use crate::keys::{Minted, WIDGET_KEY};
use crate::problem::Problem;
use crate::widget::agent::WidgetSettings;
use crate::widget::allowlist::Allowlist;
use crate::widget::key::{Change, NewWidgetKey, WidgetKey};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetKeyRequest, examples(json!({"name": "Shop", "domain_allowlist": ["acme.com", "*.acme.com"]})))]
pub(super) struct NewKey {
    name: String,
    /// None: no page, until it is changed.
    #[serde(default)]
    domain_allowlist: Vec<String>,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<String>,
}

/// An absent field stays as it is; `"agent_id": null` takes the agent away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WidgetKeyChange, examples(json!({"domain_allowlist": ["acme.com"], "agent_id": null})))]
pub(super) struct KeyChange {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    domain_allowlist: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    disabled: Option<bool>,
}

/// All widgets' keys, the newest first.
#[utoipa::path(
    get, path = "/api/v1/widget-keys", operation_id = "list_widget_keys", tag = "Widgets",
    responses((status = 200, body = Vec<WidgetKey>)),
)]
pub(super) async fn list(
    account: Account,
    State(api): State<Api>,
) -> Result<Json<Vec<WidgetKey>>, Problem> {
    let system = api.databases.system_of(&account).await?;
    Ok(Json(WidgetKey::list(&system, &account).await?))
}

/// Makes a widget's key. This is the one answer that has its text.
#[utoipa::path(
    post, path = "/api/v1/widget-keys", operation_id = "create_widget_key", tag = "Widgets",
    request_body = NewKey,
    security(("token" = [], "account" = [])),
    responses(
        (status = 201, body = NewWidgetKey, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 404, description = "agent_not_found"),
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
    check(&new.domain_allowlist)?;
    let agent = agent_id(new.agent_id.as_deref())?;
    check_agent(&api, account, agent).await?;
    let minted = Minted::new(WIDGET_KEY, account, &api.pepper).map_err(no_random)?;
    let allowlist = &new.domain_allowlist;
    let mut system = api.databases.system_of(account).await?;
    let created =
        WidgetKey::create(&mut system, account, &name, allowlist, agent, minted).await??;
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %created.id(),
        "a widget's key was made"
    );
    let once = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, once, Json(created)))
}

/// Changes what is sent.
#[utoipa::path(
    patch, path = "/api/v1/widget-keys/{id}", operation_id = "update_widget_key", tag = "Widgets",
    params(("id" = Uuid, Path)),
    request_body = KeyChange,
    security(("token" = [], "account" = [])),
    responses((status = 200, body = WidgetKey), (status = 404, description = "key_not_found, agent_not_found")),
)]
pub(super) async fn update(
    user: User,
    State(api): State<Api>,
    KeyId(id): KeyId,
    Body(change): Body<KeyChange>,
) -> Result<Json<WidgetKey>, Problem> {
    let account = user.account();
    let change = change.validated()?;
    check_agent(&api, account, change.agent.flatten()).await?;
    let system = api.databases.system_of(account).await?;
    let key = WidgetKey::change(&system, account, id, &change).await?;
    let key = key.ok_or_else(not_found)?;
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %id,
        disabled = change.disabled,
        "a widget's key was changed"
    );
    Ok(Json(key))
}

/// Deletes a widget's key, for good.
#[utoipa::path(
    delete, path = "/api/v1/widget-keys/{id}", operation_id = "delete_widget_key", tag = "Widgets",
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
    if !WidgetKey::delete(&system, account, id).await? {
        return Err(not_found());
    }
    tracing::info!(
        account = account.name().as_str(),
        subject = account.subject(),
        key = %id,
        "a widget's key was deleted"
    );
    Ok(StatusCode::NO_CONTENT)
}

/// 404 for an agent that the account does not have. Its connection is given back before another is asked for.
async fn check_agent(api: &Api, account: &Account, agent: Option<Uuid>) -> Result<(), Problem> {
    let Some(agent) = agent else {
        return Ok(());
    };
    let database = api.databases.account(account).await?;
    let found = WidgetSettings::read(&database, agent).await?;
    found.map(drop).ok_or_else(agents::not_found)
}

fn check(domain_allowlist: &[String]) -> Result<(), Problem> {
    let allowlist = Allowlist::parse(domain_allowlist);
    allowlist
        .map(drop)
        .map_err(|error| invalid(error.to_string()))
}

/// A field that is there has been said, also where it is `null`.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

// === impl KeyChange ===

impl KeyChange {
    fn validated(self) -> Result<Change, Problem> {
        let is_empty = self.name.is_none()
            && self.domain_allowlist.is_none()
            && self.agent_id.is_none()
            && self.disabled.is_none();
        if is_empty {
            return Err(invalid(
                "nothing to change; send `name`, `domain_allowlist`, `agent_id` or `disabled`",
            ));
        }
        check(self.domain_allowlist.as_deref().unwrap_or_default())?;
        let name = self.name.as_deref();
        let agent = self.agent_id.as_ref();
        Ok(Change {
            name: name.map(|name| fields::name("name", name)).transpose()?,
            domain_allowlist: self.domain_allowlist,
            agent: agent.map(|agent| agent_id(agent.as_deref())).transpose()?,
            disabled: self.disabled,
        })
    }
}
