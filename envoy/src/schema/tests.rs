//! The schema in the repository is the types', and what it refuses the parser does.

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use tollgate_policy::config::Policy;

use crate::config::Config;

/// What stands in the reference for a member of each type.
const OTHERS: [fn() -> Value; 6] = [
    || Value::Null,
    || json!(true),
    || json!(-1),
    || json!("§"),
    || json!([1]),
    || json!({"§": 1}),
];

fn schema() -> Validator {
    jsonschema::validator_for(&tollgate_config::schema()).unwrap()
}

fn reference() -> Value {
    Config::reference().unwrap().policy().unwrap().clone()
}

#[test]
fn the_schema_in_the_repository_is_current() {
    assert!(
        include_str!("../../tollgate.schema.json") == super::text(),
        "run: cargo tollgate schema > envoy/tollgate.schema.json"
    );
}

#[test]
fn the_page_in_the_repository_is_current() {
    let page = include_str!("../../CONFIGURATION.md");
    assert!(
        super::reference::with_tables(page).unwrap() == page,
        "run: cargo tollgate schema --reference > page && mv page envoy/CONFIGURATION.md"
    );
}

#[test]
fn the_schema_takes_the_reference() {
    let refused: Vec<_> = schema()
        .iter_errors(&reference())
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// Each member of the reference left out, each place with something of another type, each object with a member more.
#[test]
fn schema_and_parser_agree_about_each_place_of_the_reference() {
    let schema = schema();
    let reference = reference();
    let mut seen = [0; 2];
    for place in places(&reference) {
        for change in changes(&reference, &place) {
            let text = change.to_string();
            let parser = Policy::from_bytes(text.as_bytes()).map(drop);
            let is_form = change
                .as_object()
                .is_none_or(|members| tollgate_config::read(members.clone()).is_err());
            let is_valid = schema.is_valid(&change);
            seen[usize::from(is_valid)] += 1;
            assert!(
                is_valid || parser.is_err() || is_list_for_object(&reference, &change, &place),
                "only the schema refuses: {place}: {text}"
            );
            assert!(
                !(is_valid && is_form),
                "only the parser refuses: {place}: {parser:?}"
            );
        }
    }
    // As many as the reference has places, some right and most wrong.
    assert!(seen[0] > 500 && seen[1] > 100, "{seen:?}");
}

/// The one thing that the parser takes and the schema does not: serde reads a list as an object whose members come in
/// order. Nobody writes that, and the schema should not propose it.
fn is_list_for_object(reference: &Value, change: &Value, place: &str) -> bool {
    let is = |value: &Value, kind: fn(&Value) -> bool| value.pointer(place).is_some_and(kind);
    is(reference, Value::is_object) && is(change, Value::is_array)
}

/// All places, as JSON pointers.
fn places(value: &Value) -> Vec<String> {
    let below = |name: String, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let below = places(value).into_iter();
        below
            .map(move |place| format!("/{name}{place}"))
            .collect::<Vec<_>>()
    };
    let mut found = vec![String::new()];
    match value {
        Value::Object(members) => {
            found.extend(
                members
                    .iter()
                    .flat_map(|(name, value)| below(name.clone(), value)),
            );
        }
        Value::Array(items) => {
            found.extend(
                items
                    .iter()
                    .enumerate()
                    .flat_map(|(place, value)| below(place.to_string(), value)),
            );
        }
        _ => {}
    }
    found
}

fn changes(reference: &Value, place: &str) -> Vec<Value> {
    let mut changes: Vec<Value> = OTHERS.map(|other| with(reference, place, other())).into();
    if let Some((parent, name)) = place.rsplit_once('/') {
        changes.push(changed(reference, parent, |value| match value {
            Value::Object(members) => {
                drop(members.remove(&name.replace("~1", "/").replace("~0", "~")));
            }
            Value::Array(items) => drop(items.remove(name.parse().unwrap())),
            _ => unreachable!("it has members"),
        }));
    }
    if reference.pointer(place).is_some_and(Value::is_object) {
        changes.push(changed(reference, place, |value| {
            value["unknown"] = json!(1);
        }));
        changes.push(with(reference, place, Value::Object(Map::new())));
    }
    changes
}

fn with(reference: &Value, place: &str, other: Value) -> Value {
    changed(reference, place, |value| *value = other)
}

fn changed(reference: &Value, place: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = reference.clone();
    change(changed.pointer_mut(place).unwrap());
    changed
}
