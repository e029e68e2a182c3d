//! What Envoy says of configurations: the reference is right as it stands, and a wrong one is refused with its reason.

use std::path::Path;

use serde_json::{Value, json};
use tollgate_envoy::config::Config;
use tollgate_envoy::envoy::{Envoy, Setting};
use tollgate_envoy::net::loopback;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::tools::Tools;

use crate::world::MODULE;

/// What Envoy says: nothing if the configuration is right.
fn validate(config: &Config) -> Result<(), String> {
    let binary = Tools::new(Progress::new()).envoy().unwrap();
    let setting = Setting {
        binary: &binary,
        workers: 1,
        environment: &[],
        drain: None,
    };
    Envoy::validate(setting, config).unwrap()
}

/// The reference with another module, and without its certificates where the machine has none.
fn reference() -> Config {
    let config = Config::reference()
        .and_then(|config| config.with_module(&MODULE))
        .unwrap();
    if Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        return config;
    }
    config.with_cluster("zitadel", loopback(443)).unwrap()
}

#[test]
fn the_reference_is_right_as_it_stands() {
    assert_eq!(validate(&reference()), Ok(()));
}

#[test]
fn a_wrong_configuration_is_refused_with_its_reason() {
    let table: [(&str, Value, &str); 8] = [
        (
            "/mounts",
            json!(["hub-api"]),
            "mounts: \"hub-api\": a mount is",
        ),
        (
            "/issuers/0/audience",
            json!("api"),
            "issuers[0].audience: unknown field `audience`",
        ),
        (
            "/issuers/0/algorithms",
            json!(["HS256"]),
            "\"HS256\" is not available; write any of RS256",
        ),
        (
            "/issuers/0/clock_skew",
            json!(60),
            "expected a duration as text, such as \"30s\"",
        ),
        (
            "/routes/0/match",
            json!("GTE /x"),
            "routes[0].match: \"GTE /x\": unknown method",
        ),
        (
            "/caps/0/limits/per_minute",
            json!(0.5),
            "caps[0].limits.per_minute",
        ),
        (
            "/caps/0/limits/per_second",
            json!(1),
            "unknown field `per_second`",
        ),
        ("/mode", json!("audit"), "mode: "),
    ];
    for (pointer, value, reason) in table {
        let mut config = reference();
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        config.policy().unwrap().pointer_mut(parent).unwrap()[member] = value;
        let log = validate(&config).expect_err(pointer);
        assert!(log.contains(reason), "{pointer}: {log}");
    }
}
