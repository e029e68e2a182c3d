//! A configuration is a pure function of its bytes: compiled twice, written out again, or as a `google.protobuf.Struct`, it
//! is the same; an error is one line that names the place; and what is accepted never lets a stranger in.
//!
//! Input: the bytes.

use serde_json::{Map, Value};
use tollgate_policy::config::Policy;
use tollgate_policy::decide::{Decision, decide};
use tollgate_policy::json;
use tollgate_policy::path::Path;
use tollgate_policy::request::Request;
use tollgate_policy::route::Access;

use crate::assert_fits_a_log;
use crate::world::World;

/// See the module.
pub fn check(bytes: &[u8]) {
    let policy = match Policy::from_bytes(bytes) {
        Ok(policy) => policy,
        Err(error) => {
            let again = Policy::from_bytes(bytes).expect_err("the same");
            assert_eq!(error, again);
            let text = error.to_string();
            assert_fits_a_log(&text);
            let (place, message) = text.split_once(": ").expect("a place");
            assert!(!place.is_empty() && !message.is_empty(), "{text}");
            return;
        }
    };
    let shown = format!("{policy:?}");
    let same = |bytes: &[u8]| {
        let again = Policy::from_bytes(bytes).map(|policy| format!("{policy:?}"));
        assert_eq!(again.as_ref(), Ok(&shown));
    };
    same(bytes);
    if let Ok(members) = json::object(bytes) {
        let written = Value::Object(members.clone());
        same(serde_json::to_string_pretty(&written).unwrap().as_bytes());
        if depth(&written) < 30 {
            same(&protobuf(&members));
        }
    }
    assert!(!policy.issuers.is_empty() || policy.api_keys.is_some());
    for issuer in &policy.issuers {
        assert!(!issuer.issuer.is_empty() && !issuer.audiences.is_empty());
        assert!(!issuer.algorithms.is_empty() && issuer.clock_skew.as_secs() <= 600);
        assert!(issuer.jwks.inline.is_some() || issuer.jwks.remote.is_some());
    }
    let header = policy.account_header.as_bytes();
    assert!(!header.is_empty() && header != b"authorization" && header != b"x-admin");
    strangers(&policy);
}

/// Without a credential only public routes are open.
fn strangers(policy: &Policy) {
    let world = World::new();
    for line in [
        "GET /",
        "POST /api/v1/agents",
        "DELETE /api/admin/x",
        "GET /hub-api/a",
    ] {
        let (method, target) = line.split_once(' ').unwrap();
        let headers: [(&[u8], &[u8]); 5] = [
            (b":method", method.as_bytes()),
            (b":path", target.as_bytes()),
            (policy.account_header.as_bytes(), b"acme"),
            (b"x-admin", b"true"),
            (b"authorization", b"Bearer e30.e30.AAAA"),
        ];
        let request = Request::read(headers, &policy.account_header);
        let path = Path::parse(target.as_bytes()).unwrap();
        let is_public = policy.class(&request, &path).access == Access::Public;
        let decision = decide(policy, &request, &world);
        assert_eq!(
            matches!(decision, Decision::Forward(_)),
            is_public,
            "{line}"
        );
    }
}

fn depth(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// `google.protobuf.Struct`, as Envoy writes it.
fn protobuf(members: &Map<String, Value>) -> Vec<u8> {
    let entries = members.iter().map(|(name, value)| {
        let entry = [bytes(1, name.as_bytes()), bytes(2, &protobuf_value(value))].concat();
        bytes(1, &entry)
    });
    entries.collect::<Vec<_>>().concat()
}

fn protobuf_value(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![8, 0],
        Value::Number(number) => {
            let number = number.as_f64().expect("finite");
            [&[17], &number.to_le_bytes()[..]].concat()
        }
        Value::String(text) => bytes(3, text.as_bytes()),
        Value::Bool(flag) => vec![32, u8::from(*flag)],
        Value::Object(members) => bytes(5, &protobuf(members)),
        Value::Array(list) => {
            let items = list.iter().map(|item| bytes(1, &protobuf_value(item)));
            bytes(6, &items.collect::<Vec<_>>().concat())
        }
    }
}

/// A length-delimited field.
fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut written = vec![field << 3 | 2];
    let mut length = content.len();
    while length >= 128 {
        written.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    written.push(u8::try_from(length).unwrap());
    [written, content.to_vec()].concat()
}
