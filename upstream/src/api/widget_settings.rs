//! What widgets may do with one agent.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::Api;
use super::agents::{self, AgentId};
use super::body::{Body, invalid};
use super::fields::not_null;
use crate::identity::Account;
use crate::problem::Problem;
use crate::widget::agent::{AuthMode, WidgetSettings};

/// An absent field stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsChange {
    #[serde(default, deserialize_with = "not_null")]
    widget_enabled: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    auth_mode: Option<AuthMode>,
}

/// `GET /api/v1/agents/{id}/widget-settings`
pub(super) async fn read(
    account: Account,
    State(api): State<Api>,
    AgentId(agent): AgentId,
) -> Result<Json<WidgetSettings>, Problem> {
    let database = api.databases.account(&account).await?;
    let settings = WidgetSettings::read(&database, agent).await?;
    settings.map(Json).ok_or_else(agents::not_found)
}

/// `PATCH /api/v1/agents/{id}/widget-settings`: tokens that are out live on until they end.
pub(super) async fn update(
    account: Account,
    State(api): State<Api>,
    AgentId(agent): AgentId,
    Body(change): Body<SettingsChange>,
) -> Result<Json<WidgetSettings>, Problem> {
    if change.widget_enabled.is_none() && change.auth_mode.is_none() {
        return Err(invalid(
            "nothing to change; send `widget_enabled`, `auth_mode` or both",
        ));
    }
    let database = api.databases.account(&account).await?;
    let (enabled, mode) = (change.widget_enabled, change.auth_mode);
    let settings = WidgetSettings::change(&database, agent, enabled, mode).await?;
    settings.map(Json).ok_or_else(agents::not_found)
}
