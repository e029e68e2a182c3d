//! A `google.protobuf.Struct` as it is on the wire.
//!
//! Envoy hands a filter's configuration over as text only where it is a `StringValue`; anything else comes as its
//! encoding (`MessageUtil::anyToBytes`). A `Struct` lets operators write the configuration as YAML in Envoy's own.

use serde_json::{Map, Number, Value};

/// Deeper than any configuration.
const MAX_DEPTH: usize = 32;

/// Wire types (protobuf encoding guide).
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;

/// The message as JSON; nothing for bytes that are no `Struct`, and for members that are repeated.
pub fn object(message: &[u8]) -> Option<Map<String, Value>> {
    read_struct(message, MAX_DEPTH)
}

/// `map<string, Value> fields = 1`: entries with the key as 1 and the value as 2.
fn read_struct(mut message: &[u8], depth: usize) -> Option<Map<String, Value>> {
    let mut members = Map::new();
    while !message.is_empty() {
        let (1, Field::Bytes(mut entry)) = field(&mut message)? else {
            return None;
        };
        let (1, Field::Bytes(name)) = field(&mut entry)? else {
            return None;
        };
        let (2, Field::Bytes(value)) = field(&mut entry)? else {
            return None;
        };
        let name = str::from_utf8(name).ok()?.to_owned();
        let value = read_value(value, depth.checked_sub(1)?)?;
        if !entry.is_empty() || members.insert(name, value).is_some() {
            return None;
        }
    }
    Some(members)
}

/// `oneof kind { null = 1, number = 2, string = 3, bool = 4, struct = 5, list = 6 }`.
fn read_value(mut message: &[u8], depth: usize) -> Option<Value> {
    let value = match field(&mut message)? {
        (1, Field::Number(0)) => Value::Null,
        (2, Field::Fixed(bytes)) => Value::Number(Number::from_f64(f64::from_le_bytes(bytes))?),
        (3, Field::Bytes(text)) => Value::String(str::from_utf8(text).ok()?.to_owned()),
        (4, Field::Number(flag @ 0..=1)) => Value::Bool(flag == 1),
        (5, Field::Bytes(object)) => Value::Object(read_struct(object, depth)?),
        (6, Field::Bytes(list)) => Value::Array(read_list(list, depth)?),
        _ => return None,
    };
    message.is_empty().then_some(value)
}

/// `repeated Value values = 1`.
fn read_list(mut message: &[u8], depth: usize) -> Option<Vec<Value>> {
    let mut items = Vec::new();
    while !message.is_empty() {
        let (1, Field::Bytes(item)) = field(&mut message)? else {
            return None;
        };
        items.push(read_value(item, depth.checked_sub(1)?)?);
    }
    Some(items)
}

enum Field<'a> {
    Number(u64),
    Fixed([u8; 8]),
    Bytes(&'a [u8]),
}

/// The next field's number and content.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(message)?;
    let content = match tag & 7 {
        VARINT => Field::Number(varint(message)?),
        FIXED64 => {
            let (bytes, rest) = message.split_first_chunk()?;
            *message = rest;
            Field::Fixed(*bytes)
        }
        LENGTH_DELIMITED => {
            let length = usize::try_from(varint(message)?).ok()?;
            let (bytes, rest) = message.split_at_checked(length)?;
            *message = rest;
            Field::Bytes(bytes)
        }
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.split_off_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// What the protobuf library for Python writes for
    /// `{"a": {"b": [1.5, "x", true, false, null]}, "c": "y"}`.
    const WRITTEN: &[u8] =
        b"\n,\n\x01a\x12'*%\n#\n\x01b\x12\x1e2\x1c\n\t\x11\x00\x00\x00\x00\x00\x00\xf8?\
        \n\x03\x1a\x01x\n\x02 \x01\n\x02 \x00\n\x02\x08\x00\n\x08\n\x01c\x12\x03\x1a\x01y";

    #[test]
    fn a_struct_is_read() {
        let Value::Object(expected) = json!({"a": {"b": [1.5, "x", true, false, null]}, "c": "y"})
        else {
            unreachable!()
        };
        assert_eq!(object(WRITTEN), Some(expected));
    }

    #[test]
    fn a_repeated_member_or_a_cut_message_is_refused() {
        assert_eq!(object(&[WRITTEN, WRITTEN].concat()), None);
        // Between two members, a shorter message is whole.
        for length in (1..WRITTEN.len()).filter(|length| *length != 46) {
            assert_eq!(object(&WRITTEN[..length]), None, "{length}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut message: Vec<u8> = Vec::new();
        for _ in 0..40 {
            let mut value = vec![0x2a, u8::try_from(message.len()).unwrap()];
            value.extend(&message);
            let mut entry = vec![0x0a, 0, 0x12, u8::try_from(value.len()).unwrap()];
            entry.extend(value);
            if entry.len() > 110 {
                break;
            }
            message = vec![0x0a, u8::try_from(entry.len()).unwrap()];
            message.extend(entry);
        }
        assert!(read_struct(&message, 20).is_some());
        assert_eq!(read_struct(&message, 3), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = object(&message);
        }
    }
}
