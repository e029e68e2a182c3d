//! What carries a configuration: each is read, and what is wrong in it is found at its place in the file.

use std::fmt::Write as _;

use super::{Finding, Shown, findings, lines};

const PLUGIN: &str = "{issuers: [], mode: enforce}";

/// Where the empty list of issuers is said to be wrong.
fn places(text: &str) -> Vec<String> {
    let wrong = |line: &String| line.contains("issuers: an empty list");
    let place = |line: &String| line.split(": error").next().unwrap_or(line).to_owned();
    lines(text)
        .iter()
        .filter(|line| wrong(line))
        .map(place)
        .collect()
}

#[test]
fn istio_and_envoy_gateway() {
    let istio = format!(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec:\n  pluginName: tollgate\n  pluginConfig: {PLUGIN}\n"
    );
    assert_eq!(places(&istio), ["f:5:18"]);
    let gateway = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nspec:\n  wasm:\n  - name: other\n    config: {{a: 1}}\n  - name: tollgate\n    config: {PLUGIN}\n"
    );
    assert_eq!(places(&gateway), ["f:8:14"]);
    // Several documents, and a list of objects.
    assert_eq!(
        places(&format!("{istio}---\n{gateway}")),
        ["f:5:18", "f:14:14"]
    );
    let mut list = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    for (number, line) in istio.lines().enumerate() {
        let bullet = if number == 0 { "- " } else { "  " };
        writeln!(list, "{bullet}{line}").unwrap();
    }
    assert_eq!(places(&list), ["f:8:20"]);
}

/// A filter as Envoy has it, so far to the right.
fn filter(name: &str, indent: usize) -> String {
    let text = format!(
        "name: {name}\ntyped_config:\n  \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n  config:\n    failure_policy: FAIL_OPEN\n    configuration:\n      \"@type\": type.googleapis.com/google.protobuf.Struct\n      value: {PLUGIN}\n"
    );
    let indent = " ".repeat(indent);
    text.lines()
        .flat_map(|line| [&indent, line, "\n"])
        .collect()
}

#[test]
fn a_patch_of_envoy_gateway_and_a_resource_of_ecds() {
    let patch = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyPatchPolicy\nspec:\n  jsonPatches:\n  - operation:\n      op: add\n      value:\n{}",
        filter("a", 8)
    );
    assert_eq!(places(&patch), ["f:15:23"]);
    assert!(
        lines(&patch)
            .iter()
            .any(|line| line.contains("[fail-open]"))
    );
    let resource = "\"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    let ecds = format!("resources:\n- {resource}\n{}", filter("tollgate", 2));
    assert_eq!(places(&ecds), ["f:10:17"]);
    assert_eq!(
        places(&format!("{resource}\n{}", filter("tollgate", 0))),
        ["f:9:15"]
    );
}

/// The name of the object tells, where nothing in it does.
#[test]
fn an_object_named_as_the_gate_is_one() {
    let text = "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: tollgate}\nspec:\n  url: oci://registry/gate\n  pluginConfig: {isuers: []}\n";
    assert!(
        lines(text)
            .iter()
            .any(|line| line.contains("unknown field `isuers`")),
        "{:?}",
        lines(text)
    );
}

/// What may be a gate and was not judged is told.
#[test]
fn what_may_be_a_gate_is_told() {
    let unnamed = filter("gate", 4).replace("issuers", "isuers");
    for (text, place, what) in [
        (
            format!("http_filters:\n  -\n{unnamed}"),
            "f:6:7",
            "a Wasm filter \"gate\" with neither",
        ),
        (
            "kind: WasmPlugin\nmetadata: {name: gate}\nspec: {pluginConfig: {isuers: []}}\n".to_owned(),
            "f:1:1",
            "a WasmPlugin \"gate\" with neither",
        ),
        (
            "kind: List\nitems:\n- kind: EnvoyExtensionPolicy\n  spec: {wasm: [{config: {isuers: []}}]}\n".to_owned(),
            "f:3:3",
            "an EnvoyExtensionPolicy with neither",
        ),
        (
            "http_filters:\n- {name: tollgate, typed_config: {\"@type\": x}}\n".to_owned(),
            "f:2:3",
            "one named \"tollgate\" whose typed_config",
        ),
    ] {
        let found = lines(&text);
        assert!(
            found.len() == 1 && found[0].starts_with(&format!("{place}: error: ")) && found[0].contains(what),
            "{text}: {found:?}"
        );
    }
    let discovered =
        "http_filters:\n- {name: tollgate, config_discovery: {config_source: {ads: {}}}}\n";
    assert!(lines(discovered)[0].starts_with("f:1:1: error: no Tollgate filter in it; write"));
}

#[test]
fn an_envoy_filter_has_envoys_own() {
    let text = format!(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nspec:\n  configPatches:\n  - applyTo: HTTP_FILTER\n    patch:\n      operation: INSERT_BEFORE\n      value:\n        name: tollgate\n        typed_config:\n          \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm\n          config:\n            configuration:\n              \"@type\": type.googleapis.com/google.protobuf.Struct\n              value: {PLUGIN}\n"
    );
    assert_eq!(places(&text), ["f:15:23"]);
}

/// In a ConfigMap a configuration is text; its lines are the file's.
#[test]
fn a_config_map_has_it_as_text() {
    let yaml = "apiVersion: v1\nkind: ConfigMap\ndata:\n  tollgate.yaml: |\n    # ours\n    mode: enforce\n    issuers: []\n";
    assert_eq!(places(yaml), ["f:7:5"]);
    let json = "apiVersion: v1\nkind: ConfigMap\ndata:\n  tollgate.json: |\n    {\"mode\": \"enforce\",\n     \"issuers\": []}\n";
    assert_eq!(places(json), ["f:6:6"]);
}

/// What is broken in a ConfigMap's text is an error of the file: behind a good document, and from the start.
#[test]
fn what_is_broken_in_a_config_map_is_said() {
    let map = "apiVersion: v1\nkind: ConfigMap\ndata:\n  run.sh: |\n    if: [ tollgate\n  tollgate.yaml: |\n";
    let found = lines(&format!(
        "{map}    {PLUGIN}\n    ---\n    mode: enforce\n    mode: report\n"
    ));
    assert!(
        found
            .contains(&"f:10:5: error: \"mode\" is here twice (first at 3:1); keep one".to_owned()),
        "{found:?}"
    );
    let found = lines(&format!("{map}    a: [1\n    b: 2\n"));
    assert!(
        found.len() == 1 && found[0].starts_with("f:8:6: error: not valid YAML"),
        "{found:?}"
    );
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    tollgate.yaml: |\n      mode: enforce\n      issuers: []\n";
    assert_eq!(places(list), ["f:9:7"]);
}

/// In quoted text all places are the same; what stands before the gate is found nevertheless.
#[test]
fn order_is_known_in_quoted_text_too() {
    let bootstrap = crate::config::REFERENCE.replace("filters.http.cors", "filters.http.lua");
    let map = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "data": {"envoy.yaml": bootstrap},
    });
    let found = lines(&map.to_string());
    assert!(
        found.iter().any(|line| line.contains("[filter-before]")),
        "{found:?}"
    );
}

#[test]
fn what_carries_no_gate_is_not_judged() {
    for text in [
        "apiVersion: v1\nkind: Service\nspec: {}\n",
        "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nspec: {url: oci://registry/other, pluginConfig: {a: 1}}\n",
        "static_resources: {listeners: []}\n",
    ] {
        let found = lines(text);
        assert!(
            found.len() == 1 && found[0].contains("no Tollgate filter in it"),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn colours_are_put_around_and_not_into() {
    let found = findings("issuers: []", false);
    let shown = |in_colour| {
        let show = |finding: &Finding| {
            let file = "f";
            Shown {
                finding,
                file,
                in_colour,
            }
            .to_string()
        };
        found.iter().map(show).collect::<Vec<_>>().join("\n")
    };
    let coloured = shown(true);
    assert!(
        coloured.contains("\u{1b}[31m") || coloured.contains("\u{1b}[1;31m"),
        "{coloured:?}"
    );
    let plain = without_colours(&coloured);
    assert_eq!(plain, shown(false));
}

/// Without what sets colours.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}
