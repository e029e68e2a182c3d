//! Whom a widget's endpoints answer: a key, on one of its pages, and for an agent who talks to such visitors.

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::api::{Api, agents};
use crate::problem::Problem;
use crate::widget::PageOrigin;
use crate::widget::agent::WidgetAgent;
use crate::widget::caller::{FoundKey, WidgetCaller};
use crate::widget::token::Visitor;

const CLIENT_KEY_CHALLENGE: &str = "Tollgate-Widget realm=\"tollgate\"";

pub(super) async fn caller(
    api: &Api,
    headers: &HeaderMap,
    client_key: &str,
) -> Result<WidgetCaller, Problem> {
    on_page(api.widget_callers.of_key(client_key).await?, headers)
}

pub(super) fn on_page(key: Option<FoundKey>, headers: &HeaderMap) -> Result<WidgetCaller, Problem> {
    // The same whether there is no such key or it is disabled.
    let key = key.ok_or_else(|| {
        Problem::unauthorized(
            "client_key_invalid",
            "there is no such client key, or it may not be used",
            CLIENT_KEY_CHALLENGE,
        )
    })?;
    let page = PageOrigin::of_request(headers);
    page.and_then(|page| key.on(&page)).ok_or_else(|| {
        Problem::forbidden(
            "origin_not_allowed",
            "the client key is not for pages of this origin; its domain_allowlist says which",
        )
    })
}

/// The agent that the tokens are for, if any, and if the visitor may talk to it.
pub(super) async fn agent_for(
    api: &Api,
    caller: &WidgetCaller,
    wanted: Option<Uuid>,
    visitor: &Visitor,
) -> Result<Option<Uuid>, Problem> {
    let Some(agent) = caller.agent(wanted) else {
        return Ok(None);
    };
    let mode = open_agent(api, caller, agent).await?.auth_mode();
    if mode.allows(visitor.is_guest()) {
        Ok(Some(agent))
    } else {
        Err(Problem::forbidden(
            "auth_mode_not_allowed",
            "the agent talks to guests only, or to users only; its widget-settings say to whom",
        ))
    }
}

pub(super) async fn open_agent(
    api: &Api,
    caller: &WidgetCaller,
    agent: Uuid,
) -> Result<WidgetAgent, Problem> {
    let database = api.databases.of_widget(caller).await?;
    let agent = WidgetAgent::read(&database, agent).await?;
    let agent = agent.ok_or_else(agents::not_found)?;
    if agent.is_open() {
        Ok(agent)
    } else {
        Err(Problem::forbidden(
            "agent_not_available",
            "the agent is not active, or its widget is turned off",
        ))
    }
}
