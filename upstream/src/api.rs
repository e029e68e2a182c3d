//! The HTTP interface: which paths there are, and what lies in front of them.

mod accounts;
mod admin;
mod agents;
mod api_keys;
mod body;
mod calls;
pub(crate) mod document;
mod fields;
mod health;
pub(crate) mod internal;
mod login;
mod observe;
mod recipient;
mod user_org;
mod widget;
mod widget_keys;
mod widget_settings;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware;
use tollgate_policy::assertion::AssertionKey;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::accounts::lifecycle::Lifecycle;
use crate::bound::Bound;
use crate::database::{Databases, Turn};
use crate::identity::{Authenticator, authenticate};
use crate::issuer::Issuer;
use crate::keys::introspection::KeyHolders;
use crate::keys::{LastUses, Pepper};
use crate::options::Options;
use crate::problem::Problem;
use crate::widget::caller::WidgetCallers;
use crate::widget::token::Tokens;

/// Where the same routes are found again.
const SECOND_MOUNT: &str = "/hub-api";

/// What needs no assertion, at both mounts. Everything else does, whether there is a route or not.
const PUBLIC: [(Method, &str); 10] = [
    (Method::GET, "/api/accounts"),
    (Method::GET, "/api/accounts/validate/{account}"),
    (Method::POST, "/api/login"),
    (Method::GET, "/api/user/org"),
    (Method::POST, "/api/v1/widget/auth/guest"),
    (Method::POST, "/api/v1/widget/auth/user-token"),
    (Method::POST, "/api/v1/widget/auth/exchange"),
    (Method::POST, "/api/v1/widget/auth/refresh"),
    (Method::GET, "/api/v1/widget/config"),
    (Method::GET, "/openapi.json"),
];

/// What a widget's visitor may do with the token that the widget has: no more than this, at both mounts.
const RESTRICTED: [(Method, &str); 1] = [(Method::GET, "/api/v1/agents/{id}")];

const HEALTH: &str = "/healthz";

/// The largest body, in bytes. The largest that makes sense is a name.
const BODY_LIMIT: usize = 64 * 1024;

/// What the handlers have.
#[derive(Clone)]
pub(crate) struct Api {
    databases: Databases,
    lifecycle: Lifecycle,
    issuer: Arc<Issuer>,
    pepper: Pepper,
    /// For the gate.
    key_holders: KeyHolders,
    /// For accounts' servers, who ask past the gate's checks: this and widgets' keys wait for the same turn.
    servers: KeyHolders,
    widget_callers: WidgetCallers,
    tokens: Arc<Tokens>,
    /// Of those who make and verify such tokens at the same time: anybody may ask for them.
    signatures: Bound,
    /// Held by who looks accounts up, where anybody may.
    look_ups: Turn,
    longest_call: Duration,
    dev: bool,
}

// === impl Api ===

impl Api {
    pub(crate) fn new(
        databases: Databases,
        issuer: Issuer,
        pepper: Pepper,
        tokens: Tokens,
        uses: LastUses,
        options: &Options,
    ) -> Self {
        let key_holders =
            |turn| KeyHolders::new(databases.clone(), pepper.clone(), uses.clone(), turn);
        // Whoever asks past the gate waits among themselves, and keeps the gate waiting for nothing.
        let past_the_gate = Turn::new();
        Self {
            lifecycle: Lifecycle::new(databases.clone()),
            key_holders: key_holders(Turn::new()),
            servers: key_holders(past_the_gate.clone()),
            widget_callers: WidgetCallers::new(
                databases.clone(),
                pepper.clone(),
                uses.clone(),
                past_the_gate,
            ),
            tokens: Arc::new(tokens),
            signatures: Bound::new(),
            look_ups: Turn::new(),
            databases,
            issuer: Arc::new(issuer),
            pepper,
            longest_call: options.max_call_duration,
            dev: options.dev,
        }
    }
}

pub(crate) fn authenticator(key: AssertionKey, audience: &str) -> Authenticator {
    let gate = Authenticator::new(key, audience).public(Method::GET, HEALTH);
    let gate = RESTRICTED.into_iter().fold(gate, |gate, (method, route)| {
        gate.restricted(method.clone(), route)
            .restricted(method, format!("{SECOND_MOUNT}{route}"))
    });
    PUBLIC.into_iter().fold(gate, |gate, (method, route)| {
        gate.public(method.clone(), route)
            .public(method, format!("{SECOND_MOUNT}{route}"))
    })
}

pub(crate) fn router(api: Api, gate: Arc<Authenticator>) -> Router {
    Router::new()
        .merge(root_routes())
        .merge(routes())
        .nest(SECOND_MOUNT, routes().into())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(recipient::handle))
        .layer(middleware::from_fn_with_state(gate, authenticate))
        .layer(middleware::from_fn(observe::observe))
        .with_state(api)
}

// Each handler says its method and path. Those of one path stand together in one `routes!`.

/// What is at no other mount.
fn root_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(health::answer))
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(document::answer))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::validate))
        .routes(routes!(login::log_in))
        .routes(routes!(user_org::answer))
        .routes(routes!(agents::list, agents::create))
        .routes(routes!(agents::read, agents::update, agents::delete))
        .routes(routes!(api_keys::list, api_keys::create))
        .routes(routes!(api_keys::update, api_keys::delete))
        .routes(routes!(calls::originate))
        .routes(routes!(calls::end))
        .routes(routes!(calls::limits))
        .merge(widget_routes())
        .merge(admin_routes())
}

fn widget_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(widget_settings::read, widget_settings::update))
        .routes(routes!(widget_keys::list, widget_keys::create))
        .routes(routes!(widget_keys::update, widget_keys::delete))
        .routes(routes!(widget::guest))
        .routes(routes!(widget::user_token))
        .routes(routes!(widget::exchange))
        .routes(routes!(widget::refresh))
        .routes(routes!(widget::config))
}

fn admin_routes() -> OpenApiRouter<Api> {
    use admin::{caps, lifecycle, limits, list};
    OpenApiRouter::default()
        .routes(routes!(list::list_accounts, lifecycle::create_account))
        .routes(routes!(
            admin::account,
            admin::change_account,
            lifecycle::delete_account
        ))
        .routes(routes!(limits::call_limits, limits::put_call_limits))
        .routes(routes!(caps::put_cap, caps::delete_cap))
}

async fn no_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such path")
}

async fn no_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "the path has no such method; the `Allow` header lists those it has",
    )
}
