//! Takes from the filter the callbacks that it does nothing in.
//!
//! The SDK exports all that proxy-wasm knows, and Envoy calls whatever is exported: for each request some ten times
//! into the module and back. What is not exported costs nothing, and cannot be reached.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{ExportSection, Module};
use wasmparser::{Export, Parser};

/// What Envoy may call, besides what has no `proxy_on_` in front: each is there because `plugin/src/root.rs` or
/// `plugin/src/stream.rs` answers it, or because the SDK keeps its books by it.
const USED: [&str; 10] = [
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_delete",
];

/// The module without the callbacks that are not [`USED`]; nothing where it is no module.
pub(super) fn without_unused(module: &[u8]) -> Option<Vec<u8>> {
    let mut smaller = Module::new();
    Trim.parse_core_module(&mut smaller, Parser::new(0), module)
        .ok()?;
    Some(smaller.finish())
}

/// Copies a module, but for some of its exports.
struct Trim;

impl Reencode for Trim {
    type Error = Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), Error<Self::Error>> {
        if is_used(&export) {
            utils::parse_export(self, exports, export)?;
        }
        Ok(())
    }
}

fn is_used(export: &Export<'_>) -> bool {
    !export.name.starts_with("proxy_on_") || USED.contains(&export.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CodeSection, ExportKind, Function, FunctionSection, TypeSection};

    /// A module with one function under these names.
    fn module(names: &[&str]) -> Vec<u8> {
        let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
        types.ty().function([], []);
        functions.function(0);
        let mut exports = ExportSection::new();
        for name in names {
            exports.export(name, ExportKind::Func, 0);
        }
        let (mut code, mut function) = (CodeSection::new(), Function::new([]));
        function.instructions().end();
        code.function(&function);
        let mut module = Module::new();
        module.section(&types).section(&functions);
        module.section(&exports).section(&code);
        module.finish()
    }

    #[test]
    fn what_the_filter_does_nothing_in_is_gone() {
        let all = module(&[
            "_initialize",
            "proxy_on_tick",
            "proxy_on_log",
            "proxy_on_done",
        ]);
        let used = module(&["_initialize", "proxy_on_tick"]);
        assert_eq!(without_unused(&all), Some(used));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert_eq!(without_unused(b"\0asm"), None);
        assert_eq!(without_unused(b"<html>"), None);
    }
}
