//! `cargo tollgate check`, `schema`: each kind of file, by the program that people run.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The filter's configuration, right but for what is dangerous.
const POLICY: &str = "\
issuers:
- issuer: https://id.example.com
  audiences: [api]
  jwks: {cluster: zitadel, uri: https://id.example.com/keys}
  membership: any
assertion: {key_env: TOLLGATE_ASSERTION_KEY, audience: upstream}
caps: [{name: requests, limits: {per_minute: 60}}]
";

fn tollgate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// The lines and whether it ended well.
fn check(arguments: &[&str], input: &str) -> (Vec<String>, bool) {
    let output = tollgate(&[&["check"], arguments, &["-"]].concat(), input);
    let text = String::from_utf8(output.stdout).unwrap();
    (
        text.lines().map(str::to_owned).collect(),
        output.status.success(),
    )
}

/// Each line of a text so much further to the right.
fn indented(text: &str, spaces: usize) -> String {
    let indent = " ".repeat(spaces);
    text.lines()
        .flat_map(|line| [&indent, line, "\n"])
        .collect()
}

#[test]
fn the_reference_is_right_and_a_slip_in_it_is_found() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy.yaml");
    let output = tollgate(&["check", "--deny-warnings", reference], "");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"1 file: 0 errors, 0 warnings\n");

    // Beside it, a file may be without a filter.
    let (lines, is_right) = check(
        &["--deny-warnings", reference],
        "kind: Service\napiVersion: v1\n",
    );
    assert!(
        is_right && lines[0].starts_with("<stdin>:1:1: note: no Tollgate filter"),
        "{lines:?}"
    );

    // But one that may have a gate is not passed over.
    let other = "static_resources:\n  http_filters:\n  - name: gate\n    typed_config: {\"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm, config: {}}\n";
    let (lines, is_right) = check(&[reference], other);
    assert!(
        !is_right && lines[0].contains(": error: ") && lines[0].contains("a Wasm filter \"gate\""),
        "{lines:?}"
    );

    let text = tollgate_envoy::config::REFERENCE.replace("POST /api/login", "PSOT /api/login");
    let (lines, is_right) = check(&[], &text);
    let line = text.lines().position(|line| line.contains("PSOT")).unwrap() + 1;
    let expected = format!(
        "<stdin>:{line}:24: error: routes[2].match: \"PSOT /api/login\": unknown method; write GET, POST, … or *"
    );
    assert_eq!(lines, [expected.as_str(), "1 file: 1 error, 0 warnings"]);
    assert!(!is_right);
}

#[test]
fn the_filters_own_configuration() {
    let (lines, is_right) = check(&[], POLICY);
    assert!(
        lines[0].starts_with("<stdin>:5:3: warning: issuers[0].membership: "),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(" [membership-any]"), "{lines:?}");
    assert_eq!((lines.len(), is_right), (2, true));
    assert!(!check(&["--deny-warnings"], POLICY).1);

    let (lines, is_right) = check(&["--json"], &POLICY.replace("api]", "api]\n  isser: 1"));
    let found: Value = serde_json::from_str(&lines.concat()).unwrap();
    assert!(!is_right);
    assert_eq!(found[0]["line"], 4);
    assert_eq!(found[0]["level"], "error");
    assert_eq!(found[0]["path"], "issuers[0].isser");
    assert_eq!(found[1]["warning"], "membership-any");
}

#[test]
fn an_istio_wasm_plugin_among_other_documents() {
    let text = format!(
        "kind: Service\napiVersion: v1\n---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {{name: gate}}\nspec:\n  url: oci://example.com/tollgate:1\n  failStrategy: FAIL_OPEN\n  vmConfig:\n    env: [{{name: TOLLGATE_ASSERTION, valueFrom: HOST}}]\n  pluginConfig:\n{}",
        indented(&POLICY.replace("per_minute: 60", "per_minute: -1"), 4)
    );
    let (lines, is_right) = check(&[], &text);
    assert!(!is_right);
    let starts = [
        "<stdin>:7:1: warning: spec: Istio's own authentication and authorization act on requests before the gate",
        "<stdin>:9:3: warning: spec.failStrategy: ",
        "<stdin>:17:7: warning: issuers[0].membership: ",
        "<stdin>:18:17: warning: assertion.key_env: \"TOLLGATE_ASSERTION_KEY\" is not a variable that the filter sees; add it to vmConfig.env",
        "<stdin>:19:38: error: caps[0].limits.per_minute: invalid value: integer `-1`",
        "1 file: 1 error, 4 warnings",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line}\n{start}");
    }
}

#[test]
fn an_envoy_gateway_policy() {
    let text = format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyExtensionPolicy\nmetadata: {{name: gate}}\nspec:\n  wasm:\n  - name: other\n    failOpen: true\n    config: {{}}\n  - name: tollgate\n    failOpen: true\n    env: {{hostKeys: [TOLLGATE_ASSERTION_KEY]}}\n    config:\n{}",
        indented(POLICY, 6)
    );
    let (lines, is_right) = check(&[], &text);
    assert!(is_right);
    assert!(
        lines[0].starts_with("<stdin>:9:5: note: spec.wasm[1]: no EnvoyPatchPolicy"),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("<stdin>:10:5: warning: spec.wasm[1].failOpen: "),
        "{lines:#?}"
    );
    assert!(lines[2].contains("issuers[0].membership"), "{lines:#?}");
    assert_eq!(lines.len(), 4);
    let patches = "[{operation: {op: add, path: /normalize_path, value: false}}, {operation: {op: add, path: /failure_policy, value: FAIL_RELOAD}}]";
    let patch = format!("kind: EnvoyPatchPolicy\nspec: {{jsonPatches: {patches}}}\n");
    let (lines, _) = check(&[], &format!("{patch}---\n{text}"));
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

/// What is shipped, given together, has no errors and no warnings.
#[test]
fn what_is_shipped_is_right() {
    for directory in ["istio", "gateway", "kubernetes", "dynamic"] {
        let files = std::fs::read_dir(format!("{}/{directory}", env!("CARGO_MANIFEST_DIR")));
        let files: Vec<_> = files
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|file| file.extension().is_some_and(|end| end == "yaml"))
            .map(|file| file.to_str().unwrap().to_owned())
            .collect();
        let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy.yaml").to_owned();
        let files: Vec<_> = files
            .iter()
            .chain([&reference])
            .map(String::as_str)
            .collect();
        let output = tollgate(&[&["check", "--deny-warnings"], &*files].concat(), "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{directory}: {text}");
    }
}

#[test]
fn what_is_no_configuration_is_said_with_its_line() {
    let (lines, is_right) = check(&[], "issuers:\n- issuer: [\n");
    assert!(
        lines[0].starts_with("<stdin>:2:") && lines[0].contains("not valid YAML"),
        "{lines:?}"
    );
    assert!(!is_right);
    let (lines, is_right) = check(&[], "kind: Service\napiVersion: v1\n");
    assert!(
        lines[0].contains("no Tollgate filter in it; write"),
        "{lines:?}"
    );
    assert!(!is_right);
    let (lines, is_right) = check(
        &[],
        "apiVersion: a/v1\nkind: WasmPlugin\nspec:\n  phase: AUTHN\n  pluginName: tollgate\n  pluginConfig:\n",
    );
    let expected = "<stdin>:6:3: error: configuration: no configuration; write an object with";
    assert!(
        lines[0].starts_with(expected) && lines.len() == 2,
        "{lines:?}"
    );
    assert!(!is_right);
    let output = tollgate(&["check", "/nowhere/envoy.yaml"], "");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("/nowhere/envoy.yaml cannot be read")
    );
    assert!(!output.status.success());
}

#[test]
fn the_schema_is_printed() {
    let output = tollgate(&["schema"], "");
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let policy: Value = serde_saphyr::from_str(POLICY).unwrap();
    assert!(jsonschema::is_valid(&schema, &policy));
    assert!(!jsonschema::is_valid(&schema, &serde_json::json!({})));
}
