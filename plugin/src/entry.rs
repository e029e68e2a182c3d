//! Where the host enters the module.
#![allow(unsafe_code, reason = "proxy_wasm::main! exports `_initialize`")]

use crate::root::Root;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|id| Box::new(Root::new(id)));
}}
