//! The manifests against the published schemas of their kinds, in `envoy/schemas`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

const FOLDERS: [&str; 4] = ["istio", "gateway", "kubernetes", "kubernetes/plain"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document of every manifest, with its file.
fn documents() -> Vec<(PathBuf, Value)> {
    let mut documents = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(here().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for document in text.split("\n---\n") {
                let document = serde_saphyr::from_str(document);
                documents.push((path.clone(), document.unwrap()));
            }
        }
    }
    documents
}

/// What is wrong with a document.
fn problems(document: &Value) -> Vec<String> {
    let name = |field: &str| document[field].as_str().unwrap().replace('/', "-");
    let schema = format!("schemas/{}-{}.json", name("apiVersion"), name("kind"));
    let schema = fs::read_to_string(here().join(&schema)).expect(&schema);
    let schema = serde_json::from_str(&schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let problems = schema.iter_errors(document);
    problems
        .map(|problem| format!("{}: {problem}", problem.instance_path()))
        .collect()
}

/// All places of a document that are objects.
fn objects(document: &Value, place: &str, found: &mut Vec<String>) {
    match document {
        Value::Object(fields) => {
            found.push(place.to_owned());
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                objects(value, &format!("{place}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, &format!("{place}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// Where a schema says that anything may be: configurations of others, labels, and what is Kubernetes' own in another's kind.
const FREE: [&str; 14] = [
    "pluginConfig",
    "config",
    "value",
    "labels",
    "annotations",
    "matchLabels",
    "workloadSelector",
    "selector",
    "stringData",
    "env",
    "json",
    "requests",
    "limits",
    "drop",
];

#[test]
fn every_manifest_is_what_its_kind_is() {
    let documents = documents();
    assert!(documents.len() > 20, "{}", documents.len());
    let wrong = |(path, document): (PathBuf, Value)| {
        let problems = problems(&document);
        (!problems.is_empty()).then(|| (path, document["kind"].clone(), problems))
    };
    let wrong: Vec<_> = documents.into_iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A schema that lets everything pass would show nothing: a field too much, anywhere that is not free, is found.
#[test]
fn a_field_that_is_in_no_schema_is_found() {
    let mut tried = 0;
    for (path, document) in documents() {
        let mut places = Vec::new();
        objects(&document, "", &mut places);
        let is_free = |place: &String| place.split('/').any(|part| FREE.contains(&part));
        for place in places.iter().filter(|place| !is_free(place)) {
            let mut wrong = document.clone();
            wrong.pointer_mut(place).unwrap()["tollgateMisspelt"] = json!(1);
            let found = !problems(&wrong).is_empty();
            assert!(found, "{}: {place}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_value_of_another_type_or_name_is_found() {
    let changes = [
        ("WasmPlugin", "/spec/failStrategy", json!("FAIL_RETRY")),
        ("WasmPlugin", "/spec/phase", json!(1)),
        ("ServiceEntry", "/spec/ports/0/number", json!("443")),
        (
            "EnvoyFilter",
            "/spec/configPatches/0/applyTo",
            json!("HTTP"),
        ),
        (
            "EnvoyExtensionPolicy",
            "/spec/wasm/0/code/type",
            json!("File"),
        ),
        ("EnvoyPatchPolicy", "/spec/type", json!("Merge")),
        ("Gateway", "/spec", json!(null)),
        ("Deployment", "/spec/replicas", json!("two")),
        ("PodDisruptionBudget", "/spec/selector", json!([])),
    ];
    for (kind, place, value) in changes {
        let mut found = documents().into_iter().filter(|(_, it)| it["kind"] == kind);
        let (_, mut document) = found.next().expect(kind);
        *document.pointer_mut(place).expect(place) = value;
        assert!(!problems(&document).is_empty(), "{kind}: {place}");
    }
}

/// `kubectl apply -f FOLDER` takes files by name, and what is in a namespace that is not there yet is refused.
#[test]
fn the_namespace_comes_before_what_is_in_it() {
    let mut there: Vec<_> = documents();
    there.retain(|(path, _)| {
        path.parent()
            .is_some_and(|folder| folder.ends_with("kubernetes"))
    });
    there.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(there.len() > 4, "{there:?}");
    assert_eq!(there[0].1["kind"], "Namespace");
    for (path, document) in &there[1..] {
        let namespace = &document["metadata"]["namespace"];
        assert_eq!(
            *namespace,
            there[0].1["metadata"]["name"],
            "{}",
            path.display()
        );
    }
}

/// Applied once more, a manifest with values would write over those in use.
#[test]
fn secrets_are_made_by_the_documented_commands_and_are_in_no_manifest() {
    let readme = fs::read_to_string(here().join("kubernetes/README.md")).unwrap();
    let mut needed = Vec::new();
    for (path, document) in documents() {
        assert_ne!(document["kind"], "Secret", "{}", path.display());
        references(&document, &mut needed);
    }
    assert!(needed.len() >= 9, "{needed:?}");
    for (name, key) in needed {
        let command = readme
            .split("create secret generic ")
            .find(|rest| rest.starts_with(&name));
        let command = command.unwrap_or_default();
        assert!(
            command.contains(&format!("--from-literal={key}=")),
            "{name} {key}"
        );
    }
}

/// The names and keys of the secrets that a document refers to.
fn references(document: &Value, found: &mut Vec<(String, String)>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match document {
        Value::Object(fields) => {
            if let Some(secret) = fields.get("secretKeyRef") {
                found.push((text(&secret["name"]), text(&secret["key"])));
            }
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
