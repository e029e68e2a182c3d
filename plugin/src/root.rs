//! The filter in one virtual machine with one configuration: set up, ticks, and answers to callouts.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use tollgate_policy::config::Policy;

use crate::gate::Gate;
use crate::host::{self, Level};
use crate::stream::Stream;

/// One configuration's context.
pub struct Root {
    id: u32,
    /// None: nobody passes.
    gate: Option<Rc<Gate>>,
}

// === impl Root ===

impl Root {
    /// A context that has not been configured yet.
    pub fn new(id: u32) -> Self {
        Self { id, gate: None }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.retire();
        }
    }
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        token: u32,
        _headers: usize,
        body: usize,
        _trailers: usize,
    ) {
        if let Some(gate) = &self.gate {
            gate.answered(self.id, token, body);
        }
    }
}

impl RootContext for Root {
    /// Fails on nothing but the configuration's text: where this returns false in a worker and not in the canary,
    /// Envoy serves without any filter (`PluginConfig::createContext`).
    fn on_configure(&mut self, _size: usize) -> bool {
        let Ok(text) = host::plugin_configuration() else {
            host::log(
                Level::Error,
                "tollgate: the configuration cannot be read: refusing all requests",
            );
            return true;
        };
        match Policy::from_bytes(&text) {
            Ok(policy) => {
                let gate = Gate::new(policy);
                gate.start();
                self.gate = Some(Rc::new(gate));
                true
            }
            Err(error) => {
                let message = format!("tollgate: the configuration is refused: {error}");
                host::log(Level::Error, &message);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        if let Some(gate) = &self.gate {
            gate.tick(self.id);
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.gate.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
