//! The OpenAPI document: kept in the repository as it is made, and well formed.

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::super::document::text;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

/// What the document says of one method of one path.
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) is_internal: bool,
    pub(super) described: Value,
}

pub(super) fn document() -> Value {
    serde_json::from_str(&text().unwrap()).unwrap()
}

pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let mut operations = Vec::new();
    for (path, item) in paths {
        let item = item.as_object().unwrap();
        let methods = item.iter().filter(|(key, _)| *key != "servers");
        operations.extend(methods.map(|(method, described)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            is_internal: path.starts_with("/internal/"),
            described: described.clone(),
        }));
    }
    assert!(operations.len() > 30, "{}", operations.len());
    operations
}

impl Operation {
    pub(super) fn name(&self) -> &str {
        self.described["operationId"].as_str().unwrap()
    }

    /// Those in the `path`, the `query` or a `header`.
    pub(super) fn parameters(&self, at: &str) -> Vec<&Value> {
        let parameters = self.described["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        parameters.filter(|it| it["in"] == at).collect()
    }

    /// An example of what it takes, and its media type; none where it takes nothing.
    pub(super) fn example(&self, document: &Value) -> Option<(String, Value)> {
        let content = self.described["requestBody"]["content"].as_object()?;
        let (media_type, content) = content.iter().next().unwrap();
        let schema = resolved(document, &content["schema"]);
        Some((media_type.clone(), schema["examples"][0].clone()))
    }
}

/// What a reference refers to, or what is none as it is.
pub(super) fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.strip_prefix('#').unwrap())
            .unwrap_or_else(|| panic!("{reference} refers to nothing")),
        None => value,
    }
}

/// A schema of the document, with what it refers to.
pub(super) fn validator(document: &Value, schema: &Value) -> Validator {
    let schema = json!({"allOf": [schema], "components": document["components"]});
    jsonschema::draft202012::new(&schema).unwrap()
}

/// All values of a key, wherever it is.
fn all<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == key {
                    found.push(member);
                }
                all(member, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_file_is_the_document() {
    let file = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        file == text().unwrap(),
        "upstream/openapi.json is not what the routes are; run \
         `cargo run -p tollgate-upstream -- openapi > upstream/openapi.json` and look at the difference"
    );
}

#[test]
fn references_lead_somewhere() {
    let document = document();
    let mut references = Vec::new();
    all(&document, "$ref", &mut references);
    let referred: BTreeSet<_> = references.iter().map(|it| it.as_str().unwrap()).collect();
    for reference in &referred {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(referred.contains(reference.as_str()), "{reference}: unused");
        }
    }
}

#[test]
fn operations_are_described_whole() {
    let document = document();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().collect();
    let mut names = BTreeSet::new();
    for operation in operations(&document) {
        let name = operation.name();
        assert!(names.insert(name.to_owned()), "{name}: twice");
        assert!(operation.described["summary"].is_string(), "{name}");
        let tag = &operation.described["tags"][0];
        assert!(tags.iter().any(|it| it["name"] == *tag), "{name}: {tag}");

        let declared = operation.parameters("path");
        let declared: Vec<_> = declared.iter().map(|it| it["name"].as_str()).collect();
        let named = operation.path.split('/').filter_map(|segment| {
            let name = segment.strip_prefix('{')?;
            name.strip_suffix('}')
        });
        assert_eq!(declared, named.map(Some).collect::<Vec<_>>(), "{name}");

        let schemes = &document["components"]["securitySchemes"];
        for requirement in security(&document, &operation) {
            for scheme in requirement.as_object().unwrap().keys() {
                assert!(schemes[scheme].is_object(), "{name}: {scheme}");
            }
        }
        let responses = operation.described["responses"].as_object().unwrap();
        for (status, response) in responses {
            let response = resolved(&document, response);
            let description = response["description"].as_str().unwrap();
            assert!(!description.is_empty(), "{name}: {status}");
        }
    }
}

/// What the operation asks for: one of these.
pub(super) fn security<'a>(document: &'a Value, operation: &'a Operation) -> &'a Vec<Value> {
    let own = operation.described["security"].as_array();
    own.unwrap_or_else(|| document["security"].as_array().unwrap())
}

#[test]
fn schemas_are_schemas_and_examples_are_examples() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        if let Err(error) = jsonschema::meta::validate(schema) {
            panic!("{name}: {error}");
        }
    }
    for operation in operations(&document) {
        let Some((media_type, example)) = operation.example(&document) else {
            continue;
        };
        let name = operation.name();
        let schema = &operation.described["requestBody"]["content"][media_type]["schema"];
        let validator = validator(&document, schema);
        if let Err(error) = validator.validate(&example) {
            panic!("{name}: {error}");
        }
        // And not because everything is one.
        assert!(
            !validator.is_valid(&json!({})) || is_change(&operation),
            "{name}"
        );
        assert!(!validator.is_valid(&json!([])), "{name}");
    }
}

/// Where everything may be left out.
fn is_change(operation: &Operation) -> bool {
    operation.method == "PATCH" || operation.name() == "set_cap"
}
