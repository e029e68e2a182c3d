//! Tokens for the visitors of pages: public at the gate, so each handler verifies a key itself.

mod admission;
mod user;

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tollgate_policy::credential;
use url::form_urlencoded;
use utoipa::ToSchema;
use uuid::Uuid;

use super::body::{Body, invalid};
use super::user_org::authorization;
use super::{Api, agents};
use crate::problem::Problem;
use crate::widget::agent::WidgetAgent;
use crate::widget::token::{Grant, NotGood, Tokens, UserToken, Visitor};
use admission::{agent_for, caller, on_page, open_agent};
use user::UserTokenRequest;

/// For one visitor, and for no cache.
type Private<T> = ([(HeaderName, &'static str); 1], Json<T>);

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"client_key": "pk_live_acme_…"})))]
pub(super) struct GuestRequest {
    client_key: String,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"user_token": "eyJ…", "client_key": "pk_live_acme_…"})))]
pub(super) struct ExchangeRequest {
    user_token: String,
    client_key: String,
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    agent_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({"refresh_token": "eyJ…"})))]
pub(super) struct RefreshRequest {
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct WidgetConfig {
    account: String,
    #[schema(required)]
    agent: Option<WidgetAgent>,
}

/// Tokens for somebody whom nobody vouches for.
#[utoipa::path(
    post, path = "/api/v1/widget/auth/guest", operation_id = "authenticate_guest", tag = "Widget visitors",
    request_body = GuestRequest,
    security(()),
    responses(
        (status = 200, body = Grant, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 401, description = "client_key_invalid"),
        (status = 403, description = "origin_not_allowed, agent_not_available, auth_mode_not_allowed"),
        (status = 404, description = "agent_not_found"),
        (status = 503, description = "verification_busy"),
    ),
)]
pub(super) async fn guest(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<GuestRequest>,
) -> Result<Private<Grant>, Problem> {
    let wanted = agent_id(request.agent_id.as_deref())?;
    let caller = caller(&api, &headers, &request.client_key).await?;
    let visitor = Visitor::guest();
    let agent = agent_for(&api, &caller, wanted, &visitor).await?;
    private(
        api.with_tokens(move |tokens| tokens.grant(&caller, agent, visitor))
            .await?,
    )
}

/// By an account's own server, which vouches for a user by its API key.
#[utoipa::path(
    post, path = "/api/v1/widget/auth/user-token", operation_id = "create_user_token", tag = "Widget visitors",
    request_body = UserTokenRequest,
    security(("api_key" = [])),
    responses(
        (status = 200, body = UserToken, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 401, description = "token_missing, token_duplicate, key_inactive"),
        (status = 503, description = "verification_busy"),
    ),
)]
pub(super) async fn user_token(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<UserTokenRequest>,
) -> Result<Private<UserToken>, Problem> {
    let visitor = request.visitor()?;
    let key = credential::bearer(authorization(&headers))?;
    let holder = api.servers.of_key(key).await?;
    let holder = holder.ok_or_else(key_inactive)?;
    private(
        api.with_tokens(move |tokens| tokens.user_token(&holder, visitor))
            .await?,
    )
}

/// Tokens for that user. The page is looked at again, so that a token which leaked is of no use elsewhere.
#[utoipa::path(
    post, path = "/api/v1/widget/auth/exchange", operation_id = "exchange_user_token", tag = "Widget visitors",
    request_body = ExchangeRequest,
    security(()),
    responses(
        (status = 200, body = Grant, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 400, description = "user_token_invalid"),
        (status = 401, description = "client_key_invalid"),
        (status = 403, description = "origin_not_allowed, agent_not_available, auth_mode_not_allowed"),
        (status = 404, description = "agent_not_found"),
        (status = 503, description = "verification_busy"),
    ),
)]
pub(super) async fn exchange(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ExchangeRequest>,
) -> Result<Private<Grant>, Problem> {
    let wanted = agent_id(request.agent_id.as_deref())?;
    let caller = caller(&api, &headers, &request.client_key).await?;
    let user_token = request.user_token;
    let (visitor, caller) = api
        .with_tokens(move |tokens| (tokens.user(&user_token, &caller), caller))
        .await?;
    let visitor = visitor.map_err(|NotGood| not_good("user_token_invalid"))?;
    let agent = agent_for(&api, &caller, wanted, &visitor).await?;
    private(
        api.with_tokens(move |tokens| tokens.grant(&caller, agent, visitor))
            .await?,
    )
}

/// New tokens for the same visitor, if nothing forbids it by now.
#[utoipa::path(
    post, path = "/api/v1/widget/auth/refresh", operation_id = "refresh_widget_token", tag = "Widget visitors",
    request_body = RefreshRequest,
    security(()),
    responses(
        (status = 200, body = Grant, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 400, description = "refresh_token_invalid"),
        (status = 401, description = "client_key_invalid"),
        (status = 403, description = "origin_not_allowed, agent_not_available, auth_mode_not_allowed"),
        (status = 404, description = "agent_not_found"),
        (status = 503, description = "verification_busy"),
    ),
)]
pub(super) async fn refresh(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<RefreshRequest>,
) -> Result<Private<Grant>, Problem> {
    let over = || not_good("refresh_token_invalid");
    let renewal = api
        .with_tokens(move |tokens| tokens.renewal(&request.refresh_token))
        .await?;
    let renewal = renewal.map_err(|NotGood| over())?;
    let key = api.widget_callers.of_renewal(&renewal).await?;
    let caller = on_page(key, &headers)?;
    let agent = agent_for(&api, &caller, renewal.agent, &renewal.visitor).await?;
    let grant = api
        .with_tokens(move |tokens| tokens.renew(&caller, agent, renewal))
        .await?;
    grant.map_or_else(|| Err(over()), |grant| private(Some(grant)))
}

/// What a page needs to know before it asks for tokens.
#[utoipa::path(
    get, path = "/api/v1/widget/config", operation_id = "read_widget_config", tag = "Widget visitors",
    params(("client_key" = String, Query), ("agent_id" = Option<Uuid>, Query)),
    security(()),
    responses(
        (status = 200, body = WidgetConfig, headers(("Cache-Control" = String, description = "`no-store`"))),
        (status = 400, description = "body_invalid"),
        (status = 401, description = "client_key_invalid"),
        (status = 403, description = "origin_not_allowed, agent_not_available"),
        (status = 404, description = "agent_not_found"),
    ),
)]
pub(super) async fn config(
    State(api): State<Api>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Private<WidgetConfig>, Problem> {
    let query = query.unwrap_or_default();
    let client_key = one(&query, "client_key")?;
    let client_key = client_key.ok_or_else(|| invalid("send `client_key` in the query"))?;
    let wanted = agent_id(one(&query, "agent_id")?.as_deref())?;
    let caller = caller(&api, &headers, &client_key).await?;
    let agent = match caller.agent(wanted) {
        Some(agent) => Some(open_agent(&api, &caller, agent).await?),
        None => None,
    };
    private(Some(WidgetConfig {
        account: caller.account().to_string(),
        agent,
    }))
}

/// As in a path: what is no id is no agent's.
pub(super) fn agent_id(text: Option<&str>) -> Result<Option<Uuid>, Problem> {
    let parse = |text| Uuid::try_parse(text).map_err(|_| agents::not_found());
    text.map(parse).transpose()
}

/// A parameter of the query that may be sent once.
fn one(query: &str, name: &str) -> Result<Option<String>, Problem> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(found, _)| found == name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|(_, value)| value.into_owned())),
        (_, Some(_)) => Err(invalid(format!("send `{name}` once"))),
    }
}

fn private<T>(answer: Option<T>) -> Result<Private<T>, Problem> {
    let answer = answer.ok_or_else(|| {
        tracing::error!("a widget's token could not be signed");
        Problem::internal()
    })?;
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

fn key_inactive() -> Problem {
    Problem::unauthorized(
        "key_inactive",
        "the API key is unknown, expired or disabled",
        "Bearer realm=\"tollgate\", error=\"invalid_token\"",
    )
}

fn not_good(code: &'static str) -> Problem {
    let detail = "the token is not good, or no longer; begin anew";
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

// === impl Api ===

impl Api {
    /// Makes or verifies tokens, where that keeps no other request waiting: it takes about a millisecond of a core, and
    /// anybody may ask for it.
    async fn with_tokens<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Tokens) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let tokens = Arc::clone(&self.tokens);
        Ok(self.signatures.run(move || compute(&tokens)).await?)
    }
}
