//! Goes through the slots, some at a time: drops what nobody needs any more, and counts what is left.

use std::time::Duration;

use tollgate_policy::caps::{Caps, Counts, SLOTS, Store};

use crate::counters::StoreGauges;

/// Slots a tick: all of them in some 13 seconds.
const STEP: u32 = 64;

/// Where one worker is.
#[derive(Default)]
pub(super) struct Sweep {
    next: u32,
    accounts: u64,
    bytes: u64,
}

impl Sweep {
    /// Goes on with some slots; after the last of them, shows what there is.
    pub fn go_on<S: Store>(
        &mut self,
        caps: &Caps,
        now: Duration,
        counts: &Counts<'_, S>,
        gauges: &StoreGauges,
    ) {
        let end = SLOTS.min(self.next + STEP);
        for slot in self.next..end {
            // One that cannot be read is counted as empty; whoever needs it is told.
            let used = caps.tidy(slot, now, counts).unwrap_or_default();
            self.accounts += used.accounts;
            self.bytes += used.bytes;
        }
        self.next = end;
        if end == SLOTS {
            gauges.accounts.record(self.accounts);
            gauges.bytes.record(self.bytes);
            *self = Self::default();
        }
    }
}
