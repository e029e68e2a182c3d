//! The upstream's manifest against the upstream's own options.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Args, Command};
use serde_json::Value;

/// The container, as the manifest has it.
fn container() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes/upstream.yaml");
    let text = fs::read_to_string(path).unwrap();
    let documents = text.split("\n---\n");
    let mut documents = documents.map(|it| serde_saphyr::from_str::<Value>(it).unwrap());
    let deployment = documents.find(|it| it["kind"] == "Deployment").unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0].clone()
}

/// Variables that are options, and those that options name by default.
fn known() -> (BTreeSet<String>, BTreeSet<String>) {
    let command = tollgate_upstream::Options::augment_args(Command::new("serve"));
    let (mut options, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for argument in command.get_arguments() {
        let text = |it: &std::ffi::OsStr| it.to_string_lossy().into_owned();
        options.extend(argument.get_env().map(text));
        if argument.get_id().as_str().ends_with("_env") {
            secrets.extend(argument.get_default_values().iter().map(|it| text(it)));
        }
    }
    (options, secrets)
}

#[test]
fn each_variable_is_one_that_the_upstream_reads() {
    let (options, secrets) = known();
    assert_eq!(secrets.len(), 4, "{secrets:?}");
    let container = container();
    let variables = container["env"].as_array().unwrap();
    let name = |variable: &Value| variable["name"].as_str().unwrap().to_owned();
    let there: BTreeSet<_> = variables.iter().map(name).collect();
    for variable in &there {
        let is_known = options.contains(variable) || secrets.contains(variable);
        assert!(is_known, "{variable}");
    }
    let needed = [
        "TOLLGATE_DATABASE_URL",
        "TOLLGATE_ISSUER",
        "TOLLGATE_AUDIENCE",
    ];
    for needed in secrets.iter().map(String::as_str).chain(needed) {
        assert!(there.contains(needed), "{needed}");
    }
    for variable in variables {
        let is_secret = secrets.contains(&name(variable)) || name(variable).contains("_URL");
        let by_reference = variable.pointer("/valueFrom/secretKeyRef").is_some();
        assert_eq!(is_secret, by_reference, "{variable}");
    }
}

/// What is commented out for a rotation is what the upstream reads, too.
#[test]
fn the_lines_for_a_rotation_are_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kubernetes/upstream.yaml");
    let text = fs::read_to_string(path).unwrap();
    let (_, behind) = text.split_once("believed too.\n").unwrap();
    let lines = behind
        .lines()
        .map_while(|line| line.trim_start().strip_prefix("# "));
    let variables: Vec<Value> =
        serde_saphyr::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap();
    let (options, _) = known();
    let (names, secrets): (Vec<_>, Vec<_>) =
        variables.iter().partition(|it| it.get("value").is_some());
    assert_eq!((names.len(), secrets.len()), (2, 2), "{variables:?}");
    for (name, secret) in names.iter().zip(secrets) {
        assert!(options.contains(name["name"].as_str().unwrap()), "{name}");
        assert_eq!(name["value"], secret["name"]);
        assert_eq!(
            secret["valueFrom"]["secretKeyRef"]["name"],
            "tollgate-shared"
        );
    }
}

#[test]
fn it_listens_where_its_ports_are() {
    let container = container();
    let variables = container["env"].as_array().unwrap();
    for (name, port) in [("TOLLGATE_LISTEN", 0), ("TOLLGATE_INTERNAL_LISTEN", 1)] {
        let variable = variables.iter().find(|it| it["name"] == name).unwrap();
        let port = &container["ports"][port]["containerPort"];
        assert_eq!(variable["value"], format!("0.0.0.0:{port}"));
    }
}
