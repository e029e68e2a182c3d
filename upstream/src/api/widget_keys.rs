//! Widgets' keys: which pages may show an account's widget. Made and changed by users, as API keys are.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::{Deserialize, Deserializer};
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
use crate::widget::key::{Change, WidgetKey};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    name: String,
    /// None: no page, until it is changed.
    #[serde(default)]
    domain_allowlist: Vec<String>,
    #[serde(default)]
    agent_id: Option<String>,
}

/// An absent field stays as it is; `"agent_id": null` takes the agent away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyChange {
    #[serde(default, deserialize_with = "not_null")]
    name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    domain_allowlist: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    agent_id: Option<Option<String>>,
    #[serde(default, deserialize_with = "not_null")]
    disabled: Option<bool>,
}

/// `GET /api/v1/widget-keys`: all of them, the newest first.
pub(super) async fn list(
    account: Account,
    State(api): State<Api>,
) -> Result<Json<Vec<WidgetKey>>, Problem> {
    let system = api.databases.system_of(&account).await?;
    Ok(Json(WidgetKey::list(&system, &account).await?))
}

/// `POST /api/v1/widget-keys`: the one answer that has the key's text.
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
        "a widget's key was made"
    );
    let once = [(CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, once, Json(created)))
}

/// `PATCH /api/v1/widget-keys/{id}`
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

/// `DELETE /api/v1/widget-keys/{id}`
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
