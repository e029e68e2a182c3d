//! What was counted and Envoy has not been told: a call for each count would take longer than the counting. So it is told
//! with each tick, and by the last of its requests where a configuration has no ticks (any more).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::host;

thread_local! {
    /// Of all configurations of the virtual machine.
    static PENDING: RefCell<Vec<Pending>> = const { RefCell::new(Vec::new()) };
}

/// How much one counter has grown since its host was told.
struct Pending {
    id: u32,
    growth: Rc<Cell<u64>>,
}

/// What a counter has grown, by its number with the host.
pub(super) fn counter(id: u32) -> Rc<Cell<u64>> {
    let growth = Rc::new(Cell::new(0));
    let pending = Pending {
        id,
        growth: Rc::clone(&growth),
    };
    PENDING.with(|all| all.borrow_mut().push(pending));
    growth
}

/// Tells the host, and forgets the counters that are no more.
pub(crate) fn tell() {
    PENDING.with(|all| all.borrow_mut().retain(Pending::tell));
}

// === impl Pending ===

impl Pending {
    /// Tells the host; whether it may grow again.
    fn tell(&self) -> bool {
        let growth = self.growth.take();
        if growth > 0 {
            // A count that is lost must not stop a request.
            let _ = host::add(self.id, growth);
        }
        Rc::strong_count(&self.growth) > 1
    }
}
