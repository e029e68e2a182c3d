//! One request through the filter, with everything around it given: the time, the environment, what servers answer, what
//! the account has used. What comes of it is what would come of it in Envoy.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::configuration;
use crate::headers::Headers;
use crate::host::callouts::{Answer, Callout};
use crate::outcome::Outcome;
use crate::request::Request;
use crate::tokens::Token;
use crate::worker::{StreamId, Worker};
use crate::world::World;

/// A request, and all that what becomes of it depends on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The filter's configuration, as Envoy hands it over.
    pub configuration: String,
    /// The environment that Envoy gives it.
    pub environment: BTreeMap<String, String>,
    /// The clusters that Envoy has.
    pub clusters: BTreeSet<String>,
    /// The time, in nanoseconds since the Unix epoch.
    pub now: u64,
    /// How long the request may wait for what nobody answers, in milliseconds.
    pub patience: u64,
    /// What servers answer; others do not answer.
    pub servers: Vec<Server>,
    /// What was used before.
    pub spent: Vec<Spent>,
    /// The request.
    pub request: Sent,
}

/// What a server answers to whoever asks for one of its documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The cluster that leads to it.
    pub cluster: String,
    /// Its `:authority`.
    pub authority: String,
    /// The document's `:path`.
    pub path: String,
    /// The document.
    pub body: String,
}

/// Requests that were made in the same minute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// The account that made them.
    pub account: String,
    /// The cap in which they count.
    pub cap: String,
    /// The window in which they count.
    pub window: String,
    /// How many.
    pub count: u32,
}

/// A request as the client sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Name and value of each header.
    pub headers: Vec<(String, String)>,
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Replayed {
    /// The filter does not take its configuration.
    Unconfigured {
        /// What it says.
        log: Vec<String>,
    },
    /// The request went on.
    Forwarded {
        /// What the filter has asked of servers.
        asked: Vec<Asked>,
        /// Whether the request has waited for one of them in vain.
        waited: bool,
        /// The headers with which it went on.
        headers: Vec<(String, String)>,
        /// The filter state with which it went on.
        state: BTreeMap<String, String>,
        /// What the filter adds to the upstream's answer.
        answer: Vec<(String, String)>,
    },
    /// The filter answered it.
    Answered {
        /// What the filter has asked of servers.
        asked: Vec<Asked>,
        /// Whether the request has waited for one of them in vain.
        waited: bool,
        /// HTTP status.
        status: u32,
        /// `grpc-status`, for gRPC requests.
        grpc_status: Option<i32>,
        /// `%RESPONSE_CODE_DETAILS%`.
        details: String,
        /// The headers of the answer.
        headers: Vec<(String, String)>,
        /// Its body.
        body: String,
    },
    /// It waits for ever, which no request should.
    Stuck {
        /// What the filter has asked of servers.
        asked: Vec<Asked>,
    },
}

/// A question of the filter's own.
#[derive(Debug, Serialize)]
pub struct Asked {
    /// The cluster.
    pub cluster: String,
    /// `:method`.
    pub method: String,
    /// `:authority`.
    pub authority: String,
    /// `:path`.
    pub path: String,
    /// Whether it was answered.
    pub answered: bool,
}

/// How often the filter may do its next step for a request that waits.
const ROUNDS: usize = 20;

/// What the filter does by the clock it does within this time.
const TICK: Duration = Duration::from_millis(1);

/// Sends the request.
pub fn replay(scenario: &Scenario) -> Replayed {
    let mut world = World::new();
    world.environment = scenario.environment.clone().into_iter().collect();
    world.clusters.clone_from(&scenario.clusters);
    let now = Duration::from_nanos(scenario.now);
    world.clock.set(now);
    let mut spenders = Vec::new();
    for spent in &scenario.spent {
        spenders.push(spend(&world, spent, now));
    }

    let mut worker = Worker::start(&world);
    if !worker.configure(scenario.configuration.as_bytes()) {
        let log = worker.host().log.iter().map(|(_, line)| line.clone());
        return Replayed::Unconfigured { log: log.collect() };
    }
    let mut asked = Vec::new();
    worker.tick();
    answer(&mut worker, &scenario.servers, &mut asked);
    let sent = &scenario.request;
    let mut request = Request::new(&sent.method, &sent.path);
    for (name, value) in &sent.headers {
        request = request.header(name, value);
    }
    let stream = worker.open(request);
    for _ in 0..ROUNDS {
        if worker.outcome(stream) != Outcome::Waiting {
            break;
        }
        worker.tick();
        answer(&mut worker, &scenario.servers, &mut asked);
    }
    let waited = worker.outcome(stream) == Outcome::Waiting;
    if waited {
        let patience = Duration::from_millis(scenario.patience);
        world.clock.advance(patience + TICK);
        worker.tick();
    }
    for callout in worker.callouts() {
        asked.push(Asked::of(callout, false));
    }
    replayed(&mut worker, stream, asked, waited)
}

/// Makes the requests that were made before. What is under way is so until the worker is dropped.
fn spend(world: &World, spent: &Spent, now: Duration) -> Worker {
    let key = configuration::KEY_VARIABLE;
    let mut before = world.clone();
    before.environment = vec![(key.to_owned(), "k".repeat(32))];
    let mut only = configuration::inline();
    only["accounts"] = json!({"pattern": "[!-~]{1,255}"});
    only["caps"] = json!([{"name": spent.cap, "limits": {&spent.window: u32::MAX}}]);
    let mut worker = before.worker(&only);
    let (begins, ends) = (
        now.as_secs().saturating_sub(60),
        now.as_secs().saturating_add(3600),
    );
    let token = Token::good().claim("iat", begins).claim("exp", ends);
    let token = token.claim("accounts", json!([spent.account])).signed();
    for _ in 0..spent.count {
        let request = Request::get("/").account(&spent.account).bearer(&token);
        if spent.window == "concurrent" {
            worker.open(request);
        } else {
            worker.request(request);
        }
    }
    worker
}

/// Answers what can be answered.
fn answer(worker: &mut Worker, servers: &[Server], asked: &mut Vec<Asked>) {
    let mut position = 0;
    while let Some(callout) = worker.callouts().get(position) {
        let server = servers.iter().find(|server| server.is_asked_by(callout));
        if let Some(server) = server {
            asked.push(Asked::of(callout, true));
            worker.answer_callout_at(position, Answer::json(&server.body));
        } else {
            position += 1;
        }
    }
}

fn replayed(worker: &mut Worker, stream: StreamId, asked: Vec<Asked>, waited: bool) -> Replayed {
    match worker.outcome(stream) {
        Outcome::Forwarded { headers, state } => {
            let answer = worker.answer(stream, Answer::new(200, ""));
            let answer = texts(&answer).into_iter();
            Replayed::Forwarded {
                asked,
                waited,
                headers: texts(&headers),
                state,
                answer: answer.filter(|(name, _)| name != ":status").collect(),
            }
        }
        Outcome::Answered(reply) => Replayed::Answered {
            asked,
            waited,
            status: reply.status,
            grpc_status: reply.grpc_status,
            details: reply.details,
            headers: texts(&reply.headers),
            body: reply.body,
        },
        Outcome::Waiting => Replayed::Stuck { asked },
    }
}

fn texts(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

// === impl Scenario ===

impl Scenario {
    /// Reads one from JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

// === impl Replayed ===

impl Replayed {
    /// As JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }
}

// === impl Server ===

impl Server {
    fn is_asked_by(&self, callout: &Callout) -> bool {
        let is = |name, value: &str| callout.headers.get(name).as_deref() == Some(value);
        self.cluster == callout.cluster
            && is(":authority", &self.authority)
            && is(":path", &self.path)
    }
}

// === impl Asked ===

impl Asked {
    fn of(callout: &Callout, answered: bool) -> Self {
        let header = |name| callout.headers.get(name).unwrap_or_default();
        Self {
            cluster: callout.cluster.clone(),
            method: header(":method"),
            authority: header(":authority"),
            path: header(":path"),
            answered,
        }
    }
}
