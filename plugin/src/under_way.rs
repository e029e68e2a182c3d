//! Requests that were admitted and have not ended, by context.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tollgate_policy::caps::{Holding, RateLimit};

/// The requests of one worker.
#[derive(Default)]
pub struct UnderWay(RefCell<BTreeMap<u32, Request>>);

/// What is needed of a request until it ends.
pub struct Request {
    /// What it takes up.
    pub holding: Option<Holding>,
    /// What its answer says of the caps.
    pub rate_limit: Option<RateLimit>,
}

// === impl UnderWay ===

impl UnderWay {
    /// A request begins. Should the context have had another, what that one took up.
    pub fn add(&self, context: u32, request: Request) -> Option<Holding> {
        let is_needed = request.holding.is_some() || request.rate_limit.is_some();
        let before = is_needed.then(|| self.0.borrow_mut().insert(context, request));
        before.flatten()?.holding
    }

    /// A request is answered: what its answer says of the caps, once.
    pub fn take_rate_limit(&self, context: u32) -> Option<RateLimit> {
        self.0.borrow_mut().get_mut(&context)?.rate_limit.take()
    }

    /// A request ends: what it took up.
    pub fn end(&self, context: u32) -> Option<Holding> {
        self.0.borrow_mut().remove(&context)?.holding
    }
}
