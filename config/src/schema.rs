//! The JSON Schema of the configuration (draft 2020-12), of the same types that it is read into.

use std::borrow::Cow;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::written::{ALGORITHMS, Configuration, Membership, MembershipClaim, Span, Whole};

/// What `humantime` reads: numbers, each with its unit.
const DURATION: &str = r"^\s*([0-9][0-9\s]*(\.[0-9\s]*[0-9][0-9\s]*)?(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s|minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M|years|year|yrs|yr|y)\s*)+$";

/// The schema of a configuration. Whatever it refuses, [`crate::read`] or the rules behind it refuse; these know more, for
/// one that no two issuers are the same.
pub fn schema() -> Value {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<Configuration>();
    RecursiveTransform(tidied).transform(&mut schema);
    schema.to_value()
}

/// A list of algorithms. Here they are texts, and which of them there are the rules say.
pub(crate) fn algorithms(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "minItems": 1, "items": {"type": "string", "enum": ALGORITHMS}})
}

fn tidied(schema: &mut Schema) {
    // Doc comments are wrapped where the source is.
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    // What is asked for later, with words of its own, is optional to serde.
    if schema.get("type").is_some_and(|one| one == "string")
        && schema.get("default") == Some(&Value::Null)
    {
        schema.remove("default");
    }
}

// === impl Span ===

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": DURATION,
            "description": "A duration as text, such as 500ms, 30s, 10m, 24h or 1h 30m.",
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        humantime::format_duration(self.0)
            .to_string()
            .serialize(serializer)
    }
}

// === impl Whole ===

impl JsonSchema for Whole {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

// === impl Membership ===

impl JsonSchema for Membership {
    fn schema_name() -> Cow<'static, str> {
        "Membership".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let claim = generator.subschema_for::<MembershipClaim>();
        json_schema!({
            "description": "Which accounts a credential may act for.",
            "oneOf": [
                {
                    "type": "string",
                    "const": "any",
                    "description": "every holder may act for every account: say it only if that is so",
                },
                claim,
            ],
        })
    }
}
