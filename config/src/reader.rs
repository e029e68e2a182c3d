//! From JSON's values to fields, with the place of what is wrong; an object is never written as a list of its members.
//!
//! serde's derived types take a list for an object, member by member in their order. That is for formats without names; in a
//! configuration it is a slip, which would give a cap of one window to another.

use std::cell::RefCell;
use std::fmt::Write;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::{Error, Map, Value, map};

/// Reads a value.
///
/// # Errors
///
/// Its place, such as `issuers[0].jwks`, none for the whole; and what is wrong there.
pub fn read<T: for<'de> Deserialize<'de>>(written: Value) -> Result<T, (Option<String>, String)> {
    let trail = RefCell::default();
    let reader = Reader {
        value: written,
        trail: &trail,
    };
    T::deserialize(reader).map_err(|error| {
        // A member can be without a name, and so at no place that could be named.
        let place = place(&trail.into_inner());
        ((!place.is_empty()).then_some(place), error.to_string())
    })
}

/// A step from a value to one in it.
enum Step {
    Member(String),
    Item(usize),
}

/// The steps to what is wrong, the last one first: each is added on the way back.
type Trail = RefCell<Vec<Step>>;

struct Reader<'t> {
    value: Value,
    trail: &'t Trail,
}

struct Items<'t> {
    rest: std::vec::IntoIter<Value>,
    /// The number of the next one.
    next: usize,
    trail: &'t Trail,
}

struct Members<'t> {
    rest: map::IntoIter,
    /// The one whose name was read.
    current: Option<(String, Value)>,
    trail: &'t Trail,
}

fn place(steps: &[Step]) -> String {
    let mut place = String::new();
    for step in steps.iter().rev() {
        // Writing to a text does not fail.
        let _ = match step {
            Step::Member(name) if place.is_empty() => write!(place, "{name}"),
            Step::Member(name) => write!(place, ".{name}"),
            Step::Item(number) => write!(place, "[{number}]"),
        };
    }
    place
}

// === impl Reader ===

impl Reader<'_> {
    fn list<'de, V: Visitor<'de>>(
        items: Vec<Value>,
        trail: &Trail,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let count = items.len();
        let mut items = Items {
            rest: items.into_iter(),
            next: 0,
            trail,
        };
        let read = visitor.visit_seq(&mut items)?;
        match items.rest.len() {
            0 => Ok(read),
            _ => Err(Error::invalid_length(count, &"fewer items")),
        }
    }

    fn object<'de, V: Visitor<'de>>(
        members: Map<String, Value>,
        trail: &Trail,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Members {
            rest: members.into_iter(),
            current: None,
            trail,
        })
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Array(items) => Self::list(items, self.trail, visitor),
            Value::Object(members) => Self::object(members, self.trail, visitor),
            scalar => scalar.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.value {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// Those of a configuration are texts.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

// === impl Items ===

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.rest.next() else {
            return Ok(None);
        };
        let trail = self.trail;
        let read = seed.deserialize(Reader { value, trail });
        if read.is_err() {
            trail.borrow_mut().push(Step::Item(self.next));
        }
        self.next += 1;
        read.map(Some)
    }
}

// === impl Members ===

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        let key: StringDeserializer<Error> = name.clone().into_deserializer();
        let read = seed.deserialize(key);
        if read.is_err() {
            self.trail.borrow_mut().push(Step::Member(name));
        } else {
            self.current = Some((name, value));
        }
        read.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let Some((name, value)) = self.current.take() else {
            return Err(Error::custom("a value before its name"));
        };
        let trail = self.trail;
        let read = seed.deserialize(Reader { value, trail });
        if read.is_err() {
            trail.borrow_mut().push(Step::Member(name));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Configuration;

    fn wrong(written: Value) -> (Option<String>, String) {
        read::<Configuration>(written).map(drop).unwrap_err()
    }

    #[test]
    fn a_list_is_no_object() {
        for (written, place) in [
            (json!([]), None),
            (json!({"issuers": [[]]}), Some("issuers[0]")),
            (
                json!({"issuers": [], "caps": [{"name": "a", "limits": [60]}]}),
                Some("caps[0].limits"),
            ),
            (
                json!({"issuers": [], "assertion": ["KEY", "upstream"]}),
                Some("assertion"),
            ),
            (
                json!({"issuers": [], "routes": [["GET /a", "public"]]}),
                Some("routes[0]"),
            ),
            (json!({"issuers": [], "errors": []}), Some("errors")),
        ] {
            let (found, message) = wrong(written.clone());
            assert_eq!(found.as_deref(), place, "{written}: {message}");
            assert!(message.contains("sequence"), "{written}: {message}");
        }
    }

    #[test]
    fn a_mistake_has_its_place() {
        for (written, place) in [
            (json!({"isuers": []}), "isuers"),
            (json!({"issuers": {}}), "issuers"),
            (json!({"issuers": [{"issuer": 1}]}), "issuers[0].issuer"),
            (
                json!({"issuers": [], "routes": [{"match": "a", "a b": 1}]}),
                "routes[0].a b",
            ),
        ] {
            assert_eq!(wrong(written).0.as_deref(), Some(place));
        }
        assert_eq!(wrong(json!({"": 1})).0, None);
    }
}
