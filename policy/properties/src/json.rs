//! The strict reader takes what serde_json takes, with the same value, unless a member is repeated.
//!
//! Input: a text.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tollgate_policy::json::{self, JsonError};

use crate::assert_fits_a_log;

/// See the module.
pub fn check(text: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(text);
    match (json::object(text), theirs) {
        (Ok(ours), theirs) => {
            assert!(!repeats(text));
            let ours = Value::Object(ours);
            if !has_private_name(&ours) {
                assert_eq!(ours, theirs.expect("JSON"));
            }
        }
        (Err(JsonError::RepeatedMember), Ok(_)) => assert!(repeats(text)),
        (Err(JsonError::NotAnObject), theirs) => assert!(!theirs.expect("JSON").is_object()),
        (Err(error), Ok(theirs)) => assert!(has_private_name(&theirs), "{error}"),
        (Err(error), Err(_)) => assert_fits_a_log(&error.to_string()),
    }
}

/// A name by which serde_json tells itself what a value is (`RawValue`): it does so from a client's text too, and takes the
/// text behind it for JSON.
fn has_private_name(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(has_private_name),
        Value::Object(members) => members.iter().any(|(name, value)| {
            name.starts_with("$serde_json::private") || has_private_name(value)
        }),
        _ => false,
    }
}

/// Whether any object in a text has a member twice.
fn repeats(text: &[u8]) -> bool {
    serde_json::from_slice::<Repeats>(text).is_ok_and(|Repeats(repeats)| repeats)
}

struct Repeats(bool);

struct Members;

impl<'de> Deserialize<'de> for Repeats {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Members).map(Self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(Repeats(repeats)) = items.next_element()? {
            found |= repeats;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut names = BTreeSet::new();
        let mut found = false;
        while let Some((name, Repeats(repeats))) = members.next_entry::<String, Repeats>()? {
            found |= repeats || !names.insert(name);
        }
        Ok(found)
    }
}
