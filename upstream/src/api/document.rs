//! The OpenAPI document. It is made from the routers that serve, so that no route is without its description; how each
//! operation is called, what it takes and answers stands at its handler.

mod credentials;
mod refusals;

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::Error;
use utoipa::OpenApi as _;
use utoipa::openapi::server::{ServerBuilder, ServerVariableBuilder};
use utoipa::openapi::{OpenApi, Server};

use super::{SECOND_MOUNT, internal, root_routes, routes};
use crate::problem::Problem;
use refusals::Verifier;

static TEXT: LazyLock<Result<String, Error>> = LazyLock::new(text);

/// What is not said by any one operation.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "The service behind the Tollgate account gate",
        description = "Accounts, each with a database of its own. Clients reach it through the gate, which verifies their \
            credentials; refusals are problem details (RFC 9457) with stable codes, the gate's and the service's own alike. \
            More codes and more members may come.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    // Where an operation says nothing else. With an API key, which names its account, the header may be left out.
    security(("token" = [], "account" = []), ("api_key" = [])),
    tags(
        (name = "Public", description = "For everybody: nothing is verified."),
        (name = "Agents", description = "An example of what an account's database has."),
        (name = "Calls", description = "Started and ended, within four limits."),
        (name = "API keys", description = "Made and changed by a user's token: an API key is refused with 403 `credential_not_allowed`."),
        (name = "Widgets", description = "Keys of an account's widgets, made and changed by a user's token; and what widgets may do."),
        (name = "Widget visitors", description = "Public at the gate: each verifies a key itself, and, where `client_key` or a refresh \
            token is sent, that the page (`Origin`, else `Referer`) is in the key's `domain_allowlist`."),
        (name = "Administration", description = "With an administrator's token and `X-Admin: true`."),
        (name = "Operation", description = "For those who run the service."),
        (name = "Gate", description = "On the internal listener (`--internal-listen`) only."),
    ),
    components(schemas(refusals::Problem)),
)]
struct Described;

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "read_openapi", tag = "Operation",
    security(()),
    responses((status = 200, body = Object)),
)]
pub(super) async fn answer() -> Result<impl IntoResponse, Problem> {
    match &*TEXT {
        Ok(text) => Ok(([(CONTENT_TYPE, "application/json")], text.as_str())),
        Err(error) => {
            tracing::error!(%error, "the OpenAPI document could not be written");
            Err(Problem::internal())
        }
    }
}

/// The document as JSON: the same text from the same program, however often it is asked.
///
/// # Errors
///
/// It cannot be written as JSON.
pub fn text() -> Result<String, Error> {
    Ok(document().to_pretty_json()? + "\n")
}

pub(super) fn document() -> OpenApi {
    let mut document = Described::openapi();
    // The same at both.
    document.servers = Some(vec![Server::new("/"), Server::new(SECOND_MOUNT)]);

    let mut public = routes().into_openapi();
    let mut gate = internal::gate_routes().into_openapi();
    let mut open = internal::open_routes().into_openapi();
    let mut root = root_routes().into_openapi();
    for described in [&mut gate, &mut open] {
        served_by(described, vec![internal_listener()]);
    }
    served_by(&mut root, vec![Server::new("/"), internal_listener()]);

    refusals::complete(&mut public, Verifier::of_route);
    refusals::complete(&mut gate, |_, _| Verifier::GateCredential);
    refusals::complete(&mut open, |_, _| Verifier::Nobody);
    refusals::complete(&mut root, |_, _| Verifier::Nobody);
    for described in [public, gate, open, root] {
        document.merge(described);
    }
    credentials::describe(&mut document);
    document
}

fn served_by(document: &mut OpenApi, servers: Vec<Server>) {
    for item in document.paths.paths.values_mut() {
        item.servers = Some(servers.clone());
    }
}

fn internal_listener() -> Server {
    let address = ServerVariableBuilder::new()
        .default_value("127.0.0.1:9000")
        .description(Some("What `--internal-listen` says"));
    ServerBuilder::new()
        .url("http://{address}")
        .description(Some("The internal listener"))
        .parameter("address", address)
        .build()
}
