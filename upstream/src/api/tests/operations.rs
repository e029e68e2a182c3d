//! The OpenAPI document against the routers: what is described is there, what is there is described, and operations
//! take and answer what they say.

use std::collections::BTreeSet;

use axum::Router;
use axum::http::Method;
use serde_json::Value;
use tollgate_policy::assertion::{Assertion, CredentialKind};

use super::super::{HEALTH, PUBLIC, RESTRICTED, SECOND_MOUNT};
use super::credentials::{gate, internal_listener, key};
use super::document::{Operation, document, operations, resolved, security, validator};
use super::{
    ASSERTION, Answer, Headers, KEY, admin, ask_of, assertion, now, plausible, service, signed,
};

/// What an operation answers to whoever lacks the credential for it.
const LACKING: [&str; 5] = [
    "assertion_missing",
    "token_missing",
    "credential_not_allowed",
    "admin_required",
    "gate_credential_invalid",
];

/// What it answers to whoever has it: all that it needs was sent, and it went to the database, which is not there, or it
/// looked at what is none of a database's (the examples have no real keys and tokens in them).
const REACHED: [&str; 7] = [
    "",
    "database_unavailable",
    "keys_unavailable",
    "client_key_invalid",
    "user_token_invalid",
    "refresh_token_invalid",
    "origin_not_allowed",
];

/// An assertion of each kind, and the schemes of the document that such a caller has satisfied.
fn callers() -> [(&'static str, Option<Assertion>, &'static [&'static str]); 5] {
    let with = |credential, admin| {
        Some(Assertion {
            credential,
            ..assertion("acme", admin)
        })
    };
    [
        ("nobody", None, &[]),
        (
            "user",
            with(CredentialKind::Jwt, false),
            &["token", "account"],
        ),
        (
            "administrator",
            with(CredentialKind::Jwt, true),
            &["token", "account", "admin"],
        ),
        ("API key", with(CredentialKind::ApiKey, false), &["api_key"]),
        (
            "visitor",
            with(CredentialKind::RestrictedJwt, false),
            &["widget_token", "account"],
        ),
    ]
}

/// The document, and what it describes.
struct Described {
    document: Value,
    operations: Vec<Operation>,
    public: Router,
    internal: Router,
}

/// The mounts that have the operation.
fn mounts(operation: &Operation) -> &'static [&'static str] {
    match operation.path.as_str() {
        HEALTH => &[""],
        _ if operation.is_internal => &[""],
        _ => &["", SECOND_MOUNT],
    }
}

/// With a value for everything that must be there.
fn target(operation: &Operation) -> String {
    let id = "6b1a2f3c-0000-4000-8000-000000000000";
    let path = operation.path.replace("{id}", id);
    let path = path
        .replace("{account}", "acme")
        .replace("{cap}", "requests");
    let required = operation.parameters("query").into_iter();
    let query = required.filter(|it| it["required"] == true).map(|it| {
        let name = it["name"].as_str().unwrap();
        let value = match name {
            "client_key" => key().replace("sk_", "pk_"),
            _ => "acme".to_owned(),
        };
        format!("{name}={value}")
    });
    let query: Vec<_> = query.collect();
    [path, query.join("&")].join("?")
}

// === impl Described ===

impl Described {
    fn new() -> Self {
        let document = document();
        Self {
            operations: operations(&document),
            document,
            public: service(true),
            internal: internal_listener(),
        }
    }

    fn listener(&self, operation: &Operation) -> Router {
        if operation.is_internal {
            self.internal.clone()
        } else {
            self.public.clone()
        }
    }

    /// Asks with the document's own example, and looks at the answer.
    async fn send(&self, operation: &Operation, mount: &str, headers: Headers<'_>) -> Answer {
        let request = format!("{} {mount}{}", operation.method, target(operation));
        let (media_type, body) = match operation.example(&self.document) {
            Some((media_type, example)) if media_type == "application/json" => {
                (media_type, example.to_string())
            }
            Some((media_type, example)) => {
                let token = example["token"].as_str().unwrap();
                (media_type, format!("token={token}"))
            }
            None => ("text/plain".to_owned(), String::new()),
        };
        let headers = [headers, &[("content-type", media_type.as_str())]].concat();
        let answer = ask_of(self.listener(operation), &request, &headers, &body).await;
        self.assert_is_described(operation, &answer);
        answer
    }

    /// Status, media type, headers and body.
    fn assert_is_described(&self, operation: &Operation, answer: &Answer) {
        let name = operation.name();
        let response = &operation.described["responses"][answer.status.as_str()];
        let response = resolved(&self.document, response);
        assert!(response.is_object(), "{name}: {:?}", answer.brief());
        let headers = response["headers"].as_object().into_iter().flatten();
        for (header, _) in headers {
            let there = answer.headers.contains_key(header.as_str());
            assert!(there, "{name}: {header} of {:?}", answer.brief());
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.body, Value::Null, "{name}");
            return;
        };
        let media_type = answer.headers["content-type"].to_str().unwrap();
        let schema = &content[media_type]["schema"];
        let valid = validator(&self.document, schema).validate(&answer.body);
        if let Err(error) = valid.map_err(|error| error.to_string()) {
            panic!("{name}: {:?}: {error}", answer.brief());
        }
    }

    /// Whether one of the operation's requirements asks for no more than these.
    fn is_open_to(&self, operation: &Operation, schemes: &[&str]) -> bool {
        let mut requirements = security(&self.document, operation).iter();
        requirements.any(|requirement| {
            let mut asked = requirement.as_object().unwrap().keys();
            asked.all(|scheme| schemes.contains(&scheme.as_str()))
        })
    }
}

fn is_listed(operation: &Operation, list: &[(Method, &str)]) -> bool {
    let mut list = list.iter();
    list.any(|(method, path)| *method == operation.method.as_str() && *path == operation.path)
}

/// Paths, as the router was given them, as far as it shows them.
fn routed(router: &Router) -> BTreeSet<String> {
    let of_fallback = quoted(&Router::new().fallback(|| async {}));
    quoted(router).difference(&of_fallback).cloned().collect()
}

fn quoted(router: &Router) -> BTreeSet<String> {
    let shown = format!("{router:?}");
    let quoted = shown.split('"').skip(1).step_by(2);
    let paths = quoted.filter(|text| text.starts_with('/'));
    paths.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_routed_is_described() {
    let api = Described::new();
    let (mut public, mut internal) = (BTreeSet::new(), BTreeSet::new());
    for operation in &api.operations {
        let paths = mounts(operation).iter();
        let paths = paths.map(|mount| format!("{mount}{}", operation.path));
        let listener = if operation.is_internal {
            &mut internal
        } else {
            &mut public
        };
        listener.extend(paths);
    }
    internal.insert(HEALTH.to_owned());
    assert_eq!(routed(&api.public), public);
    assert_eq!(routed(&api.internal), internal);
}

#[tokio::test]
async fn paths_have_the_methods_that_are_described() {
    let api = Described::new();
    for operation in &api.operations {
        let same_path = api.operations.iter().filter(|it| it.path == operation.path);
        let mut methods: BTreeSet<_> = same_path.map(|it| it.method.as_str()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD");
        }
        let (gate, admin) = (gate(), admin());
        let headers = [("authorization", gate.as_str()), (ASSERTION, &admin)];
        for mount in mounts(operation) {
            let request = format!("TRACE {mount}{}", target(operation));
            let answer = ask_of(api.listener(operation), &request, &headers, "").await;
            assert_eq!(answer.brief(), (405, "method_not_allowed"), "{request}");
            let allowed = answer.headers["allow"].to_str().unwrap();
            assert_eq!(
                allowed.split(',').collect::<BTreeSet<_>>(),
                methods,
                "{request}"
            );
        }
    }
}

#[tokio::test]
async fn the_lists_of_routes_are_operations() {
    let api = Described::new();
    for operation in &api.operations {
        let name = operation.name();
        // With an account, or a key that has one, it is the gate that verifies; without, the handler does.
        let is_public = is_listed(operation, &PUBLIC);
        if !operation.is_internal && operation.path != HEALTH {
            let is_open = api.is_open_to(operation, &["token"])
                || operation.described["tags"][0] == "Widget visitors";
            assert_eq!(is_open, is_public, "{name}");
        }
        let is_restricted = is_listed(operation, &RESTRICTED);
        let visitor = &["widget_token", "account"];
        let is_open = api.is_open_to(operation, visitor) && !api.is_open_to(operation, &[]);
        assert_eq!(is_open, is_restricted, "{name}");
    }
    for (method, path) in PUBLIC.iter().chain(&RESTRICTED) {
        let mut operations = api.operations.iter();
        let found = operations.find(|it| it.path == *path && *method == it.method.as_str());
        assert!(found.is_some(), "{method} {path}");
    }
}

#[tokio::test]
async fn operations_are_for_the_callers_that_they_name() {
    let api = Described::new();
    for operation in api.operations.iter().filter(|it| !it.is_internal) {
        let name = operation.name();
        let is_public = is_listed(operation, &PUBLIC) || operation.path == HEALTH;
        for (who, caller, schemes) in callers() {
            // What a public operation verifies is no assertion.
            let schemes = if is_public { &[] } else { schemes };
            let is_open = api.is_open_to(operation, schemes);
            let caller = caller.map(|caller| signed(KEY, "upstream", now(), &caller));
            let headers = caller.iter().map(|caller| (ASSERTION, caller.as_str()));
            let headers: Vec<_> = headers.collect();
            for mount in mounts(operation) {
                let answer = api.send(operation, mount, &headers).await;
                let (_, code) = answer.brief();
                assert_eq!(
                    !LACKING.contains(&code),
                    is_open,
                    "{mount} {name}, {who}: {code}"
                );
                let needs_assertion = !is_public && headers.is_empty();
                assert_eq!(
                    code == "assertion_missing",
                    needs_assertion,
                    "{mount} {name}: {code}"
                );
                // The example and the parameters have all that is needed.
                if is_open {
                    assert!(REACHED.contains(&code), "{mount} {name}, {who}: {code}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_service_verifies_itself_is_as_described() {
    let api = Described::new();
    let (gate, key, token) = (gate(), format!("Bearer {}", key()), plausible());
    let credentials = [("gate", gate), ("api_key", key), ("token", token)];
    let mut verifying = 0;
    for operation in &api.operations {
        if !operation.is_internal && !is_listed(operation, &PUBLIC) {
            continue;
        }
        let name = operation.name();
        let is_open = api.is_open_to(operation, &[]);
        let answer = api.send(operation, "", &[]).await;
        assert_eq!(LACKING.contains(&answer.brief().1), !is_open, "{name}");
        for (scheme, value) in &credentials {
            if is_open || !api.is_open_to(operation, &[*scheme]) {
                continue;
            }
            verifying += 1;
            let headers = [("authorization", value.as_str())];
            let answer = api.send(operation, "", &headers).await;
            assert!(
                REACHED.contains(&answer.brief().1),
                "{name}: {:?}",
                answer.brief()
            );
        }
    }
    assert_eq!(verifying, 4);
}
