//! What a scalar without quotes is, which depends on who reads it.

use serde_json::{Map, Number, Value};

use super::document::{Content, Node, Scalar};

/// Who reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Envoy's own reader of YAML (`parseYamlNode` in its `yaml_utility.cc`): there are no fractions, and a whole number
    /// of more than 32 bits is a text.
    Envoy,
    /// Kubernetes (YAML 1.1 and 1.2, as far as they agree on numbers), and whoever it hands the object to.
    Kubernetes,
    /// JSON.
    Json,
}

// === impl Reader ===

impl Reader {
    /// The node as JSON, which is what the filter reads.
    pub fn value(self, node: &Node) -> Value {
        match &node.content {
            Content::Scalar(scalar) if scalar.is_plain => self.plain(&scalar.text),
            Content::Scalar(scalar) => Value::String(scalar.text.clone()),
            Content::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Content::Object(members) => {
                let members = members.iter();
                let member = members.map(|member| (member.name.clone(), self.value(&member.value)));
                Value::Object(member.collect::<Map<_, _>>())
            }
        }
    }

    /// Whether a scalar is `true` where a flag is expected: Protobuf's JSON, and so Envoy, takes it in quotes too.
    pub fn is_true(self, scalar: &Scalar) -> bool {
        scalar.text == "true" || scalar.is_plain && self.plain(&scalar.text) == Value::Bool(true)
    }

    fn plain(self, text: &str) -> Value {
        if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
            return Value::Null;
        }
        if let Some(flag) = self.flag(text) {
            return Value::Bool(flag);
        }
        if let Some(number) = whole(text) {
            let fits = i32::try_from(number).is_ok();
            return match self {
                Self::Envoy if !fits => Value::String(number.to_string()),
                _ => Value::Number(number.into()),
            };
        }
        let fraction = (self != Self::Envoy && looks_like_a_number(text))
            .then(|| text.parse().ok().and_then(Number::from_f64))
            .flatten();
        fraction.map_or_else(|| Value::String(text.to_owned()), Value::Number)
    }

    fn flag(self, text: &str) -> Option<bool> {
        if self == Self::Json {
            return text.parse().ok();
        }
        let lower = text.to_ascii_lowercase();
        let capital = lower.get(..1).map(str::to_ascii_uppercase)? + lower.get(1..)?;
        if ![&lower, &capital, &lower.to_ascii_uppercase()].contains(&&text.to_owned()) {
            return None;
        }
        match lower.as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }
}

fn whole(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(digits), _) => (16, digits),
        (_, Some(digits)) => (8, digits),
        _ => (10, digits),
    };
    let is_digits = !digits.is_empty() && digits.chars().all(|one| one.is_digit(radix));
    let number = is_digits.then(|| i64::from_str_radix(digits, radix).ok())??;
    Some(sign * number)
}

fn looks_like_a_number(text: &str) -> bool {
    text.starts_with(|one: char| one.is_ascii_digit() || matches!(one, '-' | '+' | '.'))
        && text.contains(|one: char| one.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars() {
        for (text, envoy, kubernetes) in [
            ("60", json!(60), json!(60)),
            ("-1", json!(-1), json!(-1)),
            ("0x10", json!(16), json!(16)),
            ("1.5", json!("1.5"), json!(1.5)),
            ("3000000000", json!("3000000000"), json!(3_000_000_000_i64)),
            ("yes", json!(true), json!(true)),
            ("Off", json!(false), json!(false)),
            ("oFf", json!("oFf"), json!("oFf")),
            ("~", json!(null), json!(null)),
            ("10m", json!("10m"), json!("10m")),
            ("é", json!("é"), json!("é")),
        ] {
            assert_eq!(Reader::Envoy.plain(text), envoy, "{text}");
            assert_eq!(Reader::Kubernetes.plain(text), kubernetes, "{text}");
        }
        assert_eq!(Reader::Json.plain("yes"), json!("yes"));
    }
}
