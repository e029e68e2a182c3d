//! What the tests share: the gates that run, and how to wait.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_envoy::build;
use tollgate_envoy::client::Request;
use tollgate_envoy::process::Tool;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::stack::{Builder, Stack};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The numbers of workers with which what they share is tested: alone, as many as cores, more than cores.
pub const WORKERS: [usize; 3] = [1, 2, 8];

/// A protected endpoint.
pub const AGENTS: &str = "/api/v1/agents";

/// The filter, built once.
pub static MODULE: LazyLock<PathBuf> = LazyLock::new(|| build::filter(&Progress::new()).unwrap());

/// The `tollgate` program of this build.
pub fn tool() -> Tool {
    Tool::at(env!("CARGO_BIN_EXE_tollgate"))
}

/// A stack to be started, with the demo's configuration.
pub fn stack() -> Builder {
    Stack::builder(tool()).module(&*MODULE)
}

/// The whole, with the real upstream. Its caps are lifted, because tests share it; and it has no directory of accounts, so
/// that an account is there as soon as a test has made it.
pub fn gate() -> &'static Stack {
    static GATE: LazyLock<Stack> = LazyLock::new(|| {
        let anybody = |policy: &mut Value| policy["accounts"]["directory"] = Value::Null;
        stack().policy(lift_caps).policy(anybody).start().unwrap()
    });
    &GATE
}

/// The same with an upstream that answers what it received.
pub fn echo() -> &'static Stack {
    static ECHO: LazyLock<Stack> =
        LazyLock::new(|| stack().echo().policy(lift_caps).start().unwrap());
    &ECHO
}

fn lift_caps(policy: &mut Value) {
    policy["caps"] = json!([]);
}

/// A request to a protected endpoint by a member of acme.
pub fn good(stack: &Stack) -> Request {
    stack
        .get(AGENTS)
        .account("acme")
        .bearer(stack.issuer().member("acme"))
}

/// One of the filter's counters or gauges; 0 where nothing was counted yet.
pub fn count(stack: &Stack, name: &str) -> u64 {
    let name = format!("wasmcustom.tollgate.{name}");
    stack.envoy().stat(&name).unwrap_or(0)
}

/// Waits until a filter with one worker, to which nobody else sends public requests, has told all that it has counted.
pub fn wait_until_told(stack: &Stack) {
    let public = || count(stack, "requests.public");
    let before = public();
    stack.get("/api/accounts").send().unwrap();
    wait_until("it tells what it has counted", || public() > before);
}

/// So many good requests, each on a connection of its own, so that every worker gets some: what became of them.
pub fn outcomes(stack: &Stack, number: usize) -> Vec<String> {
    let request = good(stack);
    let outcome = |_| request.send().unwrap().outcome();
    (0..number).map(outcome).collect()
}

/// Whether every worker lets good requests pass.
pub fn all_pass(stack: &Stack) -> bool {
    outcomes(stack, 20).iter().all(|outcome| outcome == "200")
}

/// What the echo upstream received under this name, in any spelling.
pub fn received(echo: &Value, name: &str) -> Vec<String> {
    let headers = echo["headers"]
        .as_array()
        .expect("an answer of the echo upstream");
    let named = headers
        .iter()
        .filter(|header| header[0].as_str().unwrap() == name);
    named
        .map(|header| header[1].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for a condition; `what` it is stands in the failure.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Tells others to stop when it is dropped, also by a test that fails: they would be waited for.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
