//! The status page in a real browser: it shows what the real Envoy decides, as it does, and says when Envoy is away.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tollgate_envoy::client::Origin;
use tollgate_envoy::stack::Stack;

use crate::browser::CHROMIUM;
use crate::world::{AGENTS, Stop, good, stack, wait_until};

/// The page as it is after so many seconds by its own clock, which runs ahead while nothing is under way.
fn page(browser: &Path, stack: &Stack, seconds: u32) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless=new",
            "--disable-gpu",
            "--no-sandbox",
            "--no-first-run",
        ])
        .args(["--disable-dev-shm-usage", "--disable-background-networking"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--virtual-time-budget={}", seconds * 1000))
        .args(["--dump-dom", &stack.status_url().unwrap()])
        .env("HOME", profile.path())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// One of each kind, with what the page calls it.
fn ask_each(stack: &Stack) -> [&'static str; 7] {
    let send = |request: tollgate_envoy::client::Request| drop(request.send().unwrap());
    send(good(stack));
    send(stack.get("/api/accounts"));
    send(stack.get("/api/v1/..%2fadmin"));
    send(stack.get(AGENTS));
    send(stack.get(AGENTS).account("acme").bearer("a.b.c"));
    send(
        stack
            .get(AGENTS)
            .account("globex")
            .bearer(stack.issuer().member("acme")),
    );
    send(
        stack
            .get("/api/admin/accounts")
            .account("platform")
            .bearer(stack.issuer().member("acme")),
    );
    [
        "forwarded",
        "public",
        "400 path_ambiguous",
        "400 account_missing",
        "401 token_malformed",
        "403 account_forbidden",
        "403 admin_required",
    ]
}

#[test]
fn the_page_shows_decisions_as_they_happen_and_that_envoy_is_away() {
    let Some(browser) = &*CHROMIUM else { return };
    let change = |policy: &mut serde_json::Value| {
        policy["caps"][0]["limits"] = serde_json::json!({"per_minute": 1_000_000});
    };
    let stack = stack().status_page().policy(change).start().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopped = Stop(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                ask_each(&stack);
            }
        });
        let kinds = ask_each(&stack);
        let mut shown = String::new();
        wait_until("the page shows each kind as it happens", || {
            shown = page(browser, &stack, 60);
            // Once in the table, and at least once in the feed.
            let (table, feed) = shown.split_once("id=\"feed\"").unwrap_or_default();
            let (_, table) = table.split_once("id=\"decisions\"").unwrap_or_default();
            kinds
                .iter()
                .all(|kind| table.contains(kind) && feed.contains(kind))
        });
        assert!(shown.contains("data-state=\"live\""), "{shown}");
        for step in ["Is the path readable?", "Within the caps?", "Forward"] {
            assert!(shown.contains(step), "{step}: {shown}");
        }
        drop(stopped);
    });
    // It tells of all accounts, so nobody reaches it by way of the gate, nor at the upstream's own port.
    for path in ["/status", "/status/stats", "/status/status.js"] {
        let by_the_gate = stack
            .get(path)
            .account("acme")
            .bearer(stack.issuer().member("acme"));
        assert_eq!(
            by_the_gate.send().unwrap().outcome(),
            "404 not_found",
            "{path}"
        );
        let upstream = Origin::parse(&stack.upstream_url()).unwrap();
        assert_ne!(upstream.get(path).send().unwrap().status, 200, "{path}");
    }
    let admin = Origin::parse(stack.envoy().admin_url()).unwrap();
    admin.post("/quitquitquit").send().unwrap();
    wait_until("the page says that Envoy is away", || {
        let shown = page(browser, &stack, 2);
        shown.contains("data-state=\"away\"") && shown.contains("Envoy is away since")
    });
}
