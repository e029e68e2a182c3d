//! How much? What an account may use (step 7), counted exactly however many workers count.
//!
//! The counts live in a store that all workers share. An account's counts of all caps are in one slot of it, so one swap
//! admits a request to all of them or to none.

mod admission;
mod cap;
mod checksum;
mod limits;
mod rate_limit;
mod roster;
mod slot;
mod store;
mod tally;

use std::time::Duration;

pub use self::admission::{Admitted, Holding, Standing};
pub use self::cap::{Asked, Cap, LONGEST_NAME};
pub use self::limits::{Limits, Override, Overrides, Window};
use self::rate_limit::Remaining;
pub use self::rate_limit::{HEADER, POLICY_HEADER, RateLimit};
pub use self::roster::{BEAT, Roster, SILENCE, Watch, WorkerId};
use self::slot::Slot;
pub use self::store::{Counts, SLOTS, Store, StoreError, Version};
use self::tally::Tally;
use crate::account::AccountName;
use crate::membership::Grant;
use crate::refusal::{CapRefusal, Code, Refusal};

/// The most caps that can be configured.
pub const MAX_CAPS: usize = tollgate_config::MOST_CAPS;

/// What the store's values may take, where nothing else is configured.
pub const DEFAULT_BYTES: u32 = tollgate_config::DEFAULT_SHARED_BYTES;

/// For how long what is over is kept while nobody needs the room: a clock that is ahead for a moment must not reset what
/// is running by the right one.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// All configured caps.
#[derive(Debug, Default)]
pub struct Caps {
    caps: Vec<Cap>,
    rules: Rules,
}

/// What holds for all caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the store's values may take, in bytes.
    pub bytes: usize,
    /// Whether clients are told what is left.
    pub rate_limit_fields: bool,
    /// Whether what exceeds a cap is refused, or only reported.
    pub is_enforced: bool,
}

/// What one slot of the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotUse {
    /// Accounts with something that still counts.
    pub accounts: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What an account has left of one window that limits a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The cap's configured name.
    pub cap: String,
    /// The window.
    pub window: Window,
    /// Requests allowed in it.
    pub limit: u32,
    /// Requests that can still be made in it.
    pub left: u32,
    /// Seconds until it is over; of what does not end by the clock, how long a client is told to wait.
    pub seconds: u32,
}

/// One limited window of a cap that applies to a request.
#[derive(Clone, Copy)]
struct Limited<'c> {
    cap: &'c Cap,
    /// The cap's place in the list.
    position: usize,
    window: Window,
    limit: u32,
}

// === impl Rules ===

impl Rules {
    /// What is only reported shows nowhere in an answer.
    fn tells_clients(self) -> bool {
        self.rate_limit_fields && self.is_enforced
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            bytes: DEFAULT_BYTES as usize,
            rate_limit_fields: true,
            is_enforced: true,
        }
    }
}

// === impl Caps ===

impl Caps {
    /// Caps in the order in which they refuse.
    pub fn new(caps: Vec<Cap>, rules: Rules) -> Self {
        Self { caps, rules }
    }

    /// The least of [`Rules::bytes`] with which an account has room that is alone in its slot, has a name of 63 bytes, and
    /// has requests of so many caps under way in eight workers. Two bytes are the slot's; the rest is as [`slot`] and
    /// [`tally`] write it.
    pub const fn least_bytes(caps: usize) -> usize {
        const ACCOUNT: usize = 1 + 63 + 4 + 13;
        const CAP: usize = 8 + 12 + 2 + 8 * 8;
        (2 + ACCOUNT + caps * CAP) * SLOTS as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.caps.is_empty()
    }

    /// The most bytes that the store's values may take.
    pub const fn most_bytes(&self) -> usize {
        self.rules.bytes
    }

    /// All of them, in the configuration's order.
    pub fn iter(&self) -> impl Iterator<Item = &Cap> {
        self.caps.iter()
    }

    /// Counts a request, at `now` (since the Unix epoch), if all caps that apply have room for it.
    ///
    /// # Errors
    ///
    /// [`Code::CapExceeded`] of the window that must be waited for longest; [`Code::NotReady`] where counting is not
    /// possible.
    pub fn admit<'s, S: Store + 's>(
        &self,
        grant: Grant,
        asked: &Asked<'_>,
        now: Duration,
        counts: impl FnOnce() -> Result<Counts<'s, S>, StoreError>,
    ) -> Result<Admitted, Refusal> {
        let limited = self.limited(grant.account(), asked);
        if limited.is_empty() {
            return Ok(Admitted::unlimited(grant));
        }
        let counts = counts()?;
        match self.count(&limited, grant.account(), now, &counts) {
            Ok(left) => {
                let standing = Standing::of(&left, self.rules);
                let account = grant.account().clone();
                let holding = Holding::of(account, counts.worker, positions(&limited, true));
                Ok(Admitted::new(
                    grant,
                    positions(&limited, false),
                    holding,
                    standing,
                ))
            }
            Err(refusal) if refusal.code == Code::CapExceeded && !self.rules.is_enforced => {
                Ok(Admitted::reported(grant, refusal))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// What an account has left of all windows that limit a request, which is not counted.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn left<S: Store>(
        &self,
        account: &AccountName,
        asked: &Asked<'_>,
        now: Duration,
        counts: &Counts<'_, S>,
    ) -> Result<Vec<Left>, StoreError> {
        let limited = self.limited(account, asked);
        counts.update(counts.slot_of(account), |bytes| {
            let slot = Slot::read(bytes, account).ok_or(StoreError::Foreign)?;
            let tally = slot.tally().ok_or(StoreError::Foreign)?.unwrap_or_default();
            let tally = tally.at(now).ok_or(StoreError::Foreign)?;
            let left = remaining(&limited, &tally, now, counts);
            Ok((None, left.iter().map(Left::of).collect()))
        })
    }

    /// Gives back what a request holds while it is under way. One that is not held any more, because its worker was
    /// taken for dead, is nothing.
    ///
    /// # Errors
    ///
    /// It is still held; try again.
    pub fn release<S: Store>(
        &self,
        holding: &Holding,
        counts: &Counts<'_, S>,
    ) -> Result<(), StoreError> {
        counts.update(counts.slot_of(holding.account()), |bytes| {
            if bytes.is_empty() {
                // It was written when this was counted, and no slot is ever removed.
                return Err(StoreError::Foreign);
            }
            let slot = Slot::read(bytes, holding.account()).ok_or(StoreError::Foreign)?;
            let mut tally = slot.tally().ok_or(StoreError::Foreign)?.unwrap_or_default();
            let mut changed = false;
            for cap in self.held(holding) {
                changed |= tally.give_back(cap.id(), holding.worker());
            }
            Ok((changed.then(|| slot.with(&tally)), ()))
        })
    }

    /// The caps of which a request holds one.
    pub fn held(&self, holding: &Holding) -> impl Iterator<Item = &Cap> {
        let caps = self.caps.iter().enumerate();
        caps.filter_map(|(position, cap)| holding.caps().contains(position).then_some(cap))
    }

    /// Drops the accounts from a slot that have used nothing for some minutes; tells what is left.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn tidy<S: Store>(
        &self,
        slot: u32,
        now: Duration,
        counts: &Counts<'_, S>,
    ) -> Result<SlotUse, StoreError> {
        counts.update(slot, |bytes| {
            let tidied = slot::tidy(bytes, now, GRACE, counts).ok_or(StoreError::Foreign)?;
            let size = tidied.bytes.as_ref().map_or(bytes.len(), Vec::len);
            let used = SlotUse {
                accounts: tidied.accounts.into(),
                bytes: u64::try_from(size).unwrap_or(u64::MAX),
            };
            Ok((tidied.bytes, used))
        })
    }

    fn limited(&self, account: &AccountName, asked: &Asked<'_>) -> Vec<Limited<'_>> {
        let mut limited = Vec::with_capacity(self.caps.len() * Window::ALL.len());
        for (position, cap) in self.caps.iter().enumerate() {
            if cap.applies(asked) {
                let limits = cap.limits(account, asked);
                let of = |window| {
                    limits.of(window).map(|limit| Limited {
                        cap,
                        position,
                        window,
                        limit,
                    })
                };
                limited.extend(Window::ALL.into_iter().filter_map(of));
            }
        }
        limited
    }

    /// Counts a request in all windows, or in none; gives what is left of them then.
    fn count<'c, S: Store>(
        &self,
        limited: &[Limited<'c>],
        account: &AccountName,
        now: Duration,
        counts: &Counts<'_, S>,
    ) -> Result<Vec<Remaining<'c>>, Refusal> {
        counts.update(counts.slot_of(account), |bytes| {
            let slot = Slot::read(bytes, account).ok_or(StoreError::Foreign)?;
            let tally = slot.tally().ok_or(StoreError::Foreign)?.unwrap_or_default();
            let mut tally = tally.at(now).ok_or(StoreError::Foreign)?;
            let mut left = remaining(limited, &tally, now, counts);
            if let Some(refusal) = self.refusal(account, &left) {
                return Err(refusal);
            }
            tally.tidy(counts);
            for window in &mut left {
                tally.add(window.cap.id(), window.window, counts.worker);
                // There is one: `refusal` has found room in each.
                window.left -= 1;
            }
            if tally.is_too_long() {
                return Err(StoreError::Full(tally.seconds_used(now)).into());
            }
            let written = self.fit(bytes, &slot, &tally, now, counts)?;
            Ok((Some(written), left))
        })
    }

    /// The slot's bytes with a tally; accounts that use nothing any more make room for it. New accounts get half of a
    /// slot: who is in it already must have room to grow, with more caps that apply, and more workers that have some of
    /// it under way.
    fn fit<S: Store>(
        &self,
        bytes: &[u8],
        slot: &Slot<'_>,
        tally: &Tally,
        now: Duration,
        counts: &Counts<'_, S>,
    ) -> Result<Vec<u8>, StoreError> {
        let most = self.rules.bytes / usize::try_from(SLOTS).unwrap_or(1);
        let fits = |slot: &Slot<'_>, size: usize| {
            let may_grow = slot.has_account() || slot.is_alone();
            size <= if may_grow { most } else { most / 2 }
        };
        let written = slot.with(tally);
        if fits(slot, written.len()) || written.len() <= bytes.len() {
            return Ok(written);
        }
        let tidied = slot::tidy(bytes, now, Duration::ZERO, counts).ok_or(StoreError::Foreign)?;
        let full = StoreError::Full(tidied.seconds_used);
        let smaller = tidied.bytes.ok_or(full)?;
        let slot = Slot::read(&smaller, slot.account()).ok_or(StoreError::Foreign)?;
        let written = slot.with(tally);
        if fits(&slot, written.len()) {
            Ok(written)
        } else {
            Err(full)
        }
    }

    /// The refusal of the window that must be waited for longest, if one has no room.
    fn refusal(&self, account: &AccountName, left: &[Remaining<'_>]) -> Option<Refusal> {
        let mut used_up: Option<&Remaining<'_>> = None;
        for window in left.iter().filter(|window| window.left == 0) {
            if used_up.is_none_or(|longest| window.seconds > longest.seconds) {
                used_up = Some(window);
            }
        }
        let window = used_up?;
        Some(Refusal {
            retry_after: Some(window.seconds),
            cap: Some(Box::new(CapRefusal {
                account: account.clone(),
                cap: window.cap.name().to_owned(),
                window: window.window,
                limit: window.limit,
                rate_limit: self.rules.tells_clients().then(|| RateLimit::of(left)),
            })),
            ..Code::CapExceeded.into()
        })
    }
}

// === impl Left ===

impl Left {
    fn of(window: &Remaining<'_>) -> Self {
        Self {
            cap: window.cap.name().to_owned(),
            window: window.window,
            limit: window.limit,
            left: window.left,
            seconds: window.seconds,
        }
    }
}

fn remaining<'c, S: Store>(
    limited: &[Limited<'c>],
    tally: &Tally,
    now: Duration,
    counts: &Counts<'_, S>,
) -> Vec<Remaining<'c>> {
    let of = |limited: &Limited<'c>| Remaining {
        cap: limited.cap,
        window: limited.window,
        limit: limited.limit,
        left: limited
            .limit
            .saturating_sub(tally.used(limited.cap.id(), limited.window, counts)),
        seconds: tally.seconds_left(limited.window, now),
    };
    limited.iter().map(of).collect()
}

fn positions(limited: &[Limited<'_>], concurrent_only: bool) -> admission::Positions {
    let counted = limited
        .iter()
        .filter(|limited| !concurrent_only || limited.window == Window::Concurrent);
    counted.map(|limited| limited.position).collect()
}

#[cfg(test)]
mod tests;
