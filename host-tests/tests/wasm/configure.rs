//! Only the configuration's bytes decide whether a worker starts: where one worker refuses what another took, Envoy
//! serves without the filter.

use host_tests::{Fault, Lie, Request, Token, Worker, World, configuration, status};
use serde_json::{Value, json};

fn refuse(configuration: &[u8], message: &str) {
    let mut worker = Worker::start(&World::new());
    assert!(!worker.configure(configuration), "taken: {message}");
    assert!(worker.host().logged(4, message), "{:?}", worker.host().log);
}

fn refuse_change(change: impl FnOnce(&mut Value), message: &str) {
    let mut configuration = configuration::inline();
    change(&mut configuration);
    refuse(configuration.to_string().as_bytes(), message);
}

#[test]
fn a_wrong_configuration_is_refused_and_the_log_says_why() {
    refuse(b"", "the configuration is refused");
    refuse(b"\xff\xfe", "the configuration is refused");
    refuse(b"{", "the configuration is refused");
    refuse_change(|c| c["issuers"] = json!([]), "issuers: an empty list");
    refuse_change(|c| c["isuers"] = json!([]), "isuers: unknown field");
    refuse_change(
        |c| c["routes"][0]["match"] = json!("GTE /x"),
        "routes[0].match: \"GTE /x\": unknown method",
    );
    refuse_change(
        |c| c["issuers"][0]["jwks"] = json!({"inline": {"keys": []}}),
        "issuers[0].jwks.inline: no usable key",
    );
    refuse_change(
        |c| c["api_keys"] = json!({"prefix": "sk_"}),
        "api_keys: missing field `introspection`",
    );
    refuse_change(
        |c| c["apikeys"] = json!({"prefix": "sk_"}),
        "apikeys: unknown field",
    );
}

#[test]
fn a_good_configuration_sets_up_ticks_and_counters_once() {
    let mut worker = World::new().worker(&configuration::remote());
    assert!(worker.host().tick_period.is_some());
    let defined = worker.host().count("proxy_define_metric");
    worker.request(Request::get("/api/accounts"));
    worker.tick();
    assert_eq!(worker.host().count("proxy_define_metric"), defined);
}

/// Calls to the host until the filter is configured.
fn calls(configuration: &Value) -> Vec<String> {
    let mut worker = World::new().worker(configuration);
    let calls = worker.host().trace.iter();
    calls.map(|call| call.name.clone()).collect()
}

#[test]
fn whatever_call_fails_the_worker_starts_and_lets_nobody_through_wrongly() {
    let configuration = configuration::capped(configuration::remote(), 1);
    let text = configuration.to_string();
    for (nth, call) in calls(&configuration).into_iter().enumerate() {
        for status in &status::FAILURES {
            let mut worker = Worker::start(&World::new());
            let fault = Fault::Status(*status);
            worker.host().faults.nth_of_all(nth, fault);
            let configured = worker.configure(text.as_bytes());
            assert!(configured, "{call} ({nth}) gives {status}");

            let forged = Token::good().other_key().signed();
            let request = Request::get("/x").account("acme").bearer(&forged);
            let outcome = worker.request(request);
            assert!(!outcome.is_forwarded(), "{call} ({nth}) gives {status}");
        }
    }
}

#[test]
fn nothing_random_is_asked_for() {
    let calls = calls(&configuration::capped(configuration::remote(), 1));
    assert!(!calls.contains(&"random_get".to_owned()), "{calls:?}");
}

#[test]
fn a_configuration_that_cannot_be_read_refuses_all_requests() {
    for status in status::FAILURES {
        let mut worker = Worker::start(&World::new());
        let fault = Fault::Status(status);
        worker.host().faults.always("proxy_get_buffer_bytes", fault);
        let text = configuration::inline().to_string();
        assert!(worker.configure(text.as_bytes()));
        assert!(worker.host().logged(4, "cannot be read"));
        let outcome = worker.request(Request::get("/api/accounts"));
        assert_eq!(outcome.summary(), "503 not_ready");
    }
}

#[test]
fn a_cluster_that_envoy_does_not_know_is_logged_and_tried_again() {
    let mut world = World::new();
    world.clusters.clear();
    let mut worker = world.worker(&configuration::remote());
    let said = |worker: &mut Worker| worker.host().logged(3, "knows no cluster `issuer`");
    assert!(
        !said(&mut worker),
        "where Envoy only validates, no cluster is known"
    );
    worker.tick();
    assert!(said(&mut worker));
    let tried = worker.host().count("proxy_http_call");
    world.clock.advance(std::time::Duration::from_secs(1));
    worker.tick();
    assert_eq!(worker.host().count("proxy_http_call"), tried + 1);
}

#[test]
fn no_lie_makes_it_trap() {
    let text = configuration::capped(configuration::remote(), 1).to_string();
    let ours = |(_, call): &(usize, String)| call.starts_with("proxy_");
    for (nth, call) in calls(&configuration::capped(configuration::remote(), 1))
        .into_iter()
        .enumerate()
        .filter(ours)
    {
        let numbers = [0, 1, u64::MAX].map(Fault::Number);
        for fault in Lie::ALL.map(Fault::Data).into_iter().chain(numbers) {
            let mut worker = Worker::start(&World::new());
            worker.host().faults.nth_of_all(nth, fault.clone());
            worker.configure(text.as_bytes());
            let outcome = worker.request(Request::get("/x").account("acme"));
            assert!(!outcome.is_forwarded(), "{call} ({nth}): {fault:?}");
        }
    }
}
