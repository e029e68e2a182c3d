//! Questions that are to be asked, and those that are under way: one at a time about each credential.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::time::Duration;

use tollgate_policy::digest::Digest;
use tollgate_policy::introspection::Inquiry;

/// How many questions may be under way in one worker.
const MOST_IN_FLIGHT: usize = 64;

/// How many of them about credentials that were not active when last asked about: whoever makes keys up cannot keep
/// others from being asked about again.
const MOST_NEW_IN_FLIGHT: usize = 16;

/// How many may be waiting to be asked, of either kind.
const MOST_QUEUED: usize = 512;

/// For how long at least a question is worth asking.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

/// The questions of one worker.
#[derive(Default)]
pub struct Asking {
    /// To be asked: about credentials that were active when last asked about, and about others.
    known: Queue,
    new: Queue,
    /// By the host's name for them.
    in_flight: BTreeMap<u32, InFlight>,
    /// What those are about.
    under_way: BTreeSet<Digest>,
    new_in_flight: usize,
    /// Whether there was no room since it was tidied last.
    is_crowded: bool,
}

#[derive(Default)]
struct Queue {
    order: VecDeque<Digest>,
    waiting: BTreeMap<Digest, Queued>,
}

struct Queued {
    inquiry: Inquiry,
    /// When somebody wanted to know last, since the Unix epoch.
    wanted: Duration,
}

/// The next question.
pub struct Next {
    /// The question.
    pub inquiry: Inquiry,
    /// Whether the credential was not active when last asked about.
    pub is_new: bool,
}

/// A question that is under way.
pub struct InFlight {
    /// The question.
    pub inquiry: Inquiry,
    /// Whether the credential was not active when last asked about.
    pub is_new: bool,
    /// When it was asked, since the Unix epoch.
    pub asked: Duration,
}

/// There is no room for another question.
pub struct Full;

// === impl Asking ===

impl Asking {
    /// Adds a question about a credential, which comes before those that are new if it was active the last time.
    pub fn ask(&mut self, inquiry: Inquiry, is_new: bool, now: Duration) -> Result<(), Full> {
        let digest = inquiry.digest();
        if self.under_way.contains(&digest)
            || self.known.is_wanted(&digest, now)
            || self.new.is_wanted(&digest, now)
        {
            return Ok(());
        }
        let queue = if is_new {
            &mut self.new
        } else {
            &mut self.known
        };
        let added = queue.add(inquiry, now);
        added.inspect_err(|Full| self.is_crowded = true)
    }

    /// Makes room where there was none: drops what nobody waits for any more.
    pub fn tidy(&mut self, now: Duration, patience: Duration) {
        if mem::take(&mut self.is_crowded) {
            let patience = patience.max(LEAST_PATIENCE);
            self.known.tidy(now, patience);
            self.new.tidy(now, patience);
        }
    }

    /// Whether there is a question for which there is room.
    pub fn is_eager(&self) -> bool {
        let room = self.in_flight.len() < MOST_IN_FLIGHT;
        let is_new = !self.new.order.is_empty() && self.new_in_flight < MOST_NEW_IN_FLIGHT;
        room && (is_new || !self.known.order.is_empty())
    }

    /// Takes the next question for which there is room. Those that nobody waits for any more are dropped.
    pub fn next(&mut self, now: Duration, patience: Duration) -> Option<Next> {
        if self.in_flight.len() >= MOST_IN_FLIGHT {
            return None;
        }
        let patience = patience.max(LEAST_PATIENCE);
        if let Some(inquiry) = self.known.next(now, patience) {
            let is_new = false;
            return Some(Next { inquiry, is_new });
        }
        if self.new_in_flight >= MOST_NEW_IN_FLIGHT {
            return None;
        }
        let inquiry = self.new.next(now, patience)?;
        let is_new = true;
        Some(Next { inquiry, is_new })
    }

    /// A question is under way, under this name.
    pub fn sent(&mut self, token: u32, in_flight: InFlight) {
        self.new_in_flight += usize::from(in_flight.is_new);
        self.under_way.insert(in_flight.inquiry.digest());
        if let Some(before) = self.in_flight.insert(token, in_flight) {
            // A host that uses a name twice.
            self.landed(&before);
        }
    }

    /// The question of this name, if there is one, is under way no more.
    pub fn answered(&mut self, token: u32) -> Option<InFlight> {
        let in_flight = self.in_flight.remove(&token)?;
        self.landed(&in_flight);
        Some(in_flight)
    }

    /// Questions that are under way for longer than they can be: they are no more.
    pub fn forgotten(&mut self, now: Duration, longest: Duration) -> Vec<Digest> {
        let is_over =
            |_: &u32, in_flight: &mut InFlight| now.saturating_sub(in_flight.asked) > longest;
        let over: Vec<_> = self.in_flight.extract_if(.., is_over).collect();
        for (_, in_flight) in &over {
            self.landed(in_flight);
        }
        let digest = |(_, in_flight): &(u32, InFlight)| in_flight.inquiry.digest();
        over.iter().map(digest).collect()
    }

    fn landed(&mut self, in_flight: &InFlight) {
        self.under_way.remove(&in_flight.inquiry.digest());
        self.new_in_flight = self.new_in_flight.saturating_sub(in_flight.is_new.into());
    }
}

// === impl Queue ===

impl Queue {
    /// Whether a question is in it; then somebody wants to know now.
    fn is_wanted(&mut self, digest: &Digest, now: Duration) -> bool {
        let queued = self.waiting.get_mut(digest);
        queued.map(|queued| queued.wanted = now).is_some()
    }

    fn add(&mut self, inquiry: Inquiry, now: Duration) -> Result<(), Full> {
        if self.order.len() >= MOST_QUEUED {
            return Err(Full);
        }
        self.order.push_back(inquiry.digest());
        let wanted = now;
        let digest = inquiry.digest();
        self.waiting.insert(digest, Queued { inquiry, wanted });
        Ok(())
    }

    fn tidy(&mut self, now: Duration, patience: Duration) {
        let Self { order, waiting } = self;
        waiting.retain(|_, queued| now.saturating_sub(queued.wanted) <= patience);
        order.retain(|digest| waiting.contains_key(digest));
    }

    fn next(&mut self, now: Duration, patience: Duration) -> Option<Inquiry> {
        while let Some(digest) = self.order.pop_front() {
            let Some(queued) = self.waiting.remove(&digest) else {
                continue;
            };
            if now.saturating_sub(queued.wanted) <= patience {
                return Some(queued.inquiry);
            }
        }
        None
    }
}
