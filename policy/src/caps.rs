//! How much? What an account may use (step 7), counted exactly however many workers count.
//!
//! The counts live in a store that all workers share: a fixed number of slots, each changed by compare-and-swap.
//! An account's counts of all caps are in one slot, so one swap admits a request to all of them or to none.

mod limits;
mod slot;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::limits::{Limits, Override, Overrides, Window};
use self::slot::{Full, Slot};
use crate::account::AccountName;
use crate::membership::Grant;
use crate::path::Path;
use crate::refusal::{CapRefusal, Code, Refusal};
use crate::route::{Mounts, RoutePattern};

/// Slots in the store. Together with [`slot::MAX_ACCOUNTS`] and [`MAX_CAPS`] it bounds the store's memory.
pub const SLOTS: u32 = 4096;

/// The most caps that can be configured.
pub const MAX_CAPS: usize = 16;

/// How often a swap is tried. Each failure means that another worker's succeeded, so only a store that is
/// broken gets here.
const ATTEMPTS: usize = 1000;

/// The name of the only window that there is so far.
const WINDOW: &str = "per_minute";

/// All configured caps.
#[derive(Debug, Default)]
pub struct Caps(Vec<Cap>);

/// A named limit for each account, on all protected requests or on some routes.
#[derive(Debug)]
pub struct Cap {
    name: String,
    id: u64,
    routes: Option<Vec<RoutePattern>>,
    limits: Limits,
    accounts: BTreeMap<String, Limits>,
}

/// Slots shared by all workers.
pub trait Store {
    /// A slot's bytes (none where it was never written) and the version to swap against.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError>;

    /// Writes a slot if it still has this version; tells whether it had.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError>;
}

/// Which writing of a slot was read; none: it was never written.
pub type Version = Option<u32>;

/// The store cannot be reached.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the shared counts cannot be read or written")]
pub struct StoreError;

/// That a caller may act for an account and is within its caps. Only [`Caps::admit`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted(Grant);

// === impl Cap ===

impl Cap {
    /// A cap; `routes` none: on all protected requests.
    pub fn new(
        name: String,
        routes: Option<Vec<RoutePattern>>,
        limits: Limits,
        accounts: BTreeMap<String, Limits>,
    ) -> Self {
        Self {
            id: fnv1a(name.as_bytes()),
            name,
            routes,
            limits,
            accounts,
        }
    }

    /// What tells this cap's counts from others' in the store.
    pub fn id(&self) -> u64 {
        self.id
    }

    fn applies(&self, mounts: &Mounts, method: &[u8], path: &Path<'_>) -> bool {
        self.routes.as_ref().is_none_or(|routes| {
            routes
                .iter()
                .any(|route| route.matches(mounts, method, path))
        })
    }

    fn limits(&self, account: &AccountName) -> Limits {
        let own = self.accounts.get(account.as_str());
        own.copied().unwrap_or(self.limits)
    }

    fn refuse(&self, limit: u32, retry_after: u32) -> Refusal {
        Refusal {
            retry_after: Some(retry_after),
            cap: Some(CapRefusal {
                cap: self.name.clone(),
                window: WINDOW,
                limit,
            }),
            ..Code::CapExceeded.into()
        }
    }
}

// === impl Caps ===

impl Caps {
    /// Caps in the order in which they refuse.
    pub fn new(caps: Vec<Cap>) -> Self {
        Self(caps)
    }

    /// Counts a request, at `now` (since the Unix epoch), if all caps that apply have room for it.
    ///
    /// # Errors
    ///
    /// [`Code::CapExceeded`] of the first cap that has none; [`Code::NotReady`] where counting is not possible.
    pub fn admit(
        &self,
        grant: Grant,
        mounts: &Mounts,
        method: &[u8],
        path: &Path<'_>,
        now: Duration,
        store: &impl Store,
    ) -> Result<Admitted, Refusal> {
        let limited: Vec<(&Cap, u32)> = self
            .0
            .iter()
            .filter(|cap| cap.applies(mounts, method, path))
            .filter_map(|cap| Some((cap, cap.limits(grant.account()).per_minute?)))
            .collect();
        if !limited.is_empty() {
            count(&limited, grant.account(), now, store)?;
        }
        Ok(Admitted(grant))
    }
}

fn count(
    limited: &[(&Cap, u32)],
    account: &AccountName,
    now: Duration,
    store: &impl Store,
) -> Result<(), Refusal> {
    let unreachable = |StoreError| Refusal::not_ready("the shared counts cannot be reached");
    let number = slot_of(account);
    for _ in 0..ATTEMPTS {
        let (bytes, version) = store.load(number).map_err(unreachable)?;
        let slot = match version {
            None => Slot::new(now),
            Some(_) => Slot::read(&bytes, now),
        };
        let mut slot =
            slot.ok_or_else(|| Refusal::not_ready("the shared counts are not the gate's"))?;
        let retry_after = slot.seconds_left(now);
        if let Some((cap, limit)) = limited
            .iter()
            .find(|(cap, limit)| slot.used(account, cap.id) >= *limit)
        {
            return Err(cap.refuse(*limit, retry_after));
        }
        for (cap, _) in limited {
            slot.add_one(account, cap.id).map_err(|Full| Refusal {
                retry_after: Some(retry_after),
                ..Refusal::not_ready(
                    "the shared counts have no room for another account this minute",
                )
            })?;
        }
        if store
            .swap(number, &slot.write(), version)
            .map_err(unreachable)?
        {
            return Ok(());
        }
    }
    Err(Refusal::not_ready("the shared counts change too fast"))
}

fn slot_of(account: &AccountName) -> u32 {
    let hash = fnv1a(account.as_str().as_bytes());
    u32::try_from(hash % u64::from(SLOTS)).unwrap_or_default()
}

/// The same in every worker and version, which std's hashers do not promise.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

// === impl Admitted ===

impl Admitted {
    /// Who was admitted, and for which account.
    pub fn grant(&self) -> &Grant {
        &self.0
    }
}

#[cfg(test)]
mod tests;
