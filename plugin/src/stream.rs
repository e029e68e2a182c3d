//! One request on its way through the filter.

use std::cell::Cell;
use std::rc::Rc;

use crate::answer;
use crate::dispatcher::Action;
use crate::gate::{Gate, Outcome};

/// One request's context.
pub struct Stream {
    id: u32,
    /// None: the filter has no configuration, and nobody passes.
    gate: Option<Rc<Gate>>,
    progress: Cell<Progress>,
}

/// How far a request has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It has not been decided on, or was answered.
    Stopped,
    /// It has been paused; the gate knows what has become of it.
    Waited,
    /// It has gone on.
    Passed,
}

// === impl Stream ===

impl Stream {
    /// A stream that nothing is known of yet.
    pub fn new(id: u32, gate: Option<Rc<Gate>>) -> Self {
        Self {
            id,
            gate,
            progress: Cell::new(Progress::Stopped),
        }
    }

    /// Decides on the request.
    pub fn request_headers(&self) -> Action {
        #[cfg(feature = "trap")]
        crate::trap::spring_if_asked();
        self.progress.set(Progress::Stopped);
        let Some(gate) = &self.gate else {
            answer::refuse_without_configuration();
            return Action::Pause;
        };
        match gate.serve(self.id) {
            Outcome::Forwarded => {
                self.progress.set(Progress::Passed);
                return Action::Continue;
            }
            Outcome::Waiting => self.progress.set(Progress::Waited),
            Outcome::Answered => {}
        }
        Action::Pause
    }

    /// So many trailers go on behind a request that has, if they can be cleaned.
    pub fn request_trailers(&self, count: usize) -> Action {
        match &self.gate {
            Some(gate) if self.has_passed(gate) => match gate.finish(count) {
                Outcome::Forwarded => Action::Continue,
                Outcome::Answered | Outcome::Waiting => Action::Pause,
            },
            _ => Action::Pause,
        }
    }

    /// Tells the client what there is to tell.
    pub fn response_headers(&self) {
        if let Some(gate) = &self.gate {
            gate.tell_client(self.id);
        }
    }

    /// However the request has ended: answered, reset, or given up by a client while it waited.
    pub fn end(&self) {
        if let Some(gate) = &self.gate {
            gate.forget(self.id, self.progress.get() == Progress::Waited);
        }
    }

    fn has_passed(&self, gate: &Gate) -> bool {
        match self.progress.get() {
            Progress::Passed => true,
            Progress::Waited => gate.has_resumed(self.id),
            Progress::Stopped => false,
        }
    }
}
