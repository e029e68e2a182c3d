//! Every query has an answer, nothing fires while all is well, and each alert fires when its fault is caused.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_envoy::prometheus::Prometheus;
use tollgate_envoy::stack::Stack;
use tollgate_policy::api_key::{ApiKey, ENTROPY};

use super::dashboard::queries;
use super::{until_fires, until_quiet, values, watch};
use crate::caps_trap::{TRAP, TRAPPING};
use crate::world::{AGENTS, Stop, good, stack, wait_until};

fn fetch_often(policy: &mut Value) {
    for issuer in policy["issuers"].as_array_mut().unwrap() {
        for (field, value) in [
            ("refresh", "1s"),
            ("max_stale", "6s"),
            ("max_wait", "200ms"),
            ("timeout", "1s"),
        ] {
            issuer["jwks"][field] = json!(value);
        }
    }
}

/// A gate that fetches each second, has patience for half of one, and can be made to fail.
fn hasty() -> Stack {
    let change = |policy: &mut Value| {
        fetch_often(policy);
        policy["accounts"]["directory"]["refresh"] = json!("1s");
        policy["accounts"]["directory"]["timeout"] = json!("1s");
        let introspection = &mut policy["api_keys"]["introspection"];
        introspection["timeout"] = json!("1s");
        introspection["max_wait"] = json!("500ms");
        policy["caps"][0]["limits"] = json!({"concurrent": 1000, "per_minute": 1_000_000});
    };
    let stack = stack().module(&*TRAPPING).policy(change);
    stack.reloadable(Duration::from_secs(1)).start().unwrap()
}

/// A gate with as little room for counts as there can be, for a token that may act for whatever account.
fn narrow() -> Stack {
    let change = |policy: &mut Value| {
        fetch_often(policy);
        policy["issuers"][0]["membership"] = json!("any");
        policy["caps"] = json!([{"name": "requests", "limits": {"per_minute": 60}}]);
        policy["shared_counts"] = json!({"bytes": 1 << 20});
    };
    stack().echo().policy(change).start().unwrap()
}

/// A key that nobody has, another one each time.
fn unknown_key() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut entropy = [0; ENTROPY];
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    entropy[..4].copy_from_slice(&number.to_be_bytes());
    ApiKey::write("sk_live_", "acme", &entropy)
}

fn ask_with_unknown_key(stack: &Stack) {
    // What comes of it is in the statistics.
    let _ = stack.get(AGENTS).bearer(unknown_key()).send();
}

/// What there always is: members, public requests, and now and then a key.
fn keep_asking(stack: &Stack, stop: &AtomicBool) {
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let _ = good(stack).send();
        let _ = stack.get("/api/accounts").send();
        if number % 20 == 0 {
            ask_with_unknown_key(stack);
        }
        number += 1;
        thread::sleep(Duration::from_millis(20));
    }
}

/// The alerts that were seen.
struct Seen<'p> {
    prometheus: &'p Prometheus,
    alerts: RefCell<BTreeSet<&'static str>>,
}

impl Seen<'_> {
    fn fires(&self, alert: &'static str, act: impl FnMut()) {
        until_fires(self.prometheus, alert, act);
        self.alerts.borrow_mut().insert(alert);
        eprintln!("fires: {alert}");
    }
}

fn all_queries_have_answers(prometheus: &Prometheus) {
    let records = values("record: ")
        .into_iter()
        .map(|name| (name, name.to_owned()));
    let panels = queries();
    let panels = panels
        .iter()
        .map(|query| (&*query.panel, query.expression.clone()));
    for (place, expression) in records.chain(panels) {
        wait_until(&format!("{place} has data: {expression}"), || {
            let series = prometheus.query(&expression).unwrap();
            series.iter().any(|one| one["value"][1] != "NaN")
        });
    }
}

#[test]
fn every_query_has_an_answer_and_every_alert_fires_for_its_fault() {
    let (gate, narrow) = (hasty(), narrow());
    let prometheus = watch(&[gate.envoy().admin_url(), narrow.envoy().admin_url()]);
    let seen = Seen {
        prometheus: &prometheus,
        alerts: RefCell::default(),
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopped = Stop(&stop);
        scope.spawn(|| keep_asking(&gate, &stop));
        all_queries_have_answers(&prometheus);
        until_quiet(&prometheus);

        what_it_fetches(&gate, &seen);
        until_quiet(&prometheus);
        who_asks(&gate, &seen);
        counting(&narrow, &seen);
        the_gate_itself(&gate, &seen);
        drop(stopped);
    });
    drop(gate);
    drop(narrow);
    seen.fires("TollgateAbsent", || {});
    let all: BTreeSet<_> = values("alert: ").into_iter().collect();
    assert_eq!(*seen.alerts.borrow(), all, "not caused above");
}

fn what_it_fetches(gate: &Stack, seen: &Seen<'_>) {
    gate.issuer().down();
    for alert in [
        "TollgateKeysOld",
        "TollgateIssuerUnreachable",
        "TollgateKeysUnavailable",
        "TollgateUnavailable",
    ] {
        seen.fires(alert, || {});
    }
    gate.issuer().up().unwrap();
    until_quiet(seen.prometheus);

    let (upstream, _) = gate.service().unwrap();
    upstream.stall().unwrap();
    seen.fires("TollgateDirectoryStale", || {});
    seen.fires("TollgateIntrospectionFailing", || {
        ask_with_unknown_key(gate);
    });
    upstream.go_on().unwrap();
}

fn who_asks(gate: &Stack, seen: &Seen<'_>) {
    let ten = |request: tollgate_envoy::client::Request| {
        move || (0..10).for_each(|_| drop(request.send().unwrap()))
    };
    seen.fires(
        "TollgateMore401",
        ten(gate.get(AGENTS).account("acme").bearer("a.b.c")),
    );
    seen.fires(
        "TollgateMore403",
        ten(gate
            .get(AGENTS)
            .account("globex")
            .bearer(gate.issuer().member("acme"))),
    );
    seen.fires(
        "TollgateAmbiguousPaths",
        ten(gate.get("/api/v1/agents/..%2fadmin")),
    );
    seen.fires(
        "TollgateForgedIdentity",
        ten(good(gate).header("x-tollgate-subject", "admin")),
    );
}

fn counting(narrow: &Stack, seen: &Seen<'_>) {
    let token = narrow.issuer().member("acme");
    let mut connection = narrow.gate().connect().unwrap();
    let mut number = 0;
    let mut fill = || {
        for _ in 0..500 {
            let account = format!("a-very-long-name-of-an-account-that-takes-much-room-{number}");
            number += 1;
            let request = narrow.get(AGENTS).account(account).bearer(&token);
            connection.send(&request).unwrap();
        }
    };
    seen.fires("TollgateNotCounted", &mut fill);
    seen.fires("TollgateCountsNearlyFull", fill);
}

fn the_gate_itself(gate: &Stack, seen: &Seen<'_>) {
    let trap = || drop(gate.get(AGENTS).header(TRAP, "1").send());
    seen.fires("TollgateVmFailed", trap);
    seen.fires("TollgateVmKeepsFailing", trap);

    let refused = || {
        gate.reload(|policy| policy["routes"] = json!("all of them"))
            .unwrap_err()
    };
    seen.fires("TollgateConfigurationRejected", || drop(refused()));

    let key =
        |name: &'static str| move |policy: &mut Value| policy["assertion"]["key_env"] = json!(name);
    gate.reload(key("NOBODY_HAS_SET_THIS")).unwrap();
    seen.fires("TollgateNotConfigured", || {});
    gate.reload(key("TOLLGATE_ASSERTION_KEY")).unwrap();

    gate.reload(|policy| policy["mode"] = json!("report"))
        .unwrap();
    seen.fires("TollgateReportMode", || {});
}
