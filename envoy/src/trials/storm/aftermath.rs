//! What a storm leaves behind: nothing, if all is well.

use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::Value;

use super::people::{HEADER, People, Right, account};
use super::witness::Upstream;
use crate::client::Origin;
use crate::stack::Stack;

/// How long it may take until all is at rest: what a failed virtual machine had under way counts for some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Good requests afterwards, each on a connection of its own, so that every worker gets some.
const GOOD: usize = 40;

/// What must be 0 in the end.
const AT_REST: [&str; 6] = [
    "wasmcustom.tollgate.caps.requests.in_flight",
    "http.edge.downstream_rq_active",
    "http.edge.downstream_cx_active",
    "cluster.upstream.upstream_rq_active",
    "cluster.keys.upstream_rq_active",
    "cluster.zitadel.upstream_rq_active",
];

/// What Envoy and its log say when a virtual machine has failed.
const TRAP_WORDS: [&str; 4] = ["unreachable", "Uncaught", "wasm trap", "in-VM failure"];

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Aftermath {
    /// What must be 0, and is not.
    pub not_at_rest: Vec<(String, u64)>,
    /// How often virtual machines were made anew, or could not be.
    pub reloads: u64,
    /// Lines of Envoy's log that speak of a virtual machine's failure.
    pub failures: usize,
    /// Good requests, and how many of them passed.
    pub good: (usize, usize),
    /// What the filter has counted as let through.
    pub forwarded: u64,
    /// The same for what is public.
    pub public: u64,
}

/// Waits until all is at rest, or should be.
pub fn look(stack: &Stack, people: &People, upstream: &Upstream, trapped: bool) -> Aftermath {
    let deadline = Instant::now() + PATIENCE;
    let stat = |name: &str| stack.envoy().stat(name);
    // What is not told is not known to be at rest.
    let left = |name: &str| stat(name).unwrap_or(u64::MAX);
    loop {
        let values = AT_REST.iter().map(|name| ((*name).to_owned(), left(name)));
        let not_at_rest: Vec<_> = values.filter(|(_, value)| *value != 0).collect();
        let good = good(stack, people);
        let is_at_rest = not_at_rest.is_empty() && good.0 == good.1;
        if is_at_rest || Instant::now() > deadline {
            // What a virtual machine has counted since its last tick ends with it.
            let until = if trapped { Instant::now() } else { deadline };
            let (forwarded, public) = let_through(stack, upstream, until);
            let log = stack.envoy().log();
            let failed = |line: &&str| TRAP_WORDS.iter().any(|word| line.contains(word));
            return Aftermath {
                not_at_rest,
                reloads: reloads(stack),
                failures: log.lines().filter(failed).count(),
                good,
                forwarded,
                public,
            };
        }
        thread::sleep(Duration::from_millis(if trapped { 500 } else { 100 }));
    }
}

/// What the filter has counted as let through, verified and public. It tells what it has counted with its ticks, so all
/// that has arrived may be told some moments later.
fn let_through(stack: &Stack, upstream: &Upstream, until: Instant) -> (u64, u64) {
    let counted = |what: &str| {
        let name = format!("wasmcustom.tollgate.requests.{what}");
        stack.envoy().stat(&name).unwrap_or(0)
    };
    loop {
        let (forwarded, public) = (counted("forwarded"), counted("public"));
        let arrived = upstream.arrived();
        let is_told = arrived.verified <= forwarded && arrived.public <= public;
        if is_told || Instant::now() > until {
            return (forwarded, public);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// All of `wasm.….vm_reload…`.
fn reloads(stack: &Stack) -> u64 {
    let asked = Origin::parse(stack.envoy().admin_url()).and_then(|admin| {
        let path = "/stats?format=json&filter=vm_reload";
        admin.get(path).send()
    });
    let stats = asked.map(|answer| answer.json()).unwrap_or_default();
    let stats = stats.get("stats").and_then(Value::as_array).cloned();
    let value = |stat: &Value| stat.get("value").and_then(Value::as_u64);
    stats.iter().flatten().filter_map(value).sum()
}

fn good(stack: &Stack, people: &People) -> (usize, usize) {
    let mut rng = Rng::with_seed(0);
    let token = loop {
        let credential = people.credential(&mut rng);
        if let (Right::Member(number), Some(header)) = (credential.right, credential.header) {
            break (number, header);
        }
    };
    let request = stack
        .get("/api/v1/agents")
        .header(HEADER, Right::Member(token.0).write())
        .account(account(token.0))
        .header("authorization", &token.1);
    let passes = |_: &usize| request.send().is_ok_and(|answer| answer.status == 200);
    (GOOD, (0..GOOD).filter(passes).count())
}
