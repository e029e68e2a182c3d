//! One worker's part in counting: it joins the others, says that it is alive, and gives back what has ended.

mod shared;
mod sweep;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use tollgate_policy::caps::{BEAT, Caps, Counts, Holding, Roster, StoreError, Watch, WorkerId};

pub use self::shared::Slots;
use self::sweep::Sweep;
use crate::counters::{CapCounters, StoreGauges};

/// How often a worker looks at the others, at the most.
const LOOK: Duration = Duration::from_millis(150);

/// What one worker knows of the counting.
pub struct Counting(RefCell<State>);

#[derive(Default)]
struct State {
    /// None: this worker has counted nothing yet.
    worker: Option<WorkerId>,
    /// As it was read last.
    roster: Option<Rc<Roster>>,
    watch: Watch,
    looked: Duration,
    beaten: Duration,
    /// Requests of this worker under way, by cap.
    under_way: BTreeMap<u64, u32>,
    /// Whether the others know of these.
    is_told: bool,
    /// What has ended and could not be given back.
    unreleased: Vec<Holding>,
    sweep: Sweep,
}

// === impl Counting ===

impl Counting {
    /// A worker that has counted nothing yet.
    pub fn new() -> Self {
        Self(RefCell::default())
    }

    /// The counts. The first time, this worker joins the others.
    ///
    /// # Errors
    ///
    /// The shared data cannot be read or written, or are somebody else's.
    pub fn counts(&self) -> Result<Counts<'static, Slots>, StoreError> {
        self.0.borrow_mut().counts()
    }

    /// A request has begun.
    pub fn began(&self, caps: &Caps, holding: &Holding) {
        let state = &mut *self.0.borrow_mut();
        for cap in caps.held(holding) {
            *state.under_way.entry(cap.id()).or_default() += 1;
        }
        state.is_told = false;
    }

    /// A request has ended. What cannot be given back now is with the next tick.
    pub fn ended(&self, caps: &Caps, holding: Holding) {
        let state = &mut *self.0.borrow_mut();
        let is_counted = state.worker == Some(holding.worker());
        for cap in caps.held(&holding).filter(|_| is_counted) {
            if let Some(count) = state.under_way.get_mut(&cap.id()) {
                *count = count.saturating_sub(1);
            }
        }
        state.under_way.retain(|_, count| *count > 0);
        state.is_told = false;
        state.give_back(caps, holding);
    }

    /// Gives back what was admitted and never began.
    pub fn undo(&self, caps: &Caps, holding: Holding) {
        self.0.borrow_mut().give_back(caps, holding);
    }

    /// Looks at the others, says that this worker is alive, and shows what there is in the statistics.
    pub fn tick(&self, caps: &Caps, now: Duration, counters: &[CapCounters], gauges: &StoreGauges) {
        let state = &mut *self.0.borrow_mut();
        if caps.is_empty() || now.abs_diff(state.looked) < LOOK {
            return;
        }
        state.looked = now;
        for holding in mem::take(&mut state.unreleased) {
            state.give_back(caps, holding);
        }
        // Tried again with the next tick. Until then nobody is taken for dead.
        let _ = state.look(now);
        let Some(roster) = &state.roster else {
            return;
        };
        show(roster, caps, counters);
        if state.worker.is_some() && roster.first() == state.worker {
            if let Ok(counts) = state.counts() {
                state.sweep.go_on(caps, now, &counts, gauges);
            }
        } else {
            state.sweep = Sweep::default();
        }
    }

    /// This worker's configuration ends. What it still has under way is counted until it is taken for dead.
    pub fn retire(&self, caps: &Caps, counters: &[CapCounters]) {
        let state = &mut *self.0.borrow_mut();
        if !state.under_way.is_empty() || !state.unreleased.is_empty() {
            return;
        }
        if let Some(worker) = state.worker.take()
            && let Ok((roster, ())) = shared::update_roster(|roster| roster.leave(worker))
        {
            // The next configuration may not have these caps, and show nothing of them.
            show(&roster, caps, counters);
        }
    }
}

// === impl State ===

impl State {
    fn counts(&mut self) -> Result<Counts<'static, Slots>, StoreError> {
        let (worker, roster) = match (self.worker, &self.roster) {
            (Some(worker), Some(roster)) => (worker, Rc::clone(roster)),
            _ => self.join()?,
        };
        Ok(Counts {
            store: &Slots,
            roster,
            worker,
        })
    }

    fn join(&mut self) -> Result<(WorkerId, Rc<Roster>), StoreError> {
        let (roster, worker) = shared::update_roster(Roster::join)?;
        let roster = Rc::new(roster);
        self.worker = Some(worker);
        self.roster = Some(Rc::clone(&roster));
        Ok((worker, roster))
    }

    fn give_back(&mut self, caps: &Caps, holding: Holding) {
        let released = self
            .counts()
            .and_then(|counts| caps.release(&holding, &counts));
        // Also where the bytes are nobody's: what is under way was counted in good ones, and they may come back.
        if released.is_err() {
            self.unreleased.push(holding);
        }
    }

    /// The others have dropped what this worker had under way: it stood still for too long. Under its old number, what
    /// ends of that would free what begins from now on; so it joins them anew.
    fn give_up(&mut self) {
        self.worker = None;
        self.under_way.clear();
        self.unreleased.clear();
    }

    fn look(&mut self, now: Duration) -> Result<(), StoreError> {
        let Some(roster) = shared::roster()? else {
            return Ok(());
        };
        self.watch.look(&roster, now);
        let is_due = now.abs_diff(self.beaten) >= BEAT || !self.is_told;
        let beats = self.worker.filter(|_| is_due);
        // What was just read says already whether there is anything to write.
        let roster = if beats.is_some() || roster.clone().bury(&self.watch) {
            let under_way: Vec<_> = self
                .under_way
                .iter()
                .map(|(cap, count)| (*cap, *count))
                .collect();
            let (roster, is_there) = shared::update_roster(|roster| {
                let is_there = beats.is_none_or(|worker| roster.beat(worker, under_way.clone()));
                roster.bury(&self.watch);
                is_there
            })?;
            self.beaten = now;
            self.is_told = true;
            if !is_there {
                self.give_up();
            }
            roster
        } else {
            roster
        };
        self.roster = Some(Rc::new(roster));
        Ok(())
    }
}

/// For the statistics.
fn show(roster: &Roster, caps: &Caps, counters: &[CapCounters]) {
    for (cap, counters) in caps.iter().zip(counters) {
        counters.in_flight.record(roster.under_way(cap.id()));
    }
}
