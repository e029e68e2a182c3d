//! The filter itself: the module that Envoy loads, run on the request in a program of its own (`host-tests`, on
//! wasmtime), which is built when it is first needed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
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

/// What runs the filter, on one request after the other.
#[derive(Debug)]
pub struct Module {
    child: Child,
    /// None: it is to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
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

/// A request, and all that what becomes of it depends on.
pub struct Scenario<'a> {
    /// The configuration.
    pub source: &'a Source,
    /// The request.
    pub asking: &'a Asking,
    /// What was given.
    pub given: &'a Given,
    /// What follows from it.
    pub known: &'a Known,
    /// Since the Unix epoch.
    pub now: Duration,
    /// The account that the request names.
    pub account: Option<&'a str>,
    /// The issuer that its token names.
    pub named: Option<&'a str>,
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
        let wasm = build::filter(progress).map_err(built)?;
        let program = build::program("host-tests", "replay").map_err(built)?;
        let started = Command::new(&program)
            .env("TOLLGATE_WASM", &wasm)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.map_err(|error| failed(&error.to_string()))?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(questions), Some(answers)) = pipes else {
            return Err(failed("it has no pipes"));
        };
        Ok(Self {
            child,
            questions: Some(questions),
            answers: BufReader::new(answers),
        })
    }

    /// Runs the filter on what is described.
    ///
    /// # Errors
    ///
    /// It cannot be run, or has trapped.
    pub fn replay(&mut self, scenario: &Scenario<'_>) -> Result<Replayed, ExplainError> {
        let mut line = scenario.to_json().to_string();
        line.push('\n');
        if let Some(questions) = &mut self.questions {
            // One that does not read says why below.
            let _ = questions.write_all(line.as_bytes());
        }
        let mut answer = String::new();
        let read = self.answers.read_line(&mut answer);
        match read {
            Ok(1..) => serde_json::from_str(&answer).map_err(|error| failed(&error.to_string())),
            Ok(0) | Err(_) => Err(failed(&self.last_words())),
        }
    }

    /// What the program said when it ended.
    fn last_words(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let mut lines = said.lines().filter(|line| !line.trim().is_empty());
        lines.next().unwrap_or("it gave no reason").to_owned()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // It ends with what it reads.
        self.questions = None;
        let _ = self.child.wait();
    }
}

fn failed(why: &str) -> ExplainError {
    ExplainError::new(format!("the filter could not be run on the request: {why}"))
}

// === impl Scenario ===

impl Scenario<'_> {
    /// As the program reads it.
    fn to_json(&self) -> Value {
        let policy = &self.source.policy;
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
            let keys = self.given.keys(&issuer.issuer, self.named);
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
            let text = self.known.directory_text.clone().map(|(text, _)| text);
            server(&remote.cluster, &remote.uri, remote.max_wait, text);
        }
        if let Some(keys) = &policy.api_keys {
            let answer = self
                .given
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
        let spent = self.given.spent.iter().filter_map(|spent| {
            Some(json!({
                "account": self.account?, "cap": spent.cap,
                "window": spent.window.as_str(), "count": spent.count,
            }))
        });
        json!({
            "configuration": self.source.written.to_string(),
            "environment": self.known.environment,
            "clusters": clusters,
            "now": u64::try_from(self.now.as_nanos()).unwrap_or(u64::MAX),
            "patience": u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            "servers": servers,
            "spent": spent.collect::<Vec<_>>(),
            "request": {"method": self.asking.method, "path": self.asking.target, "headers": self.asking.headers},
        })
    }
}
