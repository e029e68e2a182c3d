//! Does the account exist, and is it active? A directory that is fetched, so that accounts change without a new
//! configuration (the second half of step 6: nobody learns about an account that they may not act for).

mod read;
mod remote;
#[cfg(test)]
mod tests;

pub use self::read::{DirectoryError, MAX_ACCOUNT_BYTES, MAX_ACCOUNTS, MAX_BYTES};
pub use self::remote::Remote;
use crate::account::AccountName;
use crate::caps::Overrides;
use crate::membership::Grant;
use crate::refusal::Code;

/// The accounts that there are. Every worker has one, so it is compact: a name, and twelve bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// All names, one behind the other.
    names: String,
    /// In the order of their names.
    accounts: Vec<Entry>,
    /// What accounts have of their own; many share one.
    own: Vec<Overrides>,
}

/// One account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Where its name begins.
    name: u32,
    /// How long its name is.
    length: u8,
    status: Status,
    /// Which of [`Directory::own`] is its; [`NOTHING`]: none.
    own: u32,
}

/// [`Entry::own`] of an account that has nothing of its own.
const NOTHING: u32 = u32::MAX;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By its members.
    Active,
    /// By administrators only, on admin routes.
    Suspended,
}

/// An account as the directory has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'d> {
    /// Whether it may be used.
    pub status: Status,
    /// What it has instead of the configured caps, if anything.
    pub own: Option<&'d Overrides>,
}

/// That a caller may act for an account, which exists and may be used. Only [`existing`] makes one.
#[derive(Debug)]
pub struct Existing<'d> {
    grant: Grant,
    own: Option<&'d Overrides>,
}

// === impl Directory ===

impl Directory {
    /// Finds an account.
    pub fn find(&self, account: &AccountName) -> Option<Listed<'_>> {
        let place = self
            .accounts
            .binary_search_by(|entry| entry.name(&self.names).cmp(account.as_str()))
            .ok()?;
        let entry = self.accounts.get(place)?;
        let own = usize::try_from(entry.own).ok();
        Some(Listed {
            status: entry.status,
            own: own.and_then(|own| self.own.get(own)),
        })
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }
}

// === impl Entry ===

impl Entry {
    fn name<'n>(&self, names: &'n str) -> &'n str {
        let start = usize::try_from(self.name).unwrap_or(usize::MAX);
        let end = start.saturating_add(self.length.into());
        names.get(start..end).unwrap_or_default()
    }
}

/// Decides whether the account may be used. Where no directory is configured (none), every account may.
///
/// # Errors
///
/// [`Code::AccountUnknown`] and [`Code::AccountSuspended`], but not for an administrator on an admin route: somebody must
/// be able to make the first account, and to act on one that is suspended.
pub fn existing(grant: Grant, directory: Option<&Directory>) -> Result<Existing<'_>, Code> {
    let Some(directory) = directory else {
        return Ok(Existing { grant, own: None });
    };
    let listed = directory.find(grant.account());
    match listed.map(|listed| listed.status) {
        Some(Status::Active) => {}
        _ if grant.admin() => {}
        Some(Status::Suspended) => return Err(Code::AccountSuspended),
        None => return Err(Code::AccountUnknown),
    }
    Ok(Existing {
        grant,
        own: listed.and_then(|listed| listed.own),
    })
}

// === impl Existing ===

impl<'d> Existing<'d> {
    /// The grant, and what the account has instead of the configured caps, if anything.
    pub fn into_parts(self) -> (Grant, Option<&'d Overrides>) {
        (self.grant, self.own)
    }
}
