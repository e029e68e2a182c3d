//! JSON without two readings: a repeated member is an error.
//!
//! RFC 8259 §4 leaves open which of two equal names counts, and RFC 7515 §4 lets a verifier refuse them; two
//! programs that choose differently would see two tokens in one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

/// Why a text is not one JSON object.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// No JSON.
    #[error("{0}")]
    Syntax(serde_json::Error),
    /// JSON of another type.
    #[error("not an object")]
    NotAnObject,
    /// A name twice in one object, at any depth.
    #[error("a repeated member")]
    RepeatedMember,
    /// Something behind it.
    #[error("something behind the object")]
    TrailingBytes,
}

/// Parses one JSON object.
///
/// # Errors
///
/// [`JsonError`].
pub fn object(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    // The visitor's one complaint of its own is the repeated member; everything else is serde_json's.
    let Strict(value) =
        Strict::deserialize(&mut reader).map_err(|error| match error.classify() {
            Category::Data => JsonError::RepeatedMember,
            Category::Io | Category::Syntax | Category::Eof => JsonError::Syntax(error),
        })?;
    reader.end().map_err(|_| JsonError::TrailingBytes)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

struct Strict(Value);

struct StrictVisitor;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // JSON cannot write one that is not finite.
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(Error::custom("a repeated member"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repeated_members_are_refused_at_any_depth() {
        assert!(object(br#"{"a":1,"b":{"a":1}}"#).is_ok());
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a":[{"b":1,"b":2}]}"#,
        ] {
            assert!(object(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn only_one_object_and_nothing_behind_it() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            "{\"a\":NaN}",
        ] {
            assert!(object(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(object(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(name in ".{0,8}", number in any::<i64>(), text in ".*") {
            prop_assume!(name != "x");
            let value = serde_json::json!({name: [number, text], "x": {"y": null, "z": true}});
            let Value::Object(members) = &value else { unreachable!() };
            prop_assert_eq!(&object(value.to_string().as_bytes()).unwrap(), members);
        }
    }
}
