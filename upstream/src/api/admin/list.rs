//! All accounts, a page at a time.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::accounts::record::Entry;
use crate::api::Api;
use crate::identity::Administrator;
use crate::problem::Problem;

/// Accounts on a page, where nothing else is asked for, and at most.
const USUAL: u16 = 100;
const MOST: u16 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Page {
    /// Only accounts whose names come after this one.
    #[serde(default)]
    after: String,
    /// The most that are on the page; 100 where it is left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u16>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::api) struct Accounts {
    accounts: Vec<Entry>,
    /// What the next page is `after`; none on the last.
    #[schema(required)]
    next: Option<String>,
}

/// All accounts, whatever their status, by name.
#[utoipa::path(
    get, path = "/api/admin/accounts", operation_id = "list_accounts", tag = "Administration",
    params(Page),
    security(("token" = [], "account" = [], "admin" = [])),
    responses((status = 200, body = Accounts), (status = 400, description = "query_invalid")),
)]
pub(in crate::api) async fn list_accounts(
    _: Administrator,
    State(api): State<Api>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Accounts>, Problem> {
    let invalid = |why: String| Problem::bad_request("query_invalid", why);
    let Query(page) = page.map_err(|error| invalid(error.body_text()))?;
    let limit = page.limit.unwrap_or(USUAL);
    // PostgreSQL has no text with a zero in it.
    if !(1..=MOST).contains(&limit) || page.after.contains('\0') {
        return Err(invalid(format!(
            "write `after` as an account's name and `limit` as a number from 1 to {MOST}"
        )));
    }
    // One more than asked for tells whether there is a next page.
    let system = api.databases.system().await?;
    let mut accounts = Entry::read(&system, &page.after, limit + 1).await?;
    let is_last = accounts.len() <= usize::from(limit);
    accounts.truncate(limit.into());
    let next = accounts.last().filter(|_| !is_last);
    Ok(Json(Accounts {
        next: next.map(|last| last.name().to_owned()),
        accounts,
    }))
}
