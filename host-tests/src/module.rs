//! The module, compiled once a process.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use wasmtime::{Config, Engine, InstancePre, Linker, Module, OptLevel};

use crate::artifact;
use crate::host::{Host, calls, wasi};

/// Instructions that one callback may take before it counts as hanging: Envoy has no such limit, so a loop that
/// does not end hangs the worker with all its connections.
pub const FUEL: u64 = 200_000_000;

/// The functions of the host that the module can call.
pub fn imports() -> BTreeSet<String> {
    let imports = linked().module().imports();
    imports.map(|import| import.name().to_owned()).collect()
}

/// The functions of the module that the host can call.
pub fn exports() -> BTreeSet<String> {
    let exports = linked().module().exports();
    let functions = exports.filter(|export| export.ty().func().is_some());
    functions.map(|export| export.name().to_owned()).collect()
}

/// The module, linked to the host's functions.
pub(crate) fn linked() -> &'static InstancePre<Host> {
    static LINKED: OnceLock<InstancePre<Host>> = OnceLock::new();
    LINKED.get_or_init(link)
}

fn link() -> InstancePre<Host> {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.cranelift_opt_level(OptLevel::None);
    let engine = Engine::new(&config).expect("an engine");
    let module = Module::from_binary(&engine, &artifact::bytes()).expect("a module");
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        let (from, name) = (import.module(), import.name());
        let handler = match from {
            "env" => calls::handler(name),
            "wasi_snapshot_preview1" => wasi::handler(name),
            _ => None,
        };
        // As Envoy, which then refuses the module.
        let handler = handler.unwrap_or_else(|| {
            panic!("the module imports {from}.{name}, which this host does not have")
        });
        let kind = import.ty().unwrap_func().clone();
        let called = name.to_owned();
        linker
            .func_new(from, name, kind, move |caller, arguments, results| {
                crate::host::enter(caller, &called, handler, arguments, results)
            })
            .expect("each import once");
    }
    linker.instantiate_pre(&module).expect("all imports")
}
