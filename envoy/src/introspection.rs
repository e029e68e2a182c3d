//! A development introspection endpoint (RFC 7662): it knows the credentials that a test tells it of.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use axum::{Router, serve};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::server::{Listening, Server};

/// Where it answers.
pub const PATH: &str = "/introspect";

/// A running one. Dropping it stops it.
#[derive(Debug)]
pub struct Introspection {
    server: Option<Server>,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    known: Mutex<Known>,
    /// Whether answers are held back.
    held: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the one who asks must show.
    credential: Option<String>,
    /// What is said of each credential that is active.
    active: BTreeMap<String, Value>,
    asked: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

// === impl Introspection ===

impl Introspection {
    /// Starts one on a free loopback port, which answers nobody yet.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            known: Mutex::default(),
            held: watch::Sender::new(false),
        });
        let listening = Listening::new()?;
        let address = listening.address()?;
        let mut introspection = Self {
            server: None,
            address,
            shared,
        };
        introspection.serve(listening)?;
        Ok(introspection)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers those who show this as a bearer token.
    pub fn answer_to(&self, credential: &str) {
        self.shared.known().credential = Some(format!("Bearer {credential}"));
    }

    /// Makes a credential active, with these members in its answer.
    pub fn activate(&self, credential: &str, mut answer: Value) {
        if let Some(members) = answer.as_object_mut() {
            members.insert("active".to_owned(), json!(true));
        }
        let mut known = self.shared.known();
        known.active.insert(credential.to_owned(), answer);
    }

    /// Makes it inactive.
    pub fn revoke(&self, credential: &str) {
        self.shared.known().active.remove(credential);
    }

    /// How often it was asked about.
    pub fn asked(&self, credential: &str) -> usize {
        let known = self.shared.known();
        known.asked.get(credential).copied().unwrap_or_default()
    }

    /// Holds all answers back, or lets them go.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// Ends, as a server that crashes: nobody listens there any more.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// Comes back at the same place.
    pub fn come_back(&mut self) -> io::Result<()> {
        self.serve(Listening::at(self.address)?)
    }

    fn serve(&mut self, listening: Listening) -> io::Result<()> {
        let app = Router::new()
            .route(PATH, post(answer))
            .with_state(Arc::clone(&self.shared));
        self.server = Some(listening.run(|listener| async move {
            // It ends with its runtime only.
            let _ = serve(listener, app).await;
        })?);
        Ok(())
    }
}

// === impl Shared ===

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(question): Form<Question>,
) -> Response {
    let shown = headers.get("authorization");
    let shown = shown.and_then(|value| value.to_str().ok());
    let answer = {
        let mut known = shared.known();
        if shown.is_none() || shown != known.credential.as_deref() {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        *known.asked.entry(question.token.clone()).or_default() += 1;
        let active = known.active.get(&question.token).cloned();
        active.unwrap_or_else(|| json!({"active": false}))
    };
    let mut held = shared.held.subscribe();
    // The sender lives as long as the server.
    let _ = held.wait_for(|held| !held).await;
    Json(answer).into_response()
}
