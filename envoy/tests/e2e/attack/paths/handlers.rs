//! An axum service with the upstream's routes, taken from its OpenAPI document, whose handlers tell that it was them.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::Json;
use axum::routing::{MethodFilter, on};
use serde_json::{Value, json};
use tollgate_envoy::server::{Listening, Server};

const DOCUMENT: &str = include_str!("../../../../../upstream/openapi.json");

const SECOND_MOUNT: &str = "/hub-api";

/// As the reference configuration has them; `/openapi.json` and `/healthz` are public to the upstream only.
const PUBLIC: [(&str, &str); 11] = [
    ("GET", "/api/accounts"),
    ("GET", "/api/accounts/validate/{account}"),
    ("POST", "/api/login"),
    ("GET", "/api/user/org"),
    ("POST", "/api/v1/widget/auth/guest"),
    ("POST", "/api/v1/widget/auth/user-token"),
    ("POST", "/api/v1/widget/auth/exchange"),
    ("POST", "/api/v1/widget/auth/refresh"),
    ("GET", "/api/v1/widget/config"),
    ("GET", "/openapi.json"),
    ("GET", "/healthz"),
];

/// A method and a path that the upstream has, at one of its mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub method: String,
    pub path: String,
}

/// Who may reach a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Public,
    Protected,
    Admin,
}

/// What the upstream tells.
#[derive(Debug)]
pub struct Told {
    /// The class of the handler that ran; none if there was no such route.
    pub handler: Option<Class>,
    pub assertion: Option<String>,
    /// For a failure's message.
    _route: Value,
}

pub fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path.starts_with("/internal/") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_ascii_uppercase();
            if MethodFilter::try_from(axum::http::Method::from_bytes(method.as_bytes()).unwrap())
                .is_err()
                || method == "PARAMETERS"
            {
                continue;
            }
            for mount in ["", SECOND_MOUNT] {
                if mount.is_empty() || path != "/healthz" {
                    let path = format!("{mount}{path}");
                    let method = method.clone();
                    all.push(Operation { method, path });
                }
            }
        }
    }
    assert!(all.len() > 60, "{all:?}");
    all
}

pub fn start(operations: &[Operation]) -> Server {
    let mut router = Router::new();
    for Operation { method, path } in operations {
        let method = axum::http::Method::from_bytes(method.as_bytes()).unwrap();
        let filter = MethodFilter::try_from(method).unwrap();
        router = router.route(path, on(filter, tell));
    }
    let router = router
        .fallback(|request: Request| async { tell(None, request).await })
        .method_not_allowed_fallback(|request: Request| async { tell(None, request).await });
    Listening::new().unwrap().serve(router).unwrap()
}

async fn tell(route: Option<MatchedPath>, request: Request) -> Json<Value> {
    let assertion = request.headers().get("x-tollgate-assertion");
    Json(json!({
        "told": true,
        "method": request.method().as_str(),
        "uri": request.uri().to_string(),
        "route": route.as_ref().map(MatchedPath::as_str),
        "assertion": assertion.map(|value| value.to_str().unwrap()),
    }))
}

impl Operation {
    fn class(&self) -> Class {
        let path = self.path.strip_prefix(SECOND_MOUNT).unwrap_or(&self.path);
        if path.starts_with("/api/admin/") {
            Class::Admin
        } else if PUBLIC.contains(&(&self.method, path)) {
            Class::Public
        } else {
            Class::Protected
        }
    }
}

impl Told {
    pub fn from_json(answer: &Value) -> Option<Self> {
        answer.get("told")?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let handler = text("route").map(|path| {
            let method = text("method").unwrap();
            // A handler of GET is also HEAD's; what is public for one is protected for the other, to the gate.
            let method = if method == "HEAD" {
                "GET".to_owned()
            } else {
                method
            };
            Operation { method, path }.class()
        });
        Some(Self {
            handler,
            assertion: text("assertion"),
            _route: answer.clone(),
        })
    }
}
