//! Where the counts are: a fixed number of slots that all workers share, each changed by compare-and-swap.

use std::hash::Hasher;
use std::rc::Rc;

use siphasher::sip::SipHasher13;

use super::roster::{Attendance, Roster, WorkerId};
use crate::account::AccountName;

/// Slots in the store.
pub const SLOTS: u32 = 4096;

/// How often a swap is tried. Each failure means that another worker's succeeded, so only a store that is
/// broken gets here.
const ATTEMPTS: usize = 1000;

/// Slots shared by all workers.
pub trait Store {
    /// A slot's bytes (none where it was never written) and the version to swap against.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`].
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError>;

    /// Writes a slot if it still has this version; tells whether it had.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`].
    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError>;
}

/// Which writing of a slot was read; none: it was never written.
pub type Version = Option<u32>;

/// Why counting is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The host does not give or take it.
    #[error("the shared counts cannot be reached")]
    Unreachable,
    /// Somebody else's bytes, or half of them.
    #[error("the shared counts are not the gate's")]
    Foreign,
    /// Every swap failed.
    #[error("the shared counts change too fast")]
    Contended,
    /// All accounts in a slot have something that still counts; seconds until one has not.
    #[error("the shared counts have no room for another account")]
    Full(u32),
}

/// The counts as one worker finds them: the store, who else is there, and who it is itself.
#[derive(Clone)]
pub struct Counts<'a, S> {
    /// Where they are.
    pub store: &'a S,
    /// Who is there, as it was a moment ago.
    pub roster: Rc<Roster>,
    /// The worker itself.
    pub worker: WorkerId,
}

// === impl StoreError ===

impl StoreError {
    /// All names that [`Self::as_str`] gives.
    pub const NAMES: [&str; 4] = ["unreachable", "foreign", "contended", "full"];

    /// The stable name, as in counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Foreign => "foreign",
            Self::Contended => "contended",
            Self::Full(_) => "full",
        }
    }
}

// === impl Counts ===

impl<S: Store> Counts<'_, S> {
    /// The slot that an account's counts are in.
    pub(super) fn slot_of(&self, account: &AccountName) -> u32 {
        let mut hasher = SipHasher13::new_with_key(self.roster.seed());
        hasher.write(account.as_str().as_bytes());
        u32::try_from(hasher.finish() % u64::from(SLOTS)).unwrap_or_default()
    }

    /// Changes a slot. `change` gives the slot's new bytes and what comes of them, or nothing to be written; it is asked
    /// again when another worker was faster.
    pub(super) fn update<T, E: From<StoreError>>(
        &self,
        slot: u32,
        mut change: impl FnMut(&[u8]) -> Result<(Option<Vec<u8>>, T), E>,
    ) -> Result<T, E> {
        for _ in 0..ATTEMPTS {
            let (bytes, version) = self.store.load(slot)?;
            if version.is_some() && bytes.is_empty() {
                // Every writing has a header.
                return Err(StoreError::Foreign.into());
            }
            let (bytes, made) = change(&bytes)?;
            let Some(bytes) = bytes else {
                return Ok(made);
            };
            if self.store.swap(slot, &bytes, version)? {
                return Ok(made);
            }
        }
        Err(StoreError::Contended.into())
    }
}

impl<S> Attendance for Counts<'_, S> {
    /// Whoever asks is alive.
    fn is_alive(&self, worker: WorkerId) -> bool {
        worker == self.worker || self.roster.is_alive(worker)
    }

    fn is_gone(&self, worker: WorkerId) -> bool {
        worker != self.worker && self.roster.is_gone(worker)
    }
}
