//! What the filter lets through is what the upstream understands: path tricks at every place of every route.

mod handlers;
mod tricks;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_envoy::client::Connection;
use tollgate_envoy::issuer::{ACCOUNTS_CLAIM, Draft};
use tollgate_envoy::stack::Stack;
use tollgate_envoy::trials::storm::http2::{End, Http2};
use tollgate_envoy::trials::storm::mirror::Field;
use tollgate_policy::assertion::AssertionKey;

use self::handlers::{Class, Told};
use self::tricks::Tried;
use super::{SOON_CLOSED, Version, field, head, pseudo};
use crate::world::stack;

const CLIENTS: usize = 12;

/// `normalize_path`, `merge_slashes`, `path_with_escaped_slashes_action`.
type Tidiness = (bool, bool, &'static str);

/// What Envoy may do to a path before the filter sees it. The first is the reference.
const TIDINESS: [Tidiness; 6] = [
    (false, false, "KEEP_UNCHANGED"),
    (true, true, "KEEP_UNCHANGED"),
    (true, true, "UNESCAPE_AND_FORWARD"),
    (false, true, "UNESCAPE_AND_REDIRECT"),
    (true, false, "REJECT_REQUEST"),
    (false, false, "UNESCAPE_AND_FORWARD"),
];

/// Every trick at some places of every route; at more of them for the reference.
#[test]
fn the_gate_and_the_upstream_read_the_same_route() {
    attack_each(
        |is_reference| if is_reference { 2 } else { 1 },
        &TIDINESS[..3],
    );
}

/// The same at every place, some 900,000 requests: `cargo test -p tollgate-envoy -- --ignored every_place`.
#[test]
#[ignore = "takes many minutes"]
fn the_gate_and_the_upstream_read_the_same_route_at_every_place() {
    attack_each(|_| usize::MAX, &TIDINESS);
}

/// With each of Envoy's ways to tidy paths up, and `over_2` over HTTP/2 too: every trick at so many places of each route.
fn attack_each(places: impl Fn(bool) -> usize, over_2: &[Tidiness]) {
    let operations = handlers::operations();
    let upstream = handlers::start(&operations);
    let stack = stack()
        .upstream(upstream.address())
        .policy(|policy| policy["caps"] = json!([]))
        .reloadable(Duration::from_secs(1))
        .start()
        .unwrap();
    for (normalize, merge, escaped) in TIDINESS {
        stack
            .reload_config(|config| {
                config.and_manager(|manager| {
                    manager["delayed_close_timeout"] = json!(SOON_CLOSED);
                    manager["normalize_path"] = json!(normalize);
                    manager["merge_slashes"] = json!(merge);
                    manager["path_with_escaped_slashes_action"] = json!(escaped);
                })
            })
            .unwrap();
        for version in [Version::One, Version::Two] {
            let tidiness = (normalize, merge, escaped);
            if version == Version::Two && !over_2.contains(&tidiness) {
                continue;
            }
            let is_reference = tidiness == TIDINESS[0];
            let tried = tricks::tricks(&operations, places(is_reference));
            let (seen, holes) = attack(&stack, version, &tried);
            assert!(holes.is_empty(), "{holes:#?}");
            println!(
                "normalize_path {normalize}, merge_slashes {merge}, {escaped}, {version:?}: {seen:?}"
            );
            // Or this says nothing: what is tried reaches handlers of all three kinds, and is refused, too.
            for kind in ["public", "protected", "admin", "nobody", "refused"] {
                assert!(
                    seen.get(kind).is_some_and(|count| *count > 20),
                    "{kind}: {seen:?}"
                );
            }
        }
    }
    // Were there a hole, it would be found.
    stack
        .reload(|policy| {
            let hole = json!({"match": "GET /api/v1/agents/{id}", "access": "public"});
            policy["routes"].as_array_mut().unwrap().push(hole);
        })
        .unwrap();
    let tried = tricks::tricks(&operations, 1);
    let (_, holes) = attack(&stack, Version::One, &tried);
    assert!(
        holes.iter().any(|hole| hole.contains("Protected")),
        "{holes:?}"
    );
}

/// Sends them all: how many came to which kind of handler, and those that came where they must not.
fn attack(
    stack: &Stack,
    version: Version,
    tried: &[Tried],
) -> (BTreeMap<String, usize>, Vec<String>) {
    let token = stack.issuer().mint(
        // Whatever the gate takes a path for, this passes: so the assertion tells what it was taken for.
        &Draft::administrator().claim(ACCOUNTS_CLAIM, json!(["acme"])),
    );
    let credentials = [
        field("x-account-id", "acme"),
        field("x-admin", "true"),
        field("authorization", format!("Bearer {token}")),
    ];
    let next = AtomicUsize::new(0);
    let seen = Mutex::new((BTreeMap::new(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::new(stack, version);
                while let Some(tried) = tried.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = client.send(tried, &credentials);
                    let judged = judge(stack, tried, &told);
                    let (kinds, holes) = &mut *seen.lock().unwrap();
                    match judged {
                        Ok(kind) => *kinds.entry(kind.to_owned()).or_default() += 1,
                        Err(hole) => holes.push(hole),
                    }
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

/// What the gate took it for, by what it asserts, is what the handler is that ran.
fn judge(stack: &Stack, tried: &Tried, answer: &Value) -> Result<&'static str, String> {
    let Some(told) = Told::from_json(answer) else {
        return Ok("refused");
    };
    let gate = match &told.assertion {
        None => Class::Public,
        Some(assertion) => {
            let key = AssertionKey::new(stack.assertion_key().as_bytes()).unwrap();
            let now = jsonwebtoken::get_current_timestamp();
            let said = key.verify(assertion, "upstream", now).unwrap();
            assert_eq!(said.account.as_str(), "acme", "{tried:?}");
            if said.admin {
                Class::Admin
            } else {
                Class::Protected
            }
        }
    };
    let Some(handler) = told.handler else {
        return Ok("nobody");
    };
    // The gate may ask for more than a handler does, but for no less.
    let is_safe = handler == gate || handler == Class::Public;
    if !is_safe {
        return Err(format!(
            "{tried:?}: {gate:?} to the gate, and {handler:?} to the upstream: {told:?}"
        ));
    }
    Ok(match handler {
        Class::Public => "public",
        Class::Protected => "protected",
        Class::Admin => "admin",
    })
}

/// A connection that is kept while it can be.
struct Client<'a> {
    stack: &'a Stack,
    version: Version,
    one: Option<Connection>,
    two: Option<Http2>,
}

impl<'a> Client<'a> {
    fn new(stack: &'a Stack, version: Version) -> Self {
        Self {
            stack,
            version,
            one: None,
            two: None,
        }
    }

    /// The answer; null where there is none that is JSON.
    fn send(&mut self, tried: &Tried, fields: &[Field]) -> Value {
        // Whatever is wrong with a connection that was used before, is not this request's fault.
        self.send_once(tried, fields)
            .or_else(|| self.send_once(tried, fields))
            .unwrap_or_default()
    }

    fn send_once(&mut self, tried: &Tried, fields: &[Field]) -> Option<Value> {
        let Tried { method, target } = tried;
        match self.version {
            Version::One => {
                let kept = self.one.take();
                let mut connection = kept.unwrap_or_else(|| self.stack.gate().connect().unwrap());
                connection.write(&head(method, target, fields)).ok()?;
                let answer = connection.receive(method).ok()?;
                if answer.header("connection") != Some("close") {
                    self.one = Some(connection);
                }
                Some(answer.json())
            }
            Version::Two => {
                let kept = self.two.take();
                let mut connection = match kept {
                    Some(connection) => connection,
                    None => Http2::connect(self.stack.gate()).unwrap(),
                };
                match connection.send(&pseudo(method, target, fields)).unwrap() {
                    End::Answered(body) => {
                        self.two = Some(connection);
                        Some(serde_json::from_slice(&body).unwrap_or_default())
                    }
                    End::Reset | End::Closed => None,
                }
            }
        }
    }
}
