//! How operations refuse. A handler names only its own codes, as the description of each status; what all refuse alike
//! is added here, and all of it becomes problem details.

use std::collections::BTreeMap;

use axum::http::Method;
use axum::http::StatusCode;
use tollgate_policy::refusal::Code;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, OpenApi, PathItem, Ref, RefOr, Response, ResponseBuilder,
};

use crate::api::PUBLIC;

type Codes = &'static [(u16, &'static [&'static str])];

/// Whatever is asked.
const ALWAYS: Codes = &[
    (500, &["internal"]),
    (
        503,
        &[
            "account_outdated",
            "database_busy",
            "database_unavailable",
            "timeout",
        ],
    ),
];

/// Where there is a JSON body.
const OF_BODIES: Codes = &[
    (400, &["body_invalid"]),
    (413, &["body_too_large"]),
    (415, &["media_type_unsupported"]),
];

/// Where an assertion is needed, beside what the gate refuses.
const OF_ASSERTIONS: Codes = &[(401, &["assertion_invalid", "assertion_missing"])];

const OF_GATE_CREDENTIALS: Codes = &[(401, &["gate_credential_invalid"])];

/// Why a request was refused, or failed (RFC 9457).
#[derive(ToSchema)]
#[expect(dead_code, reason = "described only; `crate::problem` writes it")]
pub(super) struct Problem {
    #[schema(examples("about:blank"))]
    r#type: String,
    /// The status in words.
    title: String,
    status: u16,
    /// Stable: what programs go by.
    code: String,
    /// What to do, for people.
    detail: String,
    /// With `cap_exceeded`: which cap.
    #[schema(nullable = false)]
    cap: Option<String>,
    /// With `cap_exceeded`: which of its windows.
    #[schema(nullable = false)]
    window: Option<String>,
    /// With `cap_exceeded`: how much it allows.
    #[schema(nullable = false, format = "uint32")]
    limit: Option<u32>,
    /// Seconds, as in `Retry-After`.
    #[schema(nullable = false, format = "uint32")]
    retry_after: Option<u32>,
}

/// Who verifies the credential before the handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verifier {
    Nobody,
    /// The gate, whose assertion is then needed here.
    Gate,
    /// The internal listener.
    GateCredential,
}

/// The codes of one status.
#[derive(Default)]
struct Refusal {
    own: Vec<String>,
    /// And all that the gate has of this status.
    of_gate: bool,
}

pub(super) fn complete(document: &mut OpenApi, verifier: impl Fn(&Method, &str) -> Verifier) {
    let mut shared = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete_one(operation, verifier(&method, path), &mut shared);
        }
    }
    let components = document.components.get_or_insert_default();
    components.responses.extend(shared);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_one(
    operation: &mut Operation,
    verifier: Verifier,
    shared: &mut BTreeMap<String, RefOr<Response>>,
) {
    let mut refusals: BTreeMap<u16, Refusal> = BTreeMap::new();
    for (status, response) in &mut operation.responses.responses {
        let (Ok(status), RefOr::T(response)) = (status.parse(), response) else {
            continue;
        };
        if status >= 400 {
            let codes = response.description.split(", ").map(str::to_owned);
            refusals.entry(status).or_default().own.extend(codes);
        } else if response.description.is_empty() {
            reason(status).clone_into(&mut response.description);
        }
    }
    let mut add = |codes: Codes| {
        for (status, codes) in codes {
            let codes = codes.iter().map(|code| (*code).to_owned());
            refusals.entry(*status).or_default().own.extend(codes);
        }
    };
    add(ALWAYS);
    if has_json_body(operation) {
        add(OF_BODIES);
    }
    match verifier {
        Verifier::Nobody => {}
        Verifier::GateCredential => add(OF_GATE_CREDENTIALS),
        Verifier::Gate => {
            add(OF_ASSERTIONS);
            for code in Code::ALL {
                refusals.entry(code.status()).or_default().of_gate = true;
            }
        }
    }
    for (status, refusal) in refusals {
        let name = refusal.name(status);
        let reference = Ref::from_response_name(&name);
        shared
            .entry(name)
            .or_insert_with(|| refusal.response(status).into());
        operation
            .responses
            .responses
            .insert(status.to_string(), reference.into());
    }
}

fn has_json_body(operation: &Operation) -> bool {
    match &operation.request_body {
        Some(RefOr::T(body)) => body.content.contains_key("application/json"),
        _ => false,
    }
}

fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    let reason = status.and_then(|status| status.canonical_reason());
    reason.unwrap_or_default()
}

// === impl Verifier ===

impl Verifier {
    pub(super) fn of_route(method: &Method, path: &str) -> Self {
        if PUBLIC
            .iter()
            .any(|public| *public == (method.clone(), path))
        {
            Self::Nobody
        } else {
            Self::Gate
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Of the component: the same for the same refusal.
    fn name(&self, status: u16) -> String {
        let by = if self.of_gate { "gate_" } else { "" };
        let mut own: Vec<_> = self.own.iter().map(|code| format!("-{code}")).collect();
        own.sort_unstable();
        format!("{by}{status}{}", own.concat())
    }

    fn response(&self, status: u16) -> Response {
        let mut codes: Vec<_> = self.own.iter().map(String::as_str).collect();
        let of_gate = Code::ALL.iter().filter(|code| code.status() == status);
        if self.of_gate {
            codes.extend(of_gate.map(|code| code.as_str()));
        }
        codes.sort_unstable();
        codes.dedup();
        let code = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(codes));
        let problem = AllOfBuilder::new()
            .item(Ref::from_schema_name("Problem"))
            .item(ObjectBuilder::new().property("code", code));
        let content = ContentBuilder::new().schema(Some(problem)).build();
        let response = ResponseBuilder::new()
            .description(reason(status))
            .content("application/problem+json", content);
        match status {
            401 => response.header("WWW-Authenticate", text("How to authenticate")),
            429 | 503 => response.header("Retry-After", text("Seconds")),
            _ => response,
        }
        .build()
    }
}

fn text(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}
