//! What being admitted means: what a request holds until it ends, and what its client and the operator are told.

use super::MAX_CAPS;
use super::Rules;
use super::rate_limit::{RateLimit, Remaining};
use super::roster::WorkerId;
use crate::account::AccountName;
use crate::membership::Grant;
use crate::refusal::Refusal;

/// That a caller may act for an account and is within its caps. Only [`Caps::admit`](super::Caps::admit) makes one.
///
/// What it holds must be given back when the request ends: [`Caps::release`](super::Caps::release).
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted {
    grant: Grant,
    counted: Positions,
    holding: Option<Holding>,
    standing: Standing,
    exceeded: Option<Refusal>,
}

/// What a request takes up while it is under way.
#[derive(Debug, PartialEq, Eq)]
pub struct Holding {
    account: AccountName,
    worker: WorkerId,
    caps: Positions,
}

/// Where an account stands with the request counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What the client is told; nothing where it is not to be told.
    pub rate_limit: Option<RateLimit>,
    /// The window with the least left, and how much: `requests.per_minute=59`.
    pub tightest: Option<String>,
}

/// Some caps, by their places in the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Positions(u16);

const _: () = assert!(MAX_CAPS <= u16::BITS as usize);

// === impl Admitted ===

impl Admitted {
    pub(super) fn new(
        grant: Grant,
        counted: Positions,
        holding: Option<Holding>,
        standing: Standing,
    ) -> Self {
        Self {
            grant,
            counted,
            holding,
            standing,
            exceeded: None,
        }
    }

    /// Nothing limits it.
    pub(super) fn unlimited(grant: Grant) -> Self {
        Self::new(grant, Positions::default(), None, Standing::default())
    }

    /// It would be refused, were the caps enforced. It counts in none.
    pub(super) fn reported(grant: Grant, refusal: Refusal) -> Self {
        Self {
            exceeded: Some(refusal),
            ..Self::unlimited(grant)
        }
    }

    /// Who was admitted, and for which account.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The caps that it counts in.
    pub fn counted(&self) -> Positions {
        self.counted
    }

    /// What it takes up while it is under way.
    pub fn holding(&self) -> Option<&Holding> {
        self.holding.as_ref()
    }

    /// Where the account stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Why it would be refused, were the caps enforced.
    pub fn exceeded(&self) -> Option<&Refusal> {
        self.exceeded.as_ref()
    }

    /// What is needed of it until the request ends.
    pub fn into_parts(self) -> (Option<Holding>, Standing) {
        (self.holding, self.standing)
    }
}

// === impl Holding ===

impl Holding {
    /// Nothing where no cap counts what is under way.
    pub(super) fn of(account: AccountName, worker: WorkerId, caps: Positions) -> Option<Self> {
        (caps != Positions::default()).then_some(Self {
            account,
            worker,
            caps,
        })
    }

    pub(super) fn account(&self) -> &AccountName {
        &self.account
    }

    /// The worker that has it under way.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }

    pub(super) fn caps(&self) -> Positions {
        self.caps
    }
}

// === impl Standing ===

impl Standing {
    pub(super) fn of(left: &[Remaining<'_>], rules: Rules) -> Self {
        let tightest = left.iter().min_by_key(|window| window.left);
        Self {
            rate_limit: rules.tells_clients().then(|| RateLimit::of(left)),
            tightest: tightest.map(Remaining::label),
        }
    }
}

// === impl Positions ===

impl Positions {
    /// Whether a place in the list is among them.
    pub fn contains(self, position: usize) -> bool {
        position < MAX_CAPS && self.0 & (1 << position) != 0
    }
}

impl FromIterator<usize> for Positions {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let add = |set: u16, position: usize| {
            set | 1_u16
                .checked_shl(u32::try_from(position).unwrap_or(u32::MAX))
                .unwrap_or(0)
        };
        Self(positions.into_iter().fold(0, add))
    }
}
