//! The manifests for Istio and Envoy Gateway: the real Envoy with the filter that each control plane makes of them, and the gate that
//! comes of it. The filters' form is theirs (Istio's `pilot/pkg/model/extensions.go`, Envoy Gateway's
//! `internal/xds/translator/wasm.go`); the module is a file here, where they have one of their own fetch it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tollgate_envoy::client::Request;
use tollgate_envoy::config::{Config, ConfigError};
use tollgate_envoy::envoy::{Envoy, Setting};
use tollgate_envoy::issuer::AUDIENCE;
use tollgate_envoy::progress::Progress;
use tollgate_envoy::stack::Stack;
use tollgate_envoy::tools::Tools;

use crate::world::{AGENTS, MODULE, good, stack, wait_until};

/// The documents of a manifest.
fn documents(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(path).unwrap();
    let documents = text.split("\n---\n");
    documents
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect()
}

/// The configuration with the development issuer, as the text that both control planes make of it.
fn text(configuration: &Value, issuer: &str) -> String {
    let mut configuration = configuration.clone();
    configuration["issuers"][0]["audiences"] = json!([AUDIENCE]);
    let text = configuration.to_string();
    text.replace("https://id.example.com", issuer)
}

fn filter(name: &str, plugin: Value) -> Value {
    json!({"name": name, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": plugin,
    }})
}

fn string(text: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
}

/// What Istio makes of a WasmPlugin.
fn by_istio(plugin: &Value, issuer: &str) -> Value {
    let spec = &plugin["spec"];
    let policy = match spec["failStrategy"].as_str().unwrap() {
        "FAIL_CLOSE" => "FAIL_CLOSED",
        other => other,
    };
    let variables = spec["vmConfig"]["env"].as_array().unwrap();
    let from_host = |variable: &&Value| variable["valueFrom"] == "HOST";
    let hosts: Vec<_> = variables
        .iter()
        .filter(from_host)
        .map(|variable| &variable["name"])
        .collect();
    assert_eq!(hosts.len(), variables.len(), "no secret in the manifest");
    let name = "istio-ingress.tollgate";
    let plugin = json!({
        "name": name,
        "root_id": spec["pluginName"],
        "failure_policy": policy,
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": &*MODULE}},
            "environment_variables": {
                "host_env_keys": hosts,
                "key_values": {"ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION": "7"},
            },
        },
        "configuration": string(&text(&spec["pluginConfig"], issuer)),
    });
    filter(name, plugin)
}

/// What Envoy Gateway makes of a policy's filter, which it enables route by route.
fn by_gateway(policy: &Value, issuer: &str) -> Value {
    let wasm = &policy["spec"]["wasm"][0];
    let name = "envoyextensionpolicy/tollgate/tollgate/wasm/0";
    let plugin = json!({
        "name": wasm["name"],
        "root_id": wasm["rootID"],
        "fail_open": wasm["failOpen"],
        "failure_policy": "FAIL_RELOAD",
        "vm_config": {
            "vm_id": name,
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": &*MODULE}},
            "environment_variables": {"host_env_keys": wasm["env"]["hostKeys"]},
        },
        "configuration": string(&text(&wasm["config"], issuer)),
    });
    let mut filter = filter(&format!("envoy.filters.http.wasm/{name}"), plugin);
    filter["disabled"] = json!(true);
    filter
}

fn named(mut cluster: Config, ours: &str, theirs: &str) -> Result<Config, ConfigError> {
    cluster = cluster.change_cluster(ours, |cluster| {
        cluster["name"] = json!(theirs);
        cluster["load_assignment"]["cluster_name"] = json!(theirs);
    })?;
    Ok(cluster)
}

/// The whole gate: keys by the one cluster, the directory of accounts by the other.
fn decides(stack: &Stack) {
    let outcome = |request: &Request| request.send().unwrap().outcome();
    wait_until("a member passes", || outcome(&good(stack)) == "200");
    assert_eq!(outcome(&stack.get(AGENTS)), "400 account_missing");
    assert_eq!(outcome(&stack.get("/api/accounts")), "200");
    let stranger = good(stack).account("nobody");
    assert_eq!(
        outcome(&stack.get(AGENTS).account("acme")),
        "401 token_missing"
    );
    assert_ne!(outcome(&stranger), "200");
    let dots = stack.get("/api/v1/agents/../admin");
    assert_eq!(outcome(&dots), "400 path_ambiguous");
}

#[test]
fn a_gate_by_istio_decides() {
    let plugin = documents("istio/wasmplugin.yaml").remove(0);
    let stack = stack()
        .config_for(move |config, issuer| {
            let config = config.with_filter(Some(by_istio(&plugin, issuer.url())))?;
            let config = named(config, "zitadel", "outbound|443||id.example.com")?;
            let upstream = "outbound|8081||upstream.tollgate.svc.cluster.local";
            named(config, "accounts", upstream)
        })
        .start()
        .unwrap();
    decides(&stack);
}

#[test]
fn a_gate_by_envoy_gateway_decides() {
    let policy = documents("gateway/envoyextensionpolicy.yaml").remove(0);
    let stack = stack()
        .config_for(move |config, issuer| {
            let filter = by_gateway(&policy, issuer.url());
            let name = filter["name"].as_str().unwrap().to_owned();
            let enabled = json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}});
            config.with_filter(Some(filter))?.and_manager(|manager| {
                let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0];
                route["typed_per_filter_config"] = json!({name: enabled});
            })
        })
        .start()
        .unwrap();
    decides(&stack);
}

/// What the patches set is what the reference has, so that the gate sees the same paths and its questions have the same bounds.
#[test]
fn patches_say_what_the_reference_says() {
    let manager = reference_manager();
    let patches = documents("istio/envoyfilter.yaml").remove(0);
    let merged = &patches["spec"]["configPatches"][0]["patch"]["value"]["typed_config"];
    for (field, value) in merged.as_object().unwrap() {
        assert_eq!(manager.get(field), Some(value), "{field}");
        // Merged as protobufs, what has the default value changes nothing.
        let is_default = [json!(false), json!(0), json!("")].contains(value);
        assert!(!is_default, "{field}: Istio would not set it");
    }
    let first = &patches["spec"]["configPatches"][1]["patch"]["value"];
    assert_eq!(*first, manager["http_filters"][0]);

    let patches = documents("gateway/envoypatchpolicy.yaml").remove(0);
    let operation = &patches["spec"]["jsonPatches"][0]["operation"];
    assert_eq!(operation["path"], "/normalize_path");
    assert_eq!(operation["value"], manager["normalize_path"]);
}

/// The clusters that Envoy Gateway is told to add, in the real Envoy.
#[test]
fn clusters_of_the_patches_are_taken_by_envoy() {
    if !Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        eprintln!("skipped: there are no certificates of authorities");
        return;
    }
    let patches = documents("gateway/envoypatchpolicy.yaml").remove(0);
    let patches = patches["spec"]["jsonPatches"].as_array().unwrap();
    let clusters: Vec<_> = patches
        .iter()
        .filter(|patch| patch["type"] == "type.googleapis.com/envoy.config.cluster.v3.Cluster")
        .collect();
    assert_eq!(clusters.len(), 2);
    let mut config = Config::reference().unwrap().with_module(&MODULE).unwrap();
    for patch in clusters {
        let (name, value) = (&patch["name"], &patch["operation"]["value"]);
        assert_eq!(*name, value["name"]);
        config = config
            .change_cluster(name.as_str().unwrap(), |cluster| *cluster = value.clone())
            .unwrap();
    }
    let binary = Tools::new(Progress::new()).envoy().unwrap();
    let setting = Setting {
        binary: &binary,
        workers: 1,
        environment: &[],
        drain: None,
    };
    assert_eq!(Envoy::validate(setting, &config).unwrap(), Ok(()));
}

fn reference_manager() -> Value {
    let mut found = Value::Null;
    Config::reference()
        .unwrap()
        .and_manager(|manager| found = manager.clone())
        .unwrap();
    found
}
