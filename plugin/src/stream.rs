//! One request on its way through the filter.
//!
//! Envoy calls what is implemented here only if `envoy/src/build/callbacks.rs` lists it.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::answer;
use crate::gate::{Gate, Outcome};

/// One request's context.
pub struct Stream {
    id: u32,
    /// None: the filter has no configuration, and nobody passes.
    gate: Option<Rc<Gate>>,
    /// Whether it has ever been paused.
    waited: bool,
}

// === impl Stream ===

impl Stream {
    /// A stream that nothing is known of yet.
    pub fn new(id: u32, gate: Option<Rc<Gate>>) -> Self {
        Self {
            id,
            gate,
            waited: false,
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        #[cfg(feature = "trap")]
        crate::trap::spring_if_asked();
        let outcome = if let Some(gate) = &self.gate {
            gate.serve(self.id)
        } else {
            answer::refuse_without_configuration();
            Outcome::Answered
        };
        self.waited = outcome == Outcome::Waiting;
        match outcome {
            Outcome::Forwarded => Action::Continue,
            Outcome::Answered | Outcome::Waiting => Action::Pause,
        }
    }

    fn on_http_response_headers(&mut self, _headers: usize, _end_of_stream: bool) -> Action {
        if let Some(gate) = &self.gate {
            gate.tell_client(self.id);
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _trailers: usize) -> Action {
        match &self.gate {
            Some(gate) if gate.clean_trailers().is_ok() => Action::Continue,
            // What cannot be cleaned stays here; Envoy's timeouts end the request.
            _ => Action::Pause,
        }
    }
}

impl Drop for Stream {
    /// However the request has ended: answered, reset, or given up by a client while it waited.
    fn drop(&mut self) {
        if let Some(gate) = &self.gate {
            gate.forget(self.id, self.waited);
        }
    }
}
