//! The tables of `envoy/CONFIGURATION.md`, made of the schema: whatever stands between `<!-- fields: PATH -->` and
//! `<!-- end -->` is the table of the object there, such as `issuers[].jwks`. Rows stay in the order that they have there.
//! Behind `<!-- warnings -->` stand those of `cargo tollgate check`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::check::warnings::Warning;

const FIELDS: &str = "<!-- fields: ";
const WARNINGS: &str = "<!-- warnings -->\n";
const CLOSED: &str = " -->\n";
const END: &str = "<!-- end -->";

/// The place of the whole configuration.
const WHOLE: &str = "configuration";

/// A marker that means nothing: what was found and what to write.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// Not closed.
    #[error("{FIELDS}… without ` -->` at its line's end, or without {END} behind it")]
    Open,
    /// There is no such object.
    #[error(
        "{FIELDS}{0} -->: the configuration has no object there; write a path such as issuers[].jwks"
    )]
    Path(String),
}

/// The page with its tables made anew.
///
/// # Errors
///
/// [`MarkerError`].
pub fn with_tables(page: &str) -> Result<String, MarkerError> {
    let schema = tollgate_config::schema();
    let schema = Document(&schema);
    let mut made = String::with_capacity(page.len());
    let mut rest = page;
    while let Some((before, marked)) = rest.split_once(FIELDS) {
        let (path, table) = marked.split_once(CLOSED).ok_or(MarkerError::Open)?;
        let (_, after) = table.split_once(END).ok_or(MarkerError::Open)?;
        let object = schema
            .object(path)
            .ok_or_else(|| MarkerError::Path(path.to_owned()))?;
        let table = schema.table(object, table);
        made.extend([before, FIELDS, path, CLOSED, &table, END]);
        rest = after;
    }
    made.push_str(rest);
    with_warnings(&made)
}

/// The page with the table of warnings made anew, if it has one.
fn with_warnings(page: &str) -> Result<String, MarkerError> {
    let Some((before, marked)) = page.split_once(WARNINGS) else {
        return Ok(page.to_owned());
    };
    let (_, after) = marked.split_once(END).ok_or(MarkerError::Open)?;
    let mut table = "| warning | reason |\n|---|---|\n".to_owned();
    for warning in Warning::ALL {
        let what = warning.what().replace('|', "\\|");
        // Writing to a text does not fail.
        let _ = writeln!(table, "| `{}` | {what} |", warning.name());
    }
    Ok([before, WARNINGS, &table, END, after].concat())
}

/// The schema with its definitions.
struct Document<'a>(&'a Value);

// === impl Document ===

impl<'a> Document<'a> {
    /// The object at a path such as `issuers[].jwks`.
    fn object(&self, path: &str) -> Option<&'a Map<String, Value>> {
        let mut found = self.0;
        if path != WHOLE {
            for step in path.split('.') {
                let (name, is_list) = match step.strip_suffix("[]") {
                    Some(name) => (name, true),
                    None => (step, false),
                };
                let object = self.resolved(found);
                found = self.resolved(object.get("properties")?.get(name)?);
                if is_list {
                    found = found
                        .get("items")
                        .or_else(|| found.get("additionalProperties"))?;
                }
            }
        }
        let found = self.resolved(found);
        let variants = found.get("oneOf").and_then(Value::as_array);
        variants
            .into_iter()
            .flatten()
            .map(|one| self.resolved(one))
            .chain([found])
            .filter_map(Value::as_object)
            .find(|object| object.contains_key("properties"))
    }

    /// What a reference stands for, and what there is besides `null`.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let place = name.trim_start_matches('#');
            return self
                .0
                .pointer(place)
                .map_or(schema, |found| self.resolved(found));
        }
        match schema
            .get("anyOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
        {
            Some([one, null]) if null == &serde_json::json!({"type": "null"}) => self.resolved(one),
            _ => schema,
        }
    }

    fn table(&self, object: &'a Map<String, Value>, before: &str) -> String {
        let mut table = "| field | form | default | what |\n|---|---|---|---|\n".to_owned();
        let required: Vec<&str> = object
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let properties = object.get("properties").and_then(Value::as_object);
        let mut properties: Vec<_> = properties.into_iter().flatten().collect();
        properties
            .sort_by_key(|(name, _)| before.find(&format!("| `{name}` |")).unwrap_or(usize::MAX));
        for (name, schema) in properties {
            let default = if required.contains(&name.as_str()) {
                "required".to_owned()
            } else {
                default(schema)
            };
            let form = self.form(schema).replace('|', "\\|");
            let what = text(schema, "description").replace('|', "\\|");
            // Writing to a text does not fail.
            let _ = writeln!(table, "| `{name}` | {form} | {default} | {what} |");
        }
        table
    }

    /// What is to be written, in words.
    fn form(&self, schema: &'a Value) -> String {
        let found = self.resolved(schema);
        if let Some(variants) = found.get("oneOf").and_then(Value::as_array) {
            let variants: Vec<_> = variants.iter().map(|one| self.variant(one)).collect();
            return variants.join("; ");
        }
        if let Some(names) = found.get("enum").and_then(Value::as_array) {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            return names.join(", ");
        }
        let is = |kind: &str| match found.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().any(|one| one == kind),
            Some(one) => one == kind,
            None => false,
        };
        let limits = limits(schema);
        if is("array") {
            let items = found.get("items").map(|items| self.form(items));
            return format!("list of {}{limits}", items.unwrap_or_default());
        }
        if is("object") {
            return match found.get("additionalProperties") {
                Some(Value::Object(_)) => "object, a member each".to_owned(),
                _ => "object".to_owned(),
            };
        }
        let kind = if is("boolean") {
            "`true` or `false`"
        } else if is("integer") {
            "whole number"
        } else if text(schema, "$ref").ends_with("/Duration") || is_duration(schema) {
            "duration"
        } else {
            "text"
        };
        format!("{kind}{limits}")
    }

    fn variant(&self, schema: &'a Value) -> String {
        let found = self.resolved(schema);
        if let Some(name) = found.get("const").and_then(Value::as_str) {
            return format!("`{name}`: {}", text(found, "description"));
        }
        let members = found.get("properties").and_then(Value::as_object);
        let names = members.into_iter().flatten().map(|(name, _)| name.as_str());
        format!("`{{{}}}`", names.collect::<Vec<_>>().join(", "))
    }
}

fn is_duration(schema: &Value) -> bool {
    let one = schema.pointer("/anyOf/0/$ref").and_then(Value::as_str);
    one.is_some_and(|name| name.ends_with("/Duration"))
}

/// Where nothing is written.
fn default(schema: &Value) -> String {
    match schema.get("default") {
        Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
        None if schema.get("anyOf").is_some()
            || text(schema, "type").is_empty() && schema.get("$ref").is_none() =>
        {
            "none".to_owned()
        }
        None if schema.get("$ref").is_some() => "its members'".to_owned(),
        None => "none".to_owned(),
    }
}

/// How much of it there may be.
fn limits(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).and_then(Value::as_u64);
    if let Some(words) = schema.get("x-range").and_then(Value::as_str) {
        return format!(", {words}");
    }
    match (
        number("minimum"),
        number("maximum").filter(|most| *most != u64::from(u32::MAX)),
    ) {
        (Some(least), Some(most)) => return format!(", {least} to {most}"),
        (None, Some(most)) => return format!(", {most} at most"),
        _ => {}
    }
    match (number("minItems"), number("maxItems")) {
        (Some(1), _) => ", one at least".to_owned(),
        (_, Some(most)) => format!(", {most} at most"),
        _ => String::new(),
    }
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema.get(name).and_then(Value::as_str).unwrap_or_default()
}
