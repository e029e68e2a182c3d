//! When a document is fetched, and by whom: by one worker for all of them.
//!
//! Every worker has a timer of its own and none knows of the others, so they agree through one shared record a
//! document, changed by compare-and-swap. Whoever begins a fetch writes down when; until it ends, or has taken too
//! long, nobody else begins one. What was fetched is beside the record, in one of two places; the record says in which,
//! how old it is, and by a hash which bytes: so it comes with its age or not at all, and the record stays small, which
//! every worker reads all the time.

mod failure;
mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::failure::Failure;

/// The longest `max_wait` that can be configured.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long after a failure the next fetch begins, while there is nothing.
const RETRY_WITHOUT: Duration = Duration::from_millis(500);

/// The same while there is something that can still be used.
const RETRY_WITH: Duration = Duration::from_secs(10);

/// Beyond the fetch's own timeouts, for the worker that fetches to say how it went.
const GRACE: Duration = Duration::from_secs(1);

/// The longest entity tag that is kept, in bytes.
const MAX_ETAG: usize = 256;

/// How often something is fetched, and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How old it grows before it is fetched again.
    pub refresh: Duration,
    /// How long a fetch may take, with all its requests.
    pub longest_fetch: Duration,
    /// How old it may grow while fetching it fails; none: it stays for ever.
    pub max_stale: Option<Duration>,
    /// How long after one fetch for something that is not in it the next one may be made; none: there are no such.
    pub missing_cooldown: Option<Duration>,
}

/// What all workers know about one document. Times are since the Unix epoch; zero is never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchState {
    /// Of the document; none: there is none.
    version: Option<Version>,
    /// Where the document is.
    place: Place,
    /// What the server calls this version.
    etag: Option<String>,
    /// When the document was last seen with the server.
    fetched: Duration,
    /// When the last fetch ended, well or not.
    ended: Duration,
    /// When the one that is under way began; zero: none is.
    began: Duration,
    /// When the last one for something missing began.
    looked_for_missing: Duration,
    /// Fetches begun.
    ticket: u64,
    /// How the last one failed, if it did.
    failure: Option<Failure>,
}

/// Which bytes a document has: eight bytes of their SHA-256. Another document has another version, also where the record
/// had to be begun anew, and bytes that are not those which were written show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(u64);

/// One of the two places for a document: a new one never overwrites what others may be about to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The one.
    #[default]
    A,
    /// The other.
    B,
}

/// The right to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// Why a fetch is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is nothing, or it grows old.
    Age,
    /// Somebody needs what is not in it.
    Missing,
}

// === impl FetchState ===

impl FetchState {
    /// Changes whenever the document does; nothing where there is none.
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// Where the document is, if there is one.
    pub fn place(&self) -> Place {
        self.place
    }

    /// What the server calls this version of the document, if it has said so.
    pub fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// How the last fetch failed, if it did.
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// How long ago the document was last seen with the server; nothing where there is none.
    ///
    /// A clock that has stepped back counts as well: it was wrong before, or is now.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        self.version.map(|_| now.abs_diff(self.fetched))
    }

    /// Whether there is a document that is not too old to be used.
    pub fn is_usable(&self, pace: &Pace, now: Duration) -> bool {
        let lasts = |age| pace.max_stale.is_none_or(|max_stale| age <= max_stale);
        self.age(now).is_some_and(lasts)
    }

    /// Whether somebody is fetching.
    pub fn is_under_way(&self, pace: &Pace, now: Duration) -> bool {
        let longest = pace.longest_fetch.saturating_add(GRACE);
        !self.began.is_zero() && now.abs_diff(self.began) < longest
    }

    /// Whether a fetch may begin for something that is not in the document.
    pub fn may_look_for_missing(&self, pace: &Pace, now: Duration) -> bool {
        let passed = now.abs_diff(self.looked_for_missing);
        let may_look = |cooldown| passed >= cooldown || self.is_look_unanswered();
        self.is_usable(pace, now) && pace.missing_cooldown.is_some_and(may_look)
    }

    /// Begins a fetch, if it is time for one and nobody is at it. It is begun once this state is in the shared record.
    pub fn begin(&mut self, reason: Reason, pace: &Pace, now: Duration) -> Option<Ticket> {
        let due = match reason {
            Reason::Age => self.is_due(pace, now),
            Reason::Missing => self.may_look_for_missing(pace, now),
        };
        if !due || self.is_under_way(pace, now) {
            return None;
        }
        if self.ended > now {
            // The clock has stepped back: what ended then has not answered what begins now.
            self.ended = Duration::ZERO;
        }
        if reason == Reason::Missing {
            self.looked_for_missing = now;
        }
        self.began = now;
        self.ticket = self.ticket.wrapping_add(1);
        Some(Ticket(self.ticket))
    }

    /// Ends a fetch with a document, which must be one that can be used. Tells whether it was still this worker's turn.
    /// Where the version is another than before, so is [`place`](Self::place), and the document must be there before this
    /// state is in the shared record.
    pub fn succeed(
        &mut self,
        ticket: Ticket,
        version: Version,
        etag: Option<&str>,
        now: Duration,
    ) -> bool {
        if !self.end(ticket, now) {
            return false;
        }
        if self.version != Some(version) {
            self.version = Some(version);
            self.place = self.place.other();
        }
        self.etag = etag.filter(|etag| is_etag(etag)).map(str::to_owned);
        self.fetched = now;
        self.failure = None;
        true
    }

    /// Ends a fetch in which the server said that this version is its newest. Tells whether it was still this worker's
    /// turn, and this version is there.
    pub fn confirm(&mut self, ticket: Ticket, version: Version, now: Duration) -> bool {
        if self.version != Some(version) || !self.end(ticket, now) {
            return false;
        }
        self.fetched = now;
        self.failure = None;
        true
    }

    /// Ends a fetch without one; what there is stays. Tells whether it was still this worker's turn.
    pub fn fail(&mut self, ticket: Ticket, failure: Failure, now: Duration) -> bool {
        let ended = self.end(ticket, now);
        if ended {
            self.failure = Some(failure);
        }
        ended
    }

    /// Gives a fetch up, of which nothing is known: it is as if it had not begun, and others may at once.
    pub fn give_up(&mut self, ticket: Ticket) -> bool {
        let under_way = self.is_turn_of(ticket) && !self.began.is_zero();
        if under_way {
            if self.began == self.looked_for_missing {
                self.looked_for_missing = Duration::ZERO;
            }
            self.began = Duration::ZERO;
        }
        under_way
    }

    /// Forgets a document that is not where it should be, so that it is fetched again. Tells whether it was this one.
    pub fn forget(&mut self, version: Version) -> bool {
        let known = self.version == Some(version);
        if known {
            self.version = None;
            self.etag = None;
        }
        known
    }

    /// Whether nobody has begun a fetch since.
    pub fn is_turn_of(&self, ticket: Ticket) -> bool {
        ticket == Ticket(self.ticket)
    }

    fn end(&mut self, ticket: Ticket, now: Duration) -> bool {
        if !self.is_turn_of(ticket) {
            return false;
        }
        self.began = Duration::ZERO;
        self.ended = now;
        true
    }

    fn is_due(&self, pace: &Pace, now: Duration) -> bool {
        let (since, wait) = match self.failure {
            _ if !self.is_usable(pace, now) => (self.ended, RETRY_WITHOUT),
            Some(_) => (self.ended, RETRY_WITH.min(pace.refresh)),
            None => (self.fetched, pace.refresh),
        };
        now.abs_diff(since) >= wait
    }

    /// Whether no fetch has ended since the last one for something missing began: whoever began it is gone, or still
    /// at it.
    fn is_look_unanswered(&self) -> bool {
        self.looked_for_missing > self.ended
    }
}

// === impl Version ===

impl Version {
    /// The version of a document with these bytes.
    pub fn of(document: &[u8]) -> Self {
        // Zero is none, in the record.
        Self(first_bytes(Sha256::digest(document).into()).max(1))
    }
}

// === impl Place ===

impl Place {
    /// The one that it is not.
    #[must_use = "the other place is returned"]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Its name, as in shared data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// A name for where a document comes from, the same in every worker: 32 hexadecimal digits. No part may have a NUL, but
/// for the last.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let half = hash.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}

/// Whether it is an entity tag, and can be sent back as it is (RFC 9110 §8.8.3; without the bytes beyond ASCII, which
/// nobody sends). Without its quotes `*` would be one, and the server would be asked whether it has anything at all.
fn is_etag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let opaque = opaque
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let is_plain = |opaque: &str| {
        opaque
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    };
    text.len() <= MAX_ETAG && opaque.is_some_and(is_plain)
}

fn first_bytes(hash: [u8; 32]) -> u64 {
    u64::from_le_bytes(hash.first_chunk().copied().unwrap_or_default())
}
