//! What goes wrong with configurations: a place in them, or their bytes.

use serde_json::{Map, Value, json};

use super::chance::Chance;

/// What makes a path public is left as it is.
const KEPT: [&str; 2] = ["/routes", "/mounts"];

/// More than any configuration needs, in bytes.
const HUGE: usize = 3 << 20;

/// As deep as it takes to use up a stack that nobody minds.
const DEEP: usize = 100_000;

/// Changes one place of a policy, to something else or to nothing.
#[expect(clippy::indexing_slicing, reason = "the place was found there")]
pub(super) fn mutate(policy: &mut Value, chance: &mut Chance) {
    let mut places = Vec::new();
    collect(policy, "", &mut places);
    places.retain(|place| !KEPT.iter().any(|kept| place.starts_with(kept)));
    let Some(place) = chance.pick(&places).cloned() else {
        return;
    };
    let (parent, name) = place.rsplit_once('/').unwrap_or_default();
    let name = name.replace("~1", "/").replace("~0", "~");
    let other = illegal(chance, 3);
    match policy.pointer_mut(parent) {
        Some(Value::Object(members)) => match chance.below(5) {
            0 => {
                members.remove(&name);
            }
            1 => {
                let old = members.remove(&name).unwrap_or_default();
                members.insert(format!("{name}s"), old);
            }
            2 => {
                members.insert(format!("x{}", chance.below(9)), other);
            }
            _ => {
                members.insert(name, other);
            }
        },
        Some(Value::Array(items)) => {
            let place = name.parse().unwrap_or(0);
            match chance.below(4) {
                0 => drop(items.remove(place)),
                1 => items.extend(items.get(place).cloned()),
                2 => items.push(other),
                _ => items[place..=place].fill(other),
            }
        }
        _ => {}
    }
}

/// All places in it, as JSON pointers.
fn collect(value: &Value, path: &str, places: &mut Vec<String>) {
    let mut one = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        let path = format!("{path}/{name}");
        collect(value, &path, places);
        places.push(path);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| one(name, value)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(place, value)| one(&place.to_string(), value));
        }
        _ => {}
    }
}

/// A value that is seldom right anywhere.
fn illegal(chance: &mut Chance, depth: usize) -> Value {
    let most = if depth == 0 { 10 } else { 12 };
    match chance.below(most) {
        0 => json!(null),
        1 => json!(chance.one_in(2)),
        2 => json!(chance.value([-1_i64, 0, 1, 4_294_967_296, i64::MAX, i64::MIN])),
        3 => json!(chance.value([0.5, 1e300, -0.0, 1e-9])),
        4 => json!(chance.value([
            "",
            " ",
            "\0",
            "\r\n",
            "any",
            "none",
            "HS256",
            "GET /",
            "*",
            "{",
            "\u{feff}",
            "\u{202e}x",
            "999999999999999999999h",
            "-1s",
            "1s",
            "5m",
            "ftp://a",
            "http://",
            "https://a@b",
            "(",
            "(a{1000}){1000}",
            "[",
            "x-admin",
        ])),
        5 => json!("a".repeat(1 << chance.below(17))),
        6 => json!([]),
        7 => json!({}),
        8 => {
            let mut deep = json!({});
            for _ in 0..chance.below(12) {
                deep = json!({"claim": [deep]});
            }
            deep
        }
        9 => json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        10 => (0..chance.below(5))
            .map(|_| illegal(chance, depth - 1))
            .collect(),
        _ => {
            let names = ["issuer", "cluster", "claim", "limits", "", "a\0b"];
            let mut object = Map::new();
            for _ in 0..chance.below(4) {
                object.insert(chance.value(names).to_owned(), illegal(chance, depth - 1));
            }
            Value::Object(object)
        }
    }
}

/// Bytes that are made of those of a right configuration, or not even that.
#[expect(
    clippy::indexing_slicing,
    reason = "the place is below their number, which is not 0"
)]
pub(super) fn spoil(mut bytes: Vec<u8>, chance: &mut Chance) -> Vec<u8> {
    let place = chance.below(bytes.len());
    match chance.below(14) {
        0 => Vec::new(),
        1 => b" \n\t ".to_vec(),
        2 => bytes[..place].to_vec(),
        // What a careless hand makes of it: a member twice, which is the last one's to many readers.
        3 => again(&bytes, "routes"),
        4 => again(&bytes, "issuers"),
        5 => [b"\xef\xbb\xbf", &bytes[..]].concat(),
        6 => [&bytes[..], b"}"].concat(),
        7 => {
            bytes[place] = chance.value([0xff, 0xc0, 0, b'"', b'}', 0x80]);
            bytes
        }
        8 => deep("[", "]", DEEP),
        9 => deep("{\"issuers\":", "}", DEEP),
        10 => {
            let text = format!("{{\"x\":\"{}\",", "y".repeat(HUGE));
            [text.as_bytes(), &bytes[1..]].concat()
        }
        11 => (0..chance.below(400)).map(|_| random(chance)).collect(),
        // Right, with white space around it.
        12 => [b"\r\n\t ", &bytes[..], b"\n\n"].concat(),
        _ => bytes,
    }
}

fn random(chance: &mut Chance) -> u8 {
    u8::try_from(chance.below(256)).unwrap_or(0)
}

/// The same object with a member that it has already.
fn again(bytes: &[u8], member: &str) -> Vec<u8> {
    let text = format!("{{\"{member}\":[],");
    let rest = bytes.strip_prefix(b"{").unwrap_or(bytes);
    [text.as_bytes(), rest].concat()
}

fn deep(open: &str, close: &str, depth: usize) -> Vec<u8> {
    [open.repeat(depth), "1".to_owned(), close.repeat(depth)]
        .concat()
        .into_bytes()
}
