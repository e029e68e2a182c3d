//! A filter that writes where the gate keeps what its workers share: garbage, all the time, in every worker.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tollgate_policy::config::Policy;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, ImportSection, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// How often it writes, in milliseconds.
const PERIOD: i32 = 5;

/// What it writes.
const GARBAGE: &[u8] =
    b"\x02\xff\0garbage, as any other filter of the same name could leave it\xff\xff\xff\xff";

/// Where the text of names begins in its memory; the garbage is before.
const NAMES: i32 = 1024;

/// The names under which the gate of this policy keeps what its workers share.
pub(super) fn names(policy: &Value) -> Vec<String> {
    let mut names = vec!["tollgate.caps.v2.workers".to_owned()];
    names.extend((0..16).map(|slot| format!("tollgate.caps.v2.{slot:03x}")));
    let Ok(policy) = Policy::from_bytes(policy.to_string().as_bytes()) else {
        return names;
    };
    let documents = policy.issuers.iter().filter_map(|issuer| {
        let remote = issuer.jwks.remote.as_ref()?;
        Some(format!(
            "tollgate.keys.v2.{}",
            remote.fingerprint(&issuer.issuer)
        ))
    });
    for name in documents {
        names.extend([format!("{name}.a"), format!("{name}.b"), name]);
    }
    names
}

/// The filter, to stand before the gate with its virtual machine's name.
pub(super) fn filter(module: &[u8]) -> Value {
    json!({
        "name": "foreign",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": "foreign",
                "root_id": "foreign",
                "vm_config": {
                    "vm_id": "tollgate-edge",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"inline_bytes": BASE64_STANDARD.encode(module)}},
                },
            },
        },
    })
}

/// The module, which overwrites these names.
pub(super) fn module(names: &[String]) -> Vec<u8> {
    let word = [ValType::I32; 5];
    let types: [(&[ValType], &[ValType]); 6] = [
        (&word, &word[..1]),
        (&word[..1], &word[..1]),
        (&[], &[]),
        (&word[..1], &[]),
        (&word[..2], &[]),
        (&word[..2], &word[..1]),
    ];
    let mut all = TypeSection::new();
    for (parameters, results) in types {
        all.ty()
            .function(parameters.iter().copied(), results.iter().copied());
    }
    let mut imports = ImportSection::new();
    for (name, kind) in [
        ("proxy_set_shared_data", 0),
        ("proxy_set_tick_period_milliseconds", 1),
    ] {
        imports.import("env", name, EntityType::Function(kind));
    }
    let (mut functions, mut exports, mut code) = (
        FunctionSection::new(),
        ExportSection::new(),
        CodeSection::new(),
    );
    let mut add = |name: &str, kind: u32, body: Function| {
        // Behind the two that are imported.
        let number = 2 + functions.len();
        functions.function(kind);
        exports.export(name, ExportKind::Func, number);
        code.function(&body);
    };
    add("proxy_abi_version_0_2_1", 2, body(|_| {}));
    add(
        "proxy_on_memory_allocate",
        1,
        body(|function| {
            function.instructions().i32_const(0);
        }),
    );
    add("proxy_on_context_create", 4, body(|_| {}));
    add(
        "proxy_on_vm_start",
        5,
        body(|function| {
            function.instructions().i32_const(1);
        }),
    );
    add(
        "proxy_on_configure",
        5,
        body(|function| {
            write(function, names);
            function
                .instructions()
                .i32_const(PERIOD)
                .call(1)
                .drop()
                .i32_const(1);
        }),
    );
    add("proxy_on_tick", 3, body(|function| write(function, names)));
    exports.export("memory", ExportKind::Memory, 0);

    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 2,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), GARBAGE.iter().copied());
    data.active(0, &ConstExpr::i32_const(NAMES), names.concat().into_bytes());
    let mut module = Module::new();
    module.section(&all);
    module.section(&imports);
    module.section(&functions);
    module.section(&memories);
    module.section(&exports);
    module.section(&code);
    module.section(&data);
    module.finish()
}

fn body(instructions: impl FnOnce(&mut Function)) -> Function {
    let mut function = Function::new([]);
    instructions(&mut function);
    function.instructions().end();
    function
}

/// Each name anew, whatever was there.
fn write(function: &mut Function, names: &[String]) {
    let size = |length: usize| i32::try_from(length).unwrap_or(0);
    let mut place = NAMES;
    for name in names {
        function
            .instructions()
            .i32_const(place)
            .i32_const(size(name.len()))
            .i32_const(0)
            .i32_const(size(GARBAGE.len()))
            .i32_const(0)
            .call(0)
            .drop();
        place += size(name.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_one() {
        let names = ["a".to_owned(), "bc".to_owned()];
        let module = module(&names);
        wasmparser::Validator::new().validate_all(&module).unwrap();
    }

    #[test]
    fn it_knows_the_names() {
        let policy = crate::config::Config::reference()
            .unwrap()
            .policy()
            .unwrap()
            .clone();
        assert_eq!(names(&policy).len(), 17 + 2 * 3);
    }
}
