//! The development issuer: an OIDC provider in our own process that behaves as Zitadel does, where a gate can see
//! it. It mints any token that a test asks for, and misbehaves on order. Never for production.

mod dev;
mod fault;
mod keys;
mod oauth;
mod robot;
mod token;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

pub use fault::{Endpoint, Fault, FaultKind};
pub use keys::ALGORITHMS;
pub use token::{ACCOUNTS_CLAIM, AUDIENCE, Draft};

use crate::server::{Listening, Server};
use fault::Faults;
use keys::Keys;
use robot::Robot;

/// The path of the key set.
pub const KEYS_PATH: &str = "/oauth/v2/keys";

/// A running issuer. Dropping it stops it.
#[derive(Debug)]
pub struct Issuer {
    provider: Shared,
    address: SocketAddr,
    /// None while it is down.
    server: Mutex<Option<Server>>,
}

/// Why there is no issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// It cannot listen.
    #[error("the development issuer cannot listen on a loopback port: {0}")]
    Listen(#[from] io::Error),
    /// It cannot make a key.
    #[error("the development issuer cannot make an RSA key: {0}")]
    Key(#[from] keys::KeyError),
}

type Shared = Arc<Provider>;

/// What the endpoints know.
#[derive(Debug)]
struct Provider {
    /// The exact `iss`, without a slash at the end.
    url: String,
    keys: Mutex<Arc<Keys>>,
    robot: Robot,
    faults: Faults,
}

// === impl Issuer ===

impl Issuer {
    /// Starts one on a free loopback port.
    pub fn start() -> Result<Self, IssuerError> {
        let listening = Listening::new()?;
        let address = listening.address()?;
        let url = format!("http://{address}");
        // An RSA key takes a moment.
        let (keys, robot) = thread::scope(|scope| {
            let robot = scope.spawn(Robot::generate);
            (Keys::generate(), robot.join())
        });
        let provider = Arc::new(Provider {
            url,
            keys: Mutex::new(Arc::new(keys?)),
            robot: robot.map_err(|_| io::Error::other("a thread ended early"))??,
            faults: Faults::default(),
        });
        let server = listening.serve(routes(Arc::clone(&provider)))?;
        Ok(Self {
            provider,
            address,
            server: Mutex::new(Some(server)),
        })
    }

    /// The exact `iss`: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.provider.url
    }

    /// A token for a member of `account`.
    pub fn member(&self, account: &str) -> String {
        self.mint(&Draft::member(account))
    }

    /// A token for a platform administrator, who is a member of no account.
    pub fn administrator(&self) -> String {
        self.mint(&Draft::administrator())
    }

    /// Any token.
    pub fn mint(&self, draft: &Draft) -> String {
        self.provider.mint(draft)
    }

    /// The key set, as the endpoint gives it when it does not misbehave.
    pub fn key_set(&self) -> Value {
        self.provider.key_set()
    }

    /// The service account's key file, as `GET /dev/service-account` gives it.
    pub fn service_account(&self) -> Value {
        self.provider.robot.key_file()
    }

    /// Replaces all keys, and returns the `kid` of the new one for RS256. (It takes a moment: that one is RSA.)
    pub fn rotate(&self) -> Result<String, IssuerError> {
        Ok(self.provider.rotate()?)
    }

    /// Misbehaves from now on, until the next fault of kind `None` for the same endpoint.
    pub fn fault(&self, fault: Fault) {
        self.provider.faults.set(fault);
    }

    /// Stops listening, and closes all connections: whoever asks is refused.
    pub fn down(&self) {
        if let Some(server) = lock(&self.server).take() {
            server.stop();
        }
    }

    /// Listens again, at the same place and with the same keys.
    pub fn up(&self) -> Result<(), IssuerError> {
        let mut server = lock(&self.server);
        if server.is_none() {
            let listening = Listening::at(self.address)?;
            *server = Some(listening.serve(routes(Arc::clone(&self.provider)))?);
        }
        Ok(())
    }

    /// How many requests the endpoint has had.
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.provider.faults.requests(endpoint)
    }
}

// === impl Provider ===

impl Provider {
    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&lock(&self.keys))
    }

    fn mint(&self, draft: &Draft) -> String {
        draft.encode(&self.url, &self.keys(), now())
    }

    fn key_set(&self) -> Value {
        self.keys().set()
    }

    fn rotate(&self) -> Result<String, keys::KeyError> {
        let keys = Arc::new(Keys::generate()?);
        let kid = keys.kid("RS256").to_owned();
        *lock(&self.keys) = keys;
        Ok(kid)
    }
}

fn routes(provider: Shared) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route(KEYS_PATH, get(key_set))
        .route("/oauth/v2/token", post(oauth::token))
        .nest("/dev", dev::routes())
        .with_state(provider)
}

async fn discovery(State(provider): State<Shared>) -> Response {
    let url = &provider.url;
    let document = json!({
        "issuer": url,
        // OpenID Connect Discovery requires it; nobody logs in here.
        "authorization_endpoint": format!("{url}/oauth/v2/authorize"),
        "token_endpoint": format!("{url}/oauth/v2/token"),
        "jwks_uri": format!("{url}{KEYS_PATH}"),
        "response_types_supported": ["code", "id_token", "id_token token"],
        "grant_types_supported": [oauth::JWT_BEARER, oauth::CLIENT_CREDENTIALS],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ALGORITHMS,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "scopes_supported": ["openid", "profile", "email"],
    });
    let answer = Json(document).into_response();
    provider.faults.meet(Endpoint::Discovery, answer).await
}

async fn key_set(State(provider): State<Shared>) -> Response {
    // Zitadel's answer: a cache that believes it has nothing to cache.
    let answer = ([(CACHE_CONTROL, "no-cache")], Json(provider.key_set()));
    let answer = answer.into_response();
    provider.faults.meet(Endpoint::Keys, answer).await
}

/// Nothing that is locked here can be left in a bad state by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
