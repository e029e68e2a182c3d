//! An upstream that answers what it received, for tests that look at what the gate lets through.

use std::io;

use axum::Router;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Json;
use serde_json::{Value, json};

use crate::server::{Listening, Server};

/// Starts one. It answers 200 to every request, with `{"method", "path", "headers": [[name, value], …]}`.
pub fn start() -> io::Result<Server> {
    Listening::new()?.serve(Router::new().fallback(echo))
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap) -> Json<Value> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    Json(json!({
        "method": method.as_str(),
        "path": uri.to_string(),
        "headers": headers,
    }))
}
