//! The filter itself: the module that Envoy loads, run on the request in a program of its own (`host-tests`, on
//! wasmtime), which is built when it is first needed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tollgate_policy::key_source::Location;
use tollgate_policy::uri::Uri;

use super::ExplainError;
use super::given::Given;
use super::knowledge::Known;
use super::request::Asking;
use super::source::Source;
use crate::build;
use crate::progress::Progress;

/// What runs the filter.
#[derive(Clone, Debug)]
pub struct Module {
    wasm: PathBuf,
    program: PathBuf,
}

/// What the filter did with a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Replayed {
    /// It does not take its configuration.
    Unconfigured,
    /// It let the request go on.
    Forwarded {
        /// What it asked.
        asked: Vec<Asked>,
        /// Whether the request waited in vain.
        waited: bool,
        /// The request's headers then.
        headers: Vec<(String, String)>,
        /// What access logs can show.
        state: BTreeMap<String, String>,
        /// What it adds to the answer.
        answer: Vec<(String, String)>,
    },
    /// It answered the request.
    Answered {
        /// What it asked.
        asked: Vec<Asked>,
        /// Whether the request waited in vain.
        waited: bool,
        /// HTTP status.
        status: u32,
        /// `%RESPONSE_CODE_DETAILS%`.
        details: String,
        /// The answer's headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: String,
    },
    /// The request waits, and nothing ends it.
    Stuck,
}

/// A question of the filter's own.
#[derive(Clone, Debug, Deserialize)]
pub struct Asked {
    /// `:method`.
    pub method: String,
    /// The cluster.
    pub cluster: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`.
    pub path: String,
    /// Whether it was answered.
    pub answered: bool,
}

/// Where a discovery document of the replay says that the keys are.
const KEYS: &str = "/tollgate-explain/keys";

// === impl Module ===

impl Module {
    /// Builds the filter and what runs it, where they are not fresh.
    ///
    /// # Errors
    ///
    /// They cannot be built.
    pub fn build(progress: &Progress) -> Result<Self, ExplainError> {
        let built = |error: build::BuildError| ExplainError::new(error.to_string());
        Ok(Self {
            wasm: build::filter(progress).map_err(built)?,
            program: build::program("host-tests", "replay").map_err(built)?,
        })
    }

    /// Runs the filter on a request that comes at `now`.
    ///
    /// # Errors
    ///
    /// It cannot be run, or has trapped.
    pub fn replay(
        &self,
        source: &Source,
        asking: &Asking,
        given: &Given,
        known: &Known,
        now: Duration,
        account: Option<&str>,
        named: Option<&str>,
    ) -> Result<Replayed, ExplainError> {
        let scenario = scenario(source, asking, given, known, now, account, named);
        let failed = |why: String| {
            ExplainError::new(format!("the filter could not be run on the request: {why}"))
        };
        let mut child = Command::new(&self.program)
            .env("TOLLGATE_WASM", &self.wasm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(format!("{}: {error}", self.program.display())))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read says why below.
            let _ = stdin.write_all(scenario.to_string().as_bytes());
        }
        let output = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().find(|line| !line.trim().is_empty());
            return Err(failed(first.unwrap_or("no reason given").to_owned()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }
}

/// What the program is told.
fn scenario(
    source: &Source,
    asking: &Asking,
    given: &Given,
    known: &Known,
    now: Duration,
    account: Option<&str>,
    named: Option<&str>,
) -> Value {
    let policy = &source.policy;
    let mut clusters = BTreeSet::new();
    let mut servers = Vec::new();
    let mut patience = Duration::ZERO;
    let mut server = |cluster: &str, uri: &Uri, wait: Duration, document: Option<String>| {
        clusters.insert(cluster.to_owned());
        patience = patience.max(wait);
        if let Some(body) = document {
            servers.push(json!({
                "cluster": cluster, "authority": uri.authority, "path": uri.path, "body": body,
            }));
        }
    };
    for issuer in &policy.issuers {
        let Some(remote) = &issuer.jwks.remote else {
            continue;
        };
        let keys = given.keys(&issuer.issuer, named);
        let keys = keys.map(|keys| keys.document.text.clone());
        match &remote.location {
            Location::KeySet(uri) => server(&remote.cluster, uri, remote.max_wait, keys),
            Location::Discovery(uri) => {
                let there = Uri {
                    path: KEYS.to_owned(),
                    ..uri.clone()
                };
                let keys_uri = format!("{}://{}{KEYS}", uri.scheme, uri.authority);
                let document = json!({"issuer": issuer.issuer, "jwks_uri": keys_uri});
                let document = keys.is_some().then(|| document.to_string());
                server(&remote.cluster, uri, remote.max_wait, document);
                server(&remote.cluster, &there, remote.max_wait, keys);
            }
        }
    }
    if let Some(remote) = &policy.directory {
        let text = known.directory_text.clone().map(|(text, _)| text);
        server(&remote.cluster, &remote.uri, remote.max_wait, text);
    }
    if let Some(keys) = &policy.api_keys {
        let answer = given
            .introspection
            .as_ref()
            .map(|answer| answer.text.clone());
        server(
            &keys.remote.cluster,
            &keys.remote.uri,
            keys.remote.max_wait,
            answer,
        );
    }
    let spent = given.spent.iter().filter_map(|spent| {
        Some(json!({
            "account": account?, "cap": spent.cap,
            "window": spent.window.as_str(), "count": spent.count,
        }))
    });
    json!({
        "configuration": source.written.to_string(),
        "environment": known.environment,
        "clusters": clusters,
        "now": u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        "patience": u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        "servers": servers,
        "spent": spent.collect::<Vec<_>>(),
        "request": {"method": asking.method, "path": asking.target, "headers": asking.headers},
    })
}
