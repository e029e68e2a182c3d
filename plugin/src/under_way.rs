//! Requests that were admitted and have not ended, by context.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use tollgate_policy::caps::{Holding, RateLimit};

/// The requests of one worker.
#[derive(Default)]
pub struct UnderWay {
    requests: RefCell<BTreeMap<u32, Request>>,
    /// Whether some of them have ended.
    has_ended: Cell<bool>,
}

/// What is needed of a request until it ends.
pub struct Request {
    /// What it takes up.
    pub holding: Option<Holding>,
    /// What its answer says of the caps.
    pub rate_limit: Option<RateLimit>,
    /// It has ended, and there was no memory to give back what it took up.
    pub has_ended: bool,
}

// === impl UnderWay ===

impl UnderWay {
    /// A request begins. Should the context have had another, what that one took up.
    pub fn add(&self, context: u32, request: Request) -> Option<Holding> {
        let is_needed = request.holding.is_some() || request.rate_limit.is_some();
        let before = is_needed.then(|| self.requests.borrow_mut().insert(context, request));
        before.flatten()?.holding
    }

    /// A request is answered: what its answer says of the caps, once.
    pub fn take_rate_limit(&self, context: u32) -> Option<RateLimit> {
        self.requests
            .borrow_mut()
            .get_mut(&context)?
            .rate_limit
            .take()
    }

    /// A request ends: what it took up.
    pub fn end(&self, context: u32) -> Option<Holding> {
        self.requests.borrow_mut().remove(&context)?.holding
    }

    /// A request ends, and what it took up is given back later.
    pub fn end_later(&self, context: u32) {
        if let Some(request) = self.requests.borrow_mut().get_mut(&context) {
            request.has_ended = true;
            self.has_ended.set(true);
        }
    }

    /// Those that were to end later: what they took up.
    pub fn take_ended(&self) -> Vec<Holding> {
        if !self.has_ended.take() {
            return Vec::new();
        }
        let mut requests = self.requests.borrow_mut();
        let ended = requests.extract_if(.., |_, request| request.has_ended);
        ended.filter_map(|(_, request)| request.holding).collect()
    }
}
