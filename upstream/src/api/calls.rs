//! Calls: what starts and ends them, and how many there may be.

mod input;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use uuid::Uuid;

use super::body::Body;
use super::fields::id_in_path;
use super::recipient::Recipient;
use super::{Api, agents};
use crate::calls::{self, Call, CallLimits, OriginateError};
use crate::identity::Account;
use crate::problem::Problem;
use input::CallRequest;

/// Starts a call, if the account's limits have room for it.
#[utoipa::path(
    post, path = "/api/v1/calls/originate", operation_id = "originate_call", tag = "Calls",
    request_body = CallRequest,
    responses(
        (status = 200, body = Call),
        (status = 404, description = "agent_not_found"),
        (status = 429, description = "cap_exceeded"),
    ),
)]
pub(super) async fn originate(
    account: Account,
    State(api): State<Api>,
    recipient: Recipient,
    Body(request): Body<CallRequest>,
) -> Result<Json<Call>, Problem> {
    let new = request.validated()?;
    let mut database = api.databases.account(&account).await?;
    let call = calls::originate(&mut database, &new, api.longest_call).await?;
    // Whoever hung up would never end it.
    if recipient.is_gone() {
        call.take_back(&database).await?;
    }
    Ok(Json(call))
}

/// Ends a call. One that has ended stays as it is, so that this can be asked again.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/end", operation_id = "end_call", tag = "Calls",
    params(("id" = Uuid, Path)),
    responses((status = 200, body = Call), (status = 404, description = "call_not_found")),
)]
pub(super) async fn end(
    account: Account,
    State(api): State<Api>,
    CallId(id): CallId,
) -> Result<Json<Call>, Problem> {
    let database = api.databases.account(&account).await?;
    let call = Call::end(&database, id, api.longest_call).await?;
    call.map(Json).ok_or_else(not_found)
}

/// The limits of the account's calls.
#[utoipa::path(
    get, path = "/api/v1/call-limits", operation_id = "read_call_limits", tag = "Calls",
    responses((status = 200, body = CallLimits)),
)]
pub(super) async fn limits(
    account: Account,
    State(api): State<Api>,
) -> Result<Json<CallLimits>, Problem> {
    let database = api.databases.account(&account).await?;
    Ok(Json(CallLimits::read(&database).await?))
}

/// The same for an id that is unknown, another account's, or not an id at all.
fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "call_not_found",
        "the account has no such call",
    )
}

/// A call's id in the path.
pub(super) struct CallId(Uuid);

// === impl CallId ===

impl<S: Send + Sync> FromRequestParts<S> for CallId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = id_in_path(parts, state).await;
        id.map(Self).ok_or_else(not_found)
    }
}

// === impl OriginateError ===

impl From<OriginateError> for Problem {
    fn from(error: OriginateError) -> Self {
        match error {
            OriginateError::NoAgent => agents::not_found(),
            OriginateError::Limit(reached) => reached.into(),
            OriginateError::Database(error) => error.into(),
        }
    }
}
