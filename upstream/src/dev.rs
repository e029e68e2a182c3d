//! For development: a page that shows what the gate decides, as it decides it.
//!
//! It reads Envoy's statistics. Envoy's admin interface lets no page read it, and what it can do besides is for nobody
//! else; so one question of it is handed on, and nothing more.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::{BodyExt, Collected, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::problem::Problem;

/// The gate's statistics, and how many virtual machines it has.
const QUESTION: &str =
    "/stats?format=json&filter=%5E(wasmcustom%5C.tollgate%5C.%7Cwasm%5C.tollgate%5C.)";

/// Longer than the statistics of a thousand caps.
const MAX_BYTES: usize = 4 << 20;

/// How long Envoy may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Only what comes with the page: nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Envoy's admin interface, on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvoyAdmin(SocketAddr);

/// It is none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("write http://127.0.0.1:PORT: Envoy's admin interface on this machine")]
pub struct NotLoopback;

// === impl EnvoyAdmin ===

impl FromStr for EnvoyAdmin {
    type Err = NotLoopback;

    fn from_str(url: &str) -> Result<Self, NotLoopback> {
        let address = url.strip_prefix("http://").ok_or(NotLoopback)?;
        let address: SocketAddr = address
            .trim_end_matches('/')
            .parse()
            .map_err(|_| NotLoopback)?;
        if address.ip().is_loopback() {
            Ok(Self(address))
        } else {
            Err(NotLoopback)
        }
    }
}

impl fmt::Display for EnvoyAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

/// The page, and what it reads, without any credential: for a port of its own, which no gate leads to.
pub(crate) fn router(admin: EnvoyAdmin) -> Router {
    let html = || page("text/html; charset=utf-8", include_str!("dev/status.html"));
    let css = || page("text/css; charset=utf-8", include_str!("dev/status.css"));
    let js = || {
        page(
            "text/javascript; charset=utf-8",
            include_str!("dev/status.js"),
        )
    };
    Router::new()
        .route("/status", get(move || async move { html() }))
        .route("/status/status.css", get(move || async move { css() }))
        .route("/status/status.js", get(move || async move { js() }))
        .route("/status/stats", get(statistics))
        .layer(middleware::from_fn(on_this_machine))
        .with_state(admin)
}

fn page(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// A page of another name that was made to lead here (DNS rebinding) reads nothing.
async fn on_this_machine(request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    let is_here = host.is_some_and(|host| {
        host == "localhost"
            || host.starts_with("localhost:")
            || host
                .parse()
                .is_ok_and(|address: SocketAddr| address.ip().is_loopback())
    });
    if !is_here {
        let why = "this page is for development, on this machine: open it as http://127.0.0.1:PORT/status";
        return Problem::forbidden("not_on_this_machine", why).into_response();
    }
    next.run(request).await
}

async fn statistics(State(admin): State<EnvoyAdmin>) -> Response {
    if let Ok(Ok(body)) = timeout(PATIENCE, ask(admin)).await {
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "no-store"),
        ];
        return (headers, body).into_response();
    }
    let why = format!("Envoy's admin interface at {admin} does not answer");
    Problem::new(StatusCode::BAD_GATEWAY, "envoy_away", why).into_response()
}

async fn ask(admin: EnvoyAdmin) -> Result<Bytes, ()> {
    let uri: Uri = format!("{admin}{QUESTION}").parse().map_err(drop)?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let answer = client.get(uri).await.map_err(drop)?;
    if answer.status() != StatusCode::OK {
        return Err(());
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    body.map(Collected::to_bytes).map_err(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt;

    #[test]
    fn only_this_machines_envoy_is_asked() {
        for good in ["http://127.0.0.1:9901", "http://[::1]:9901/"] {
            assert!(good.parse::<EnvoyAdmin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:9901",
            "http://10.0.0.1:9901",
            "http://127.0.0.1",
            "http://example.com:9901",
            "http://127.0.0.1:9901/stats",
        ] {
            assert!(bad.parse::<EnvoyAdmin>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn the_page_is_for_this_machine_and_loads_nothing_from_elsewhere() {
        let admin = "http://127.0.0.1:1".parse().unwrap();
        let ask = async |path: &str, host: &str| {
            let request = Request::get(path).header(HOST, host).body(Body::empty());
            router(admin).oneshot(request.unwrap()).await.unwrap()
        };
        for (host, status) in [
            ("127.0.0.1:8080", 200),
            ("localhost:8080", 200),
            ("[::1]:8080", 200),
            ("evil.example:8080", 403),
            ("localhost.evil.example", 403),
            ("10.0.0.1:8080", 403),
        ] {
            let answer = ask("/status", host).await;
            assert_eq!(answer.status(), status, "{host}");
        }
        let answer = ask("/status", "localhost").await;
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(ask("/status/stats", "localhost").await.status(), 502);
    }
}
