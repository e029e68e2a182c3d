//! Where the host enters the module: the callbacks of proxy-wasm ABI 0.2.1 that the gate needs. Envoy calls whatever is
//! exported, so what the gate does nothing in is not (`Wasm::getFunctions` in proxy-wasm-cpp-host).
#![expect(unsafe_code, reason = "the host knows the callbacks by their names")]

use crate::dispatcher::{Action, Dispatcher};

/// A context begins: a configuration's where `parent` is 0, else a request's.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    Dispatcher::with(|dispatcher| dispatcher.create(context, parent));
}

/// A context ends.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(context: u32) {
    Dispatcher::with(|dispatcher| dispatcher.delete(context));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    Dispatcher::with(|dispatcher| dispatcher.configure(root, size)).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    Dispatcher::with(|dispatcher| dispatcher.tick(root));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    _headers: usize,
    body: usize,
    _trailers: usize,
) {
    Dispatcher::with(|dispatcher| dispatcher.answered(root, token, body));
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _headers: usize, _is_end: u32) -> u32 {
    /// `StopAllIterationAndWatermark` in proxy-wasm-cpp-host's `wasm_vm.h`: neither body nor trailers come before the
    /// request goes on. `StopIteration` (1) means the same unless the plugin's configuration says
    /// `allow_on_headers_stop_iteration`; then the body's arrival would let the request go on.
    const HOLD: u32 = 4;
    match Dispatcher::with(|dispatcher| dispatcher.request_headers(stream)) {
        Action::Continue => 0,
        Action::Pause => HOLD,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, trailers: usize) -> u32 {
    match Dispatcher::with(|dispatcher| dispatcher.request_trailers(stream, trailers)) {
        Action::Continue => 0,
        Action::Pause => 1,
    }
}

/// Answers always go on: what they answer was decided on before.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(stream: u32, _headers: usize, _is_end: u32) -> u32 {
    Dispatcher::with(|dispatcher| dispatcher.response_headers(stream));
    0
}
