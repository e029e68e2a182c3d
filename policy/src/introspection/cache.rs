//! What issuers have said of credentials lately.

mod recent;

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use self::recent::{Recent, Weigh};
use super::{Active, Answer};
use crate::digest::Digest;
use crate::principal::Principal;
use crate::refusal::Code;

/// How long a failure holds, and nobody is asked again: a server that is away is not asked for every request, and those
/// who wait are told.
const FAILED: Duration = Duration::from_secs(1);

/// What the active ones may take, in bytes.
const BYTES: usize = 8 << 20;

/// How long an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// That a credential is active: a revoked one works for so long at most.
    pub active: Duration,
    /// That it is not: a new one may have to wait for so long, if somebody has tried it before it was made.
    pub inactive: Duration,
    /// How many are remembered, of the active ones and of the others.
    pub entries: usize,
}

/// The answers of one worker, by the credential's digest. Those to active credentials have a place of their own, so that
/// a flood of others cannot push one out.
#[derive(Debug)]
pub struct IntrospectionCache {
    rules: CacheRules,
    entries: RefCell<Entries>,
    /// A credential in use that should be asked about again.
    due: Cell<Option<Digest>>,
    hits: Cell<u64>,
}

#[derive(Debug)]
struct Entries {
    active: Recent<Known>,
    refused: Recent<Not>,
    failed: Recent<Failed>,
    /// The latest time seen.
    latest: Duration,
}

/// Times are since the Unix epoch.
#[derive(Debug)]
struct Known {
    principal: Rc<Principal>,
    /// When the issuer is asked again, if it is still in use.
    due: Duration,
    until: Duration,
}

#[derive(Debug)]
struct Not {
    code: Code,
    until: Duration,
}

#[derive(Debug)]
struct Failed {
    until: Duration,
}

// === impl IntrospectionCache ===

impl IntrospectionCache {
    /// An empty one.
    pub fn new(rules: CacheRules) -> Self {
        Self {
            rules,
            entries: RefCell::new(Entries {
                active: Recent::new(rules.entries, BYTES),
                refused: Recent::new(rules.entries, BYTES),
                failed: Recent::new(rules.entries, BYTES),
                latest: Duration::ZERO,
            }),
            due: Cell::new(None),
            hits: Cell::new(0),
        }
    }

    /// Whose credential it is, or why it is refused; nothing where its issuer must be asked.
    pub(super) fn find(
        &self,
        digest: &Digest,
        now: Duration,
    ) -> Option<Result<Rc<Principal>, Code>> {
        let mut entries = self.entries.borrow_mut();
        entries.keep_time(now);
        let failed = entries.failed.find(digest);
        let has_failed = failed.is_some_and(|failed| now < failed.until);
        // One that is too old stays, to be told from one that nobody has made.
        if let Some(known) = entries.active.find(digest)
            && now < known.until
        {
            if known.due <= now && !has_failed {
                self.due.set(Some(*digest));
            }
            self.hits.set(self.hits.get() + 1);
            return Some(Ok(Rc::clone(&known.principal)));
        }
        if let Some(not) = entries.refused.find(digest) {
            if now < not.until {
                self.hits.set(self.hits.get() + 1);
                return Some(Err(not.code));
            }
            entries.refused.remove(digest);
        }
        has_failed.then_some(Err(Code::IntrospectionUnavailable))
    }

    /// Forgets all.
    pub fn clear(&self) {
        let mut entries = self.entries.borrow_mut();
        entries.active.clear();
        entries.refused.clear();
        entries.failed.clear();
    }

    /// Whether a credential was active when it was last asked about, however long ago.
    pub fn was_active(&self, digest: &Digest) -> bool {
        self.entries.borrow_mut().active.find(digest).is_some()
    }

    /// Remembers what was answered at `now` to a question of the time `asked`. What is known of an active credential
    /// holds from when it was asked, because it may have been revoked while the answer was on its way.
    pub fn learn(&self, digest: Digest, answer: Answer, asked: Duration, now: Duration) {
        let mut entries = self.entries.borrow_mut();
        entries.keep_time(now);
        entries.failed.remove(&digest);
        match answer {
            Answer::Active(Active { principal, ends }) => {
                entries.refused.remove(&digest);
                // A question of the future was asked before the clock stepped back.
                let asked = asked.min(now);
                let longest = asked.saturating_add(self.rules.active);
                let (due, until) = match ends {
                    // Asking again would not change when it ends.
                    Some(ends) if ends <= longest => (ends, ends),
                    _ => (asked.saturating_add(self.rules.active / 4 * 3), longest),
                };
                let known = Known {
                    principal,
                    due,
                    until,
                };
                entries.active.insert(digest, known);
            }
            Answer::Refused(code) => {
                entries.active.remove(&digest);
                let until = now.saturating_add(self.rules.inactive);
                entries.refused.insert(digest, Not { code, until });
            }
        }
    }

    /// Remembers that there was no answer. What was known before stays until its time.
    pub fn fail(&self, digest: Digest, now: Duration) {
        let mut entries = self.entries.borrow_mut();
        entries.keep_time(now);
        let until = now.saturating_add(FAILED);
        entries.failed.insert(digest, Failed { until });
    }

    /// Tells the time, which must not go by unseen: a clock that steps back would make answers hold for longer.
    pub fn keep_time(&self, now: Duration) {
        self.entries.borrow_mut().keep_time(now);
    }

    /// The credential that was found last, if its issuer should be asked again.
    pub fn take_due(&self) -> Option<Digest> {
        self.due.take()
    }

    /// How often an answer was remembered, since this was last asked.
    pub fn take_hits(&self) -> u64 {
        self.hits.take()
    }
}

// === impl Entries ===

impl Entries {
    /// Forgets everything where the clock has stepped back: nobody can tell how old an answer is.
    fn keep_time(&mut self, now: Duration) {
        if now < self.latest {
            self.active.clear();
            self.refused.clear();
            self.failed.clear();
        }
        self.latest = now;
    }
}

impl Weigh for Known {
    fn size(&self) -> usize {
        mem::size_of::<Self>() + self.principal.size()
    }
}

impl Weigh for Not {
    fn size(&self) -> usize {
        mem::size_of::<Self>()
    }
}

impl Weigh for Failed {
    fn size(&self) -> usize {
        mem::size_of::<Self>()
    }
}

#[cfg(test)]
mod tests;
