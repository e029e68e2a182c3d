//! How a virtual machine begins, and how it would end.

use super::{Level, log, memory};

unsafe extern "C" {
    /// What the linker gathers that must run before all else.
    fn __wasm_call_ctors();
}

/// Which ABI this is; only the name counts.
#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Runs once, before any other callback.
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // Once, and first, as the linker wants it.
    unsafe { __wasm_call_ctors() };
    // Where there is none, it is tried again.
    let _ = memory::is_short();
    // Nothing is known that panics. Should something, its place is enough to find it, and its message might hold what a
    // client sent.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location();
        let (file, line) = place.map_or(("?", 0), |place| (place.file(), place.line()));
        log(
            Level::Error,
            &format!("tollgate: panicked at {file}:{line}"),
        );
    }));
}
