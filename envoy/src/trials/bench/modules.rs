//! WebAssembly filters that do one thing or another and decide nothing, so that it can be seen what the host charges for it.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::BenchError;
use crate::config::Config;

/// One thing that a filter does for each request, in the order in which Tollgate does them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is told when the request's context begins and ends.
    Contexts,
    /// It is asked about the answer's headers.
    ResponseHeaders,
    /// Reads all headers in one call.
    Headers,
    /// Reads the clock.
    Clock,
    /// Removes a header, and sets a short and a long one.
    Changes,
    /// Writes a filter state.
    State,
    /// Writes three more.
    States,
    /// Reads 256 bytes of shared data, and swaps them.
    Shared,
    /// The same when the context ends.
    SharedAtEnd,
    /// Adds two headers to the answer.
    Fields,
    /// Answers by itself, with 403 and a body like those of Tollgate's refusals.
    Answer,
}

/// A module in text form (WebAssembly Core Specification, chapter 6).
#[derive(Debug)]
pub(super) struct Module(String);

/// What all have. The host's memory is one place of 64 KiB, given anew for each call: nothing is kept.
const COMMON: &str = r#"
  (memory (export "memory") 3)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 65536))"#;

/// The host's functions that steps call.
const IMPORTS: &str = r#"
  (import "env" "proxy_get_header_map_pairs" (func $headers (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $clock (param i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

/// Where the host writes what it returns, and what the shared data is swapped for.
const SHARED: &str = r"
  (func $share
    (local $status i32)
    (local.set $status (call $get (i32.const 1024) (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 8)))
    (if (i32.eq (local.get $status) (i32.const 1)) (then (i32.store (i32.const 8) (i32.const 0))))
    (call $check (call $set (i32.const 1024) (i32.const 4) (i32.const 4096) (i32.const 256)
      (i32.load (i32.const 8)))))";

/// The callbacks of proxy-wasm ABI 0.2.1 that modules made with the SDKs export (`dispatcher.rs` in proxy-wasm-rust-sdk
/// 0.2), by what they take and return, and whether that is "yes".
const CALLBACKS: [(&str, usize, Option<i32>); 23] = [
    ("context_create", 2, None),
    ("done", 1, Some(1)),
    ("log", 1, None),
    ("delete", 1, None),
    ("vm_start", 2, Some(1)),
    ("configure", 2, Some(1)),
    ("tick", 1, None),
    ("queue_ready", 2, None),
    ("new_connection", 1, Some(0)),
    ("downstream_data", 3, Some(0)),
    ("downstream_connection_close", 2, None),
    ("upstream_data", 3, Some(0)),
    ("upstream_connection_close", 2, None),
    ("request_headers", 3, Some(0)),
    ("request_body", 3, Some(0)),
    ("request_trailers", 2, Some(0)),
    ("response_headers", 3, Some(0)),
    ("response_body", 3, Some(0)),
    ("response_trailers", 2, Some(0)),
    ("http_call_response", 5, None),
    ("grpc_receive_initial_metadata", 3, None),
    ("grpc_receive", 3, None),
    ("grpc_close", 3, None),
];

// === impl Module ===

impl Module {
    /// The least that is a filter: asked about the request's headers, it says that the request may go on.
    pub(super) fn smallest() -> Self {
        let callback = callback("request_headers", 3, Some(0), "");
        Self(format!("(module{COMMON}{callback})"))
    }

    /// Asked about everything, it says the same.
    pub(super) fn all_callbacks() -> Self {
        let callbacks = CALLBACKS.map(|(name, takes, says)| callback(name, takes, says, ""));
        Self(format!("(module{COMMON}{})", callbacks.concat()))
    }

    /// Does these things.
    pub(super) fn of(steps: &[Step]) -> Self {
        let has = |step| steps.contains(&step);
        let mut texts = Texts::default();
        // The first, whose place `SHARED` knows.
        texts.place("slot");
        let mut request = String::new();
        let mut response = String::new();
        let mut delete = String::new();
        for step in steps {
            let to = match step {
                Step::Fields => &mut response,
                Step::SharedAtEnd => &mut delete,
                _ => &mut request,
            };
            to.push_str(&texts.code(*step));
        }
        let mut module = format!("(module{IMPORTS}{COMMON}");
        module.push_str("\n  (func $check (param i32) (if (local.get 0) (then unreachable)))");
        module.push_str(SHARED);
        // `StopIteration` where it has answered.
        let action = i32::from(has(Step::Answer));
        module.push_str(&callback("request_headers", 3, Some(action), &request));
        if has(Step::Contexts) {
            module.push_str(&callback("context_create", 2, None, ""));
            module.push_str(&callback("delete", 1, None, &delete));
        }
        if has(Step::ResponseHeaders) {
            module.push_str(&callback("response_headers", 3, Some(0), &response));
        }
        module.push_str(&texts.data);
        module.push(')');
        Self(module)
    }

    /// As Envoy loads it.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, wat::Error> {
        wat::parse_str(&self.0)
    }
}

/// A function that the host calls; `code` leaves nothing on the stack.
fn callback(name: &str, takes: usize, says: Option<i32>, code: &str) -> String {
    let parameters = " i32".repeat(takes);
    let (result, answer) = match says {
        Some(number) => (" (result i32)", format!("(i32.const {number})")),
        None => ("", String::new()),
    };
    format!("\n  (func (export \"proxy_on_{name}\") (param{parameters}){result} {code} {answer})")
}

/// The texts that a module has in its memory.
#[derive(Default)]
struct Texts {
    data: String,
    length: usize,
}

impl Texts {
    /// Puts a text there; the two numbers by which the host is told of it.
    fn place(&mut self, text: &str) -> String {
        let place = 1024 + self.length;
        self.length += text.len();
        let text_in_wat = text.replace('\\', "\\\\").replace('"', "\\\"");
        // Writing into a String cannot fail.
        let _ = write!(
            self.data,
            "\n  (data (i32.const {place}) \"{text_in_wat}\")"
        );
        format!("(i32.const {place}) (i32.const {})", text.len())
    }

    fn state(&mut self, name: &str, value: &str) -> String {
        let (name, value) = (self.place(name), self.place(value));
        format!("(call $check (call $property {name} {value}))")
    }

    fn header(&mut self, function: &str, map: u32, name: &str, value: &str) -> String {
        let (name, value) = (self.place(name), self.place(value));
        format!("(call $check (call ${function} (i32.const {map}) {name} {value}))")
    }

    /// What a step does. A call that fails ends the virtual machine, so that no request is answered as it should be.
    fn code(&mut self, step: Step) -> String {
        match step {
            Step::Contexts | Step::ResponseHeaders => String::new(),
            Step::Headers => {
                "(call $check (call $headers (i32.const 0) (i32.const 0) (i32.const 4)))".to_owned()
            }
            Step::Clock => "(call $check (call $clock (i32.const 16)))".to_owned(),
            Step::Changes => {
                let name = self.place("authorization");
                let assertion = "x".repeat(400);
                [
                    format!("(call $check (call $remove (i32.const 0) {name}))"),
                    self.header("replace", 0, "x-bench-subject", "290000000000001234"),
                    self.header("replace", 0, "x-bench-assertion", &assertion),
                ]
                .concat()
            }
            Step::State => self.state("bench.account", "acme"),
            Step::States => [
                self.state("bench.subject", "290000000000001234"),
                self.state("bench.decision", "forwarded"),
                self.state("bench.cap", "requests.per_minute=59"),
            ]
            .concat(),
            Step::Shared | Step::SharedAtEnd => "(call $share)".to_owned(),
            Step::Fields => [
                self.header(
                    "add",
                    2,
                    "ratelimit-policy",
                    "\"requests.per_minute\";q=60;w=60",
                ),
                self.header("add", 2, "ratelimit", "\"requests.per_minute\";r=59;t=60"),
            ]
            .concat(),
            Step::Answer => {
                let details = self.place("bench:account_reserved");
                let body = self.place(
                    "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\
                     \"detail\":\"the account is reserved for the system\",\"code\":\"account_reserved\"}",
                );
                format!(
                    "(call $check (call $respond (i32.const 403) {details} {body} \
                     (i32.const 0) (i32.const 0) (i32.const -1)))"
                )
            }
        }
    }
}

/// With a module instead of the gate.
pub(super) fn load(config: Config, module: &Module) -> Result<Config, BenchError> {
    let bytes = BASE64_STANDARD.encode(module.bytes()?);
    Ok(config.with_filter(Some(json!({
        "name": "module",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "module",
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": "bench",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"inline_bytes": bytes}},
                },
            },
        },
    })))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_export_what_the_host_is_to_call() {
        let names = |module: &Module| -> Vec<String> {
            let bytes = module.bytes().unwrap();
            wasmparser::validate(&bytes).unwrap();
            let payloads = wasmparser::Parser::new(0).parse_all(&bytes);
            let exports = payloads.filter_map(|payload| match payload.unwrap() {
                wasmparser::Payload::ExportSection(exports) => Some(exports),
                _ => None,
            });
            let exports = exports.flat_map(IntoIterator::into_iter);
            exports
                .map(|export| export.unwrap().name.to_owned())
                .collect()
        };
        let smallest = names(&Module::smallest());
        assert_eq!(smallest.len(), 4, "{smallest:?}");
        assert_eq!(smallest.last().unwrap(), "proxy_on_request_headers");
        let all = names(&Module::all_callbacks());
        assert_eq!(all.len(), CALLBACKS.len() + 3);
        let steps = [
            Step::Contexts,
            Step::ResponseHeaders,
            Step::Headers,
            Step::Clock,
            Step::Changes,
            Step::State,
            Step::States,
            Step::Shared,
            Step::SharedAtEnd,
            Step::Fields,
        ];
        assert_eq!(names(&Module::of(&steps)).len(), 7);
        names(&Module::of(&[Step::Answer]));
    }
}
