//! What carries a configuration: each is read, and what is wrong in it is found at its place in the file.

use std::fmt::Write as _;

use super::{Finding, Level, Shown, all_findings, carrier, findings, lines, names};
use crate::check::warnings::Warning;

const PLUGIN: &str = "{issuers: [], mode: enforce}";
const PLUGIN_WITHOUT: &str = "{isuers: [], mode: enforce}";

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
            "a filter named \"tollgate\" whose typed_config",
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

/// Beside a gate too; other modules are nobody's concern.
#[test]
fn what_may_be_a_gate_beside_one_is_told() {
    let gate = filter("tollgate", 4);
    let module = "    vm_config: {code: {local: {filename: /gate.wasm}}}\n    configuration:";
    let with_module = |name: &str, filter: String| {
        let module = module.replace("    ", "        ");
        filter
            .replace("        configuration:", &module)
            .replace("name: tollgate", &format!("name: {name}"))
    };
    let unnamed = filter("auth", 4).replace("issuers", "isuers");
    let another = unnamed.replace(PLUGIN_WITHOUT, "{stat: a}");
    assert!(another.contains("{stat: a}"));
    for (other, what) in [
        (
            unnamed.replace("mode: enforce", "mode: enforce, caps: []"),
            "members of its configuration",
        ),
        (with_module("auth", another.clone()), "has a gate's module"),
        (
            "    name: tollgate\n    typed_config: {\"@type\": x}\n".to_owned(),
            "none of a Wasm filter",
        ),
    ] {
        let gate = with_module("tollgate", gate.clone());
        let text = format!("http_filters:\n  -\n{gate}  -\n{other}");
        let found = lines(&text);
        let said = found
            .iter()
            .filter(|line| line.contains("error") && line.contains(what));
        assert_eq!(said.count(), 1, "{text}: {found:?}");
    }
    let found = lines(&format!("http_filters:\n  -\n{gate}  -\n{another}"));
    assert!(
        !found.iter().any(|line| line.contains("not judged")),
        "{found:?}"
    );
}

/// A gate is found wherever it is; one that a matcher decides about is not everywhere.
#[test]
fn a_gate_within_another_filter_is_found() {
    let wasm = filter("tollgate", 8);
    let matcher = "  - name: tollgate\n    typed_config:\n      \"@type\": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher\n      extension_config:\n";
    let found = lines(&format!("http_filters:\n{matcher}{wasm}"));
    assert!(
        found
            .iter()
            .any(|line| line.contains("issuers: an empty list")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|line| line.contains("[gate-disabled]")),
        "{found:?}"
    );
    let (_, config) = wasm.split_once("typed_config:\n").unwrap();
    let discovered = format!(
        "http_filters:\n  - name: a\n    config_discovery:\n      default_config:\n{config}"
    );
    let found = lines(&discovered);
    assert!(
        found.iter().any(|line| line.contains("[fail-open]")),
        "{found:?}"
    );
    assert!(
        !found.iter().any(|line| line.contains("[gate-disabled]")),
        "{found:?}"
    );
}

/// An EnvoyPatchPolicy of one operation.
fn patch(op: &str, path: &str, value: &str) -> String {
    format!(
        "kind: EnvoyPatchPolicy\nspec:\n  jsonPatches:\n  - operation:\n      op: {op}\n      {path}\n{value}"
    )
}

/// The warnings, without the error that there is no gate in it.
fn of_patch(text: &str) -> Vec<&'static str> {
    let mut names = names(text);
    names.retain(|name| *name != "error");
    names
}

/// What a patch of Envoy Gateway's sets is judged as if it stood there.
#[test]
fn patches_are_judged() {
    let filters = "jsonPath: \"..http_filters[?match(@.name, 'x')]\"\n      path:";
    for (op, path, value, warning) in [
        (
            "add",
            "path: /a/0/config/failure_policy",
            "FAIL_OPEN",
            "fail-open",
        ),
        (
            "replace",
            "path: /a/0/config/failurePolicy",
            "3",
            "fail-open",
        ),
        (
            "replace",
            "path: /a/0/config/failure_policy",
            "FAIL_CLOSED",
            "no-fail-reload",
        ),
        (
            "remove",
            "path: /a/0/config/failure_policy",
            "",
            "no-fail-reload",
        ),
        (
            "add",
            "jsonPath: \"..typed_config['normalize_path']\"",
            "true",
            "path-tidied",
        ),
        (
            "add",
            "path: /typed_config/mergeSlashes",
            "\"true\"",
            "path-tidied",
        ),
        (
            "add",
            "path: /typed_config",
            "{normalize_path: true}",
            "path-tidied",
        ),
        (
            "add",
            &format!("{filters} /disabled"),
            "true",
            "gate-disabled",
        ),
        (
            "add",
            "path: /r/0/typed_per_filter_config",
            "{tollgate: {disabled: true}}",
            "gate-disabled",
        ),
        (
            "add",
            "path: /r/0",
            "{typed_per_filter_config: {tollgate: {disabled: true}}}",
            "gate-disabled",
        ),
        (
            "add",
            "path: /r/0/typed_per_filter_config/tollgate/disabled",
            "true",
            "gate-disabled",
        ),
        (
            "add",
            "path: /r/0/typed_per_filter_config/tollgate",
            "{disabled: true}",
            "gate-disabled",
        ),
    ] {
        let value = if value.is_empty() {
            String::new()
        } else {
            format!("      value: {value}\n")
        };
        let text = patch(op, path, &value);
        assert_eq!(of_patch(&text), [warning], "{text}");
    }
}

#[test]
fn patches_that_are_right_are_no_reason() {
    for (path, value) in [
        ("path: /a/0/config/failure_policy", "FAIL_RELOAD"),
        ("path: /typed_config/normalize_path", "false"),
        ("path: /hosts/disabled", "true"),
        ("path: /a", "{name: other, disabled: true}"),
    ] {
        let text = patch("add", path, &format!("      value: {value}\n"));
        assert_eq!(of_patch(&text), Vec::<&str>::new(), "{text}");
    }
}

/// The inside of a filter that a patch puts there is a gate too.
#[test]
fn a_patch_for_the_inside_of_a_filter_has_a_gate() {
    let wasm = filter("tollgate", 0);
    let (_, typed) = wasm.split_once("typed_config:\n").unwrap();
    let (_, config) = wasm.split_once("  config:\n").unwrap();
    let config = format!("    vm_config: {{vm_id: a}}\n{config}");
    for value in [typed, &config] {
        let text = format!("kind: EnvoyPatchPolicy\noperation:\n value:\n{value}");
        assert_eq!(places(&text).len(), 1, "{text}: {:?}", lines(&text));
        assert!(lines(&text).iter().any(|line| line.contains("[fail-open]")));
    }
}

/// Routes and patches in another document or file are about the same gate.
#[test]
fn files_are_judged_together() {
    let gate = format!("http_filters:\n  -\n{}", filter("edge", 4));
    let routes = "resources:\n- virtual_hosts: [{routes: [{typed_per_filter_config: {edge: {disabled: true}}}]}]\n";
    let disabled = |files: &[&str]| {
        let parsed: Vec<_> = files
            .iter()
            .map(|text| carrier::documents(text, false))
            .collect();
        let found = all_findings(&parsed);
        let is_one = |finding: &&Finding| finding.level == Level::Warning(Warning::GateDisabled);
        found
            .iter()
            .map(|found| found.iter().filter(is_one).count())
            .collect::<Vec<_>>()
    };
    assert_eq!(disabled(&[&gate, routes]), [0, 1]);
    assert_eq!(disabled(&[&format!("{gate}---\n{routes}")]), [1]);
    assert_eq!(disabled(&[&gate, &routes.replace("edge", "other")]), [0, 0]);
}

/// That Envoy Gateway lacks a patch is told until there is one for what it concerns.
#[test]
fn a_patch_policy_for_something_else_is_none() {
    let gate = format!(
        "kind: EnvoyExtensionPolicy\nspec:\n  wasm:\n  - name: tollgate\n    config: {PLUGIN}\n"
    );
    let is_told = |text: &str| {
        lines(text)
            .iter()
            .any(|line| line.contains("no EnvoyPatchPolicy"))
    };
    let patch = |name: &str| {
        format!(
            "---\nkind: EnvoyPatchPolicy\nspec: {{jsonPatches: [{{operation: {{op: add, path: {name}, value: false}}}}]}}\n"
        )
    };
    assert!(is_told(&gate));
    assert!(is_told(&format!("{gate}{}", patch("/clusters/0"))));
    assert!(is_told(&format!("{gate}{}", patch("/normalize_path"))));
    let both = format!(
        "{gate}{}{}",
        patch("/normalize_path"),
        patch("/failure_policy")
    );
    assert!(!is_told(&both));
}

/// Where Istio runs the gate is told where it is not before everything, or not for everything.
#[test]
fn the_place_in_istio() {
    let reference = include_str!("../../../istio/wasmplugin.yaml");
    let phase = "phase: AUTHN";
    for (to, name) in [
        ("phase: STATS", "filter-before"),
        ("x: y", "filter-before"),
        ("phase: AUTHN\n  type: NETWORK", "gate-disabled"),
        ("phase: AUTHN\n  match: [{mode: CLIENT}]", "note"),
    ] {
        let text = reference.replacen(phase, to, 1);
        assert_eq!(names(&text), [name], "{to}");
    }
    assert_eq!(lines(reference), Vec::<String>::new());
}

/// What a merge key brings in is not passed over.
#[test]
fn merge_keys_are_refused() {
    let text = "kind: WasmPlugin\nspec:\n  <<: {failStrategy: FAIL_OPEN}\n  pluginName: tollgate\n";
    assert!(lines(text)[0].starts_with("f:3:3: error: a merge key is not judged"));
    assert!(!lines("{\"issuers\": [], \"<<\": 1}")[0].contains("merge key"));
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
