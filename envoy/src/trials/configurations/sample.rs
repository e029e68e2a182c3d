//! One configuration to try: what Envoy is given, and what must become of it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tollgate_policy::config::Policy;

use super::chance::Chance;
use super::documents;
use super::mutation;
use super::variation;

/// A configuration.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// What was done to the reference, for the table.
    pub(super) kind: Kind,
    /// The plugin's `configuration`: a `google.protobuf.Any` in JSON.
    pub(super) configuration: Value,
    /// What must become of it.
    pub(super) expected: Expected,
    /// The virtual machine's name.
    pub(super) vm_id: String,
}

/// What must become of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// All workers have it: this path is public now, and was not before.
    Taken(String),
    /// Nobody has it, and the log says why in these words.
    Refused(&'static str),
}

/// How a configuration came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Valid,
    Mutated,
    Text,
    Message,
    Documented,
}

/// How a policy is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Struct,
    Text,
    Bytes,
}

/// The filter's own words.
const REFUSED: &str = "tollgate: the configuration is refused: ";

/// Envoy's, which refuses before the filter sees it.
const BY_ENVOY: &str = "";

// === impl Sample ===

impl Sample {
    /// The configuration of this number; `base` is one that is right.
    pub(super) fn draw(number: u32, base: &Value, chance: &mut Chance) -> Self {
        let vm_id = if chance.one_in(25) {
            format!("tollgate-{number}")
        } else {
            "tollgate-edge".to_owned()
        };
        let (kind, configuration, expected) = match chance.below(20) {
            0..=7 => valid(number, base, chance),
            8..=13 => mutated(number, base, chance),
            14..=17 => text(number, base, chance),
            _ => message(chance),
        };
        Self {
            kind,
            configuration,
            expected,
            vm_id,
        }
    }

    /// Those of the documents, each with one more public path.
    pub(super) fn documented(base: &Value) -> Vec<Self> {
        let policies = documents::policies(base).into_iter().enumerate();
        let samples = policies.map(|(number, mut policy)| {
            let path = format!("/documented/{number}");
            let route = json!({"match": format!("GET {path}"), "access": "public"});
            if let Some(routes) = policy.get_mut("routes").and_then(Value::as_array_mut) {
                routes.insert(0, route);
            }
            Self {
                kind: Kind::Documented,
                configuration: Form::Struct.of(&policy),
                expected: Expected::Taken(path),
                vm_id: "tollgate-edge".to_owned(),
            }
        });
        samples.collect()
    }

    /// One that is right, and makes `path` public.
    pub(super) fn open(path: &str, base: &Value) -> Self {
        let mut policy = base.clone();
        variation::open(&mut policy, path);
        Self {
            kind: Kind::Valid,
            configuration: Form::Struct.of(&policy),
            expected: Expected::Taken(path.to_owned()),
            vm_id: "tollgate-edge".to_owned(),
        }
    }
}

type Drawn = (Kind, Value, Expected);

fn valid(number: u32, base: &Value, chance: &mut Chance) -> Drawn {
    let mut policy = base.clone();
    let path = variation::vary(&mut policy, number, chance);
    let form = chance.value([Form::Struct, Form::Text, Form::Bytes]);
    (Kind::Valid, form.of(&policy), Expected::Taken(path))
}

/// One that differs from a right one in a place or two, and so may be right as well.
fn mutated(number: u32, base: &Value, chance: &mut Chance) -> Drawn {
    let mut policy = base.clone();
    let path = variation::vary(&mut policy, number, chance);
    for _ in 0..=chance.below(2) {
        mutation::mutate(&mut policy, chance);
    }
    let form = chance.value([Form::Struct, Form::Text]);
    let expected = expected(policy.to_string().as_bytes(), path);
    (Kind::Mutated, form.of(&policy), expected)
}

/// Bytes that are nearly the text of a configuration, or not at all.
fn text(number: u32, base: &Value, chance: &mut Chance) -> Drawn {
    let mut policy = base.clone();
    let path = variation::vary(&mut policy, number, chance);
    let bytes = mutation::spoil(policy.to_string().into_bytes(), chance);
    let expected = expected(&bytes, path);
    (Kind::Text, bytes_value(&bytes), expected)
}

/// A message of another type than a configuration has.
fn message(chance: &mut Chance) -> Drawn {
    let google = |name: &str, value: Value| json!({"@type": format!("type.googleapis.com/google.protobuf.{name}"), "value": value});
    let (message, words) = chance.value([
        (google("Duration", json!("5s")), REFUSED),
        (google("Int32Value", json!(7)), REFUSED),
        (google("BoolValue", json!(true)), REFUSED),
        (google("Timestamp", json!("2026-01-01T00:00:00Z")), REFUSED),
        (google("ListValue", json!([{}, []])), REFUSED),
        (google("Value", json!({"issuers": []})), REFUSED),
        (google("Empty", json!({})), REFUSED),
        (google("StringValue", json!("")), REFUSED),
        (google("Struct", json!({})), REFUSED),
        (google("FieldMask", json!("a,b")), REFUSED),
        (google("Struct", json!([1])), BY_ENVOY),
        (google("NoSuchThing", json!({})), BY_ENVOY),
        (json!({"value": {}}), BY_ENVOY),
    ]);
    (Kind::Message, message, Expected::Refused(words))
}

/// What the rules say of these bytes, here, where nothing of Envoy is.
fn expected(bytes: &[u8], path: String) -> Expected {
    match Policy::from_bytes(bytes) {
        Ok(_) => Expected::Taken(path),
        Err(_) => Expected::Refused(REFUSED),
    }
}

/// Bytes as they are, which need not be text.
pub(super) fn bytes_value(bytes: &[u8]) -> Value {
    json!({
        "@type": "type.googleapis.com/google.protobuf.BytesValue",
        "value": BASE64_STANDARD.encode(bytes),
    })
}

// === impl Form ===

impl Form {
    fn of(self, policy: &Value) -> Value {
        match self {
            Self::Struct => {
                json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": policy})
            }
            Self::Text => json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": policy.to_string(),
            }),
            Self::Bytes => bytes_value(policy.to_string().as_bytes()),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 5] = [
        Self::Documented,
        Self::Valid,
        Self::Mutated,
        Self::Text,
        Self::Message,
    ];

    /// For the table.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "those of the documents",
            Self::Valid => "variations that are right",
            Self::Mutated => "mutations of them",
            Self::Text => "bytes that are nearly right",
            Self::Message => "other protobuf messages",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_drawn_is_right_or_wrong_as_it_says_and_there_is_enough_of_each() {
        let base = Config::reference().unwrap().policy().unwrap().clone();
        let mut chance = Chance::new(7);
        let mut taken = [0; 4];
        let mut refused = [0; 4];
        for number in 0..400 {
            let sample = Sample::draw(number, &base, &mut chance);
            match &sample.expected {
                Expected::Taken(_) => taken[sample.kind as usize] += 1,
                Expected::Refused(_) => refused[sample.kind as usize] += 1,
            }
            if sample.kind == Kind::Valid && sample.configuration["value"].is_object() {
                let text = sample.configuration["value"].to_string();
                let parsed = Policy::from_bytes(text.as_bytes()).map(drop);
                assert_eq!(parsed, Ok(()), "{text}");
            }
        }
        assert!(taken[0] > 50 && refused[0] == 0, "{taken:?} {refused:?}");
        assert!(taken[1] > 10 && refused[1] > 30, "{taken:?} {refused:?}");
        assert!(taken[2] > 5 && refused[2] > 20, "{taken:?} {refused:?}");
        assert!(taken[3] == 0 && refused[3] > 10, "{taken:?} {refused:?}");
    }
}
