//! A real browser on pages of our own, which have whatever origin a test wants.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, Json};
use axum::routing::{get, post};
use serde_json::Value;

use crate::process::{Job, ProcessError, Scratch, Tool};
use crate::server::{Listening, Server};

/// How long a browser may take to start and to run a page's script.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of pages under every name that ends in `.test`.
#[derive(Debug)]
pub struct Pages {
    server: Server,
    page: Arc<Mutex<Page>>,
}

#[derive(Debug, Default)]
struct Page {
    script: String,
    /// What the script came to.
    told: Option<Value>,
}

/// Why a page told nothing.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is the part's own error")]
pub enum BrowserError {
    #[error("no folder for the browser: {0}")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

// === impl Pages ===

impl Pages {
    /// A server on a free port, with nothing to run yet.
    pub fn start() -> io::Result<Self> {
        let page = Arc::new(Mutex::new(Page::default()));
        let app = Router::new()
            .route("/", get(write))
            .route("/told", post(hear))
            .with_state(Arc::clone(&page));
        let server = Listening::new()?.serve(app)?;
        Ok(Self { server, page })
    }

    /// The origin of the page under `host`, which is `localhost` or ends in `.test`.
    pub fn origin(&self, host: &str) -> String {
        format!("http://{host}:{}", self.server.address().port())
    }

    /// Has `browser` run the body of an asynchronous JavaScript function on a page of `host`: what it returned, or
    /// `{"thrown": "…"}`.
    pub fn run(
        &self,
        tool: &Tool,
        browser: &Path,
        host: &str,
        script: &str,
    ) -> Result<Value, BrowserError> {
        *lock(&self.page) = Page {
            script: script.to_owned(),
            told: None,
        };
        let folder = Scratch::new()?;
        let profile = folder.path().join("profile");
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            // No page but ours is asked for.
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-sync".to_owned(),
            "--host-resolver-rules=MAP *.test 127.0.0.1".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        // It has no sandbox for root. Only our own pages are opened.
        if rustix::process::geteuid().is_root() {
            arguments.push("--no-sandbox".to_owned());
        }
        arguments.push(self.origin(host));
        let mut chromium = Job::new("Chromium", browser)
            // Where it would leave crash reports and caches.
            .env("HOME", folder.path())
            .args(arguments)
            .start(tool, folder)?;
        let told = chromium.wait_for("its page told a result", PATIENCE, |_| {
            lock(&self.page).told.take()
        });
        Ok(told?)
    }
}

async fn write(State(page): State<Arc<Mutex<Page>>>) -> Html<String> {
    let script = lock(&page).script.clone();
    Html(format!(
        "<!doctype html><meta charset=utf-8><title>page</title><script>\n\
         (async () => {{ {script} }})().catch(error => ({{thrown: String(error)}}))\n\
         .then(told => fetch('/told', {{method: 'POST', headers: {{'content-type': 'application/json'}},\n\
         body: JSON.stringify(told === undefined ? null : told)}}));\n</script>"
    ))
}

async fn hear(State(page): State<Arc<Mutex<Page>>>, Json(told): Json<Value>) {
    lock(&page).told = Some(told);
}

fn lock(page: &Mutex<Page>) -> MutexGuard<'_, Page> {
    page.lock().unwrap_or_else(PoisonError::into_inner)
}
