//! Agents, in the account's own database.

mod input;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::body::Body;
use super::fields::id_in_path;
use crate::identity::Account;
use crate::problem::Problem;
use input::{AgentChange, NewAgent};

const COLUMNS: &str = "id, name, status, created_at, updated_at";

#[derive(Serialize, ToSchema)]
pub(super) struct Agent {
    id: Uuid,
    name: String,
    #[schema(value_type = input::Status)]
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// All agents, the newest first.
#[utoipa::path(
    get, path = "/api/v1/agents", operation_id = "list_agents", tag = "Agents",
    responses((status = 200, body = Vec<Agent>)),
)]
pub(super) async fn list(
    account: Account,
    State(api): State<Api>,
) -> Result<Json<Vec<Agent>>, Problem> {
    let select = format!("select {COLUMNS} from agents order by created_at desc, id desc");
    let database = api.databases.account(&account).await?;
    let rows = database.query_typed(&select, &[]).await?;
    let agents: Result<_, tokio_postgres::Error> = rows.iter().map(Agent::try_from).collect();
    Ok(Json(agents?))
}

/// Makes an agent.
#[utoipa::path(
    post, path = "/api/v1/agents", operation_id = "create_agent", tag = "Agents",
    request_body = NewAgent,
    responses(
        (status = 201, body = Agent, headers(("Location" = String, description = "Relative to the request's path"))),
    ),
)]
pub(super) async fn create(
    account: Account,
    State(api): State<Api>,
    Body(new): Body<NewAgent>,
) -> Result<impl IntoResponse, Problem> {
    let (name, status) = new.validated()?;
    let insert = format!("insert into agents (name, status) values ($1, $2) returning {COLUMNS}");
    let row = api
        .databases
        .account(&account)
        .await?
        .query_typed_one(
            &insert,
            &[(&name, Type::TEXT), (&status.as_str(), Type::TEXT)],
        )
        .await?;
    let agent = Agent::try_from(&row)?;
    // Relative to the request's own path, and so right at both mounts.
    let location = [(header::LOCATION, format!("agents/{}", agent.id))];
    Ok((StatusCode::CREATED, location, Json(agent)))
}

/// One agent: the one thing that a widget's visitor may read too.
#[utoipa::path(
    get, path = "/api/v1/agents/{id}", operation_id = "read_agent", tag = "Agents",
    params(("id" = Uuid, Path)),
    security(("token" = [], "account" = []), ("api_key" = []), ("widget_token" = [], "account" = [])),
    responses((status = 200, body = Agent), (status = 404, description = "agent_not_found")),
)]
pub(super) async fn read(
    account: Account,
    State(api): State<Api>,
    AgentId(id): AgentId,
) -> Result<Json<Agent>, Problem> {
    let select = format!("select {COLUMNS} from agents where id = $1");
    let database = api.databases.account(&account).await?;
    let row = database
        .query_typed_opt(&select, &[(&id, Type::UUID)])
        .await?;
    found(row)
}

/// Changes what is sent.
#[utoipa::path(
    patch, path = "/api/v1/agents/{id}", operation_id = "update_agent", tag = "Agents",
    params(("id" = Uuid, Path)),
    request_body = AgentChange,
    responses((status = 200, body = Agent), (status = 404, description = "agent_not_found")),
)]
pub(super) async fn update(
    account: Account,
    State(api): State<Api>,
    AgentId(id): AgentId,
    Body(change): Body<AgentChange>,
) -> Result<Json<Agent>, Problem> {
    let (name, status) = change.validated()?;
    let update = format!(
        "update agents set name = coalesce($2, name), status = coalesce($3, status), \
         updated_at = now() where id = $1 returning {COLUMNS}"
    );
    let row = api
        .databases
        .account(&account)
        .await?
        .query_typed_opt(
            &update,
            &[
                (&id, Type::UUID),
                (&name, Type::TEXT),
                (&status.map(input::Status::as_str), Type::TEXT),
            ],
        )
        .await?;
    found(row)
}

/// Deletes an agent.
#[utoipa::path(
    delete, path = "/api/v1/agents/{id}", operation_id = "delete_agent", tag = "Agents",
    params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, description = "agent_not_found")),
)]
pub(super) async fn delete(
    account: Account,
    State(api): State<Api>,
    AgentId(id): AgentId,
) -> Result<StatusCode, Problem> {
    let database = api.databases.account(&account).await?;
    let delete = "delete from agents where id = $1";
    match database.execute_typed(delete, &[(&id, Type::UUID)]).await? {
        0 => Err(not_found()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

fn found(row: Option<Row>) -> Result<Json<Agent>, Problem> {
    let row = row.ok_or_else(not_found)?;
    Ok(Json(Agent::try_from(&row)?))
}

/// The same for an id that is unknown, another account's, or not an id at all.
pub(super) fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "agent_not_found",
        "the account has no such agent",
    )
}

/// An agent's id in the path.
pub(super) struct AgentId(pub(super) Uuid);

// === impl AgentId ===

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for AgentId {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Problem> {
        let id = id_in_path(parts, state).await;
        id.map(Self).ok_or_else(not_found)
    }
}

// === impl Agent ===

impl TryFrom<&Row> for Agent {
    type Error = tokio_postgres::Error;

    fn try_from(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            status: row.try_get("status")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
