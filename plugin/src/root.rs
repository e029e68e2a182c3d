//! The filter in one virtual machine with one configuration: set up, ticks, and answers to callouts.

use std::rc::Rc;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use tollgate_policy::config::Policy;

use crate::gate::Gate;
use crate::host::{self, Level};
use crate::stream::Stream;

/// How exactly `max_wait` is kept, and how soon keys are fetched when they are due.
const TICK: Duration = Duration::from_millis(200);

/// The next tick, while requests have their turn that one call could not serve.
const AT_ONCE: Duration = Duration::from_millis(1);

/// One configuration's context.
pub struct Root {
    id: u32,
    /// None: nobody passes.
    gate: Option<Rc<Gate>>,
    /// Whether ticks come [`AT_ONCE`].
    hurried: bool,
}

// === impl Root ===

impl Root {
    /// A context that has not been configured yet.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            gate: None,
            hurried: false,
        }
    }

    /// Serves some of those that wait, and has the next tick come at once while there are more.
    fn serve_waiting(&mut self) {
        let more = self
            .gate
            .as_ref()
            .is_some_and(|gate| gate.serve_waiting(self.id));
        if more != self.hurried && host::set_tick_period(if more { AT_ONCE } else { TICK }).is_ok()
        {
            self.hurried = more;
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
            gate.answered(token, body);
        }
        self.serve_waiting();
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
                if host::set_tick_period(TICK).is_err() {
                    host::log(
                        Level::Error,
                        "tollgate: no ticks: keys will not be refreshed",
                    );
                }
                gate.fetch_keys_early();
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
            gate.fetch_keys();
        }
        self.serve_waiting();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(id, self.gate.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
