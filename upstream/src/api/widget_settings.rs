//! What widgets may do with one agent.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::agents::{self, AgentId};
use super::body::{Body, invalid};
use super::fields::not_null;
use crate::identity::Account;
use crate::problem::Problem;
use crate::widget::agent::{AuthMode, WidgetSettings};

/// An absent field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"auth_mode": "guest"})))]
pub(super) struct SettingsChange {
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    widget_enabled: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    #[schema(nullable = false)]
    auth_mode: Option<AuthMode>,
}

/// What widgets may do with the agent.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}/widget-settings", operation_id = "read_widget_settings", tag = "Widgets",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = WidgetSettings), (status = 404, description = "agent_not_found")),
)]
pub(super) async fn read(
    account: Account,
    State(api): State<Api>,
    AgentId(agent): AgentId,
) -> Result<Json<WidgetSettings>, Problem> {
    let database = api.databases.account(&account).await?;
    let settings = WidgetSettings::read(&database, agent).await?;
    settings.map(Json).ok_or_else(agents::not_found)
}

/// Changes what is sent. Tokens that are out live on until they end.
#[utoipa::path(
    patch, path = "/api/v1/agents/{id}/widget-settings", operation_id = "update_widget_settings", tag = "Widgets",
    params(("id" = Uuid, Path)),
    request_body = SettingsChange,
    responses((status = 200, body = WidgetSettings), (status = 404, description = "agent_not_found")),
)]
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
