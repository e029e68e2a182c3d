//! A document that is fetched by one worker for all, and read by each when it changes: what this worker knows of it, and
//! what it does about it.

mod callout;
mod record;
mod source;
mod telling;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::fetching::{Failure, FetchState, Reason, Ticket, Version};

use self::callout::{Answer, Callout, Document};
pub use self::callout::{broken_off, by_envoy, not_sent};
use self::record::{Entry, Fetch, Record};
pub use self::source::{Failed, Source};
use self::telling::log;
use crate::host::{Level, memory};

/// One document in one worker.
pub struct Fetched<V> {
    record: Record,
    /// What the record said last.
    state: FetchState,
    /// The document that was read last.
    document: Option<Versioned<V>>,
    /// What this worker has fetched, until it is published: it need not be read again.
    unpublished: Option<Versioned<V>>,
    /// A version that cannot be read, so that it is tried and logged once.
    unreadable: Option<Version>,
    seen: Seen,
    /// Whether a request needs what is not in it.
    is_wanted: bool,
    /// Whether more is known than when the last request was decided on.
    has_news: bool,
    /// Whether the record could not be changed the last time, so that it is logged once.
    is_cut_off: bool,
    /// The request of this worker's own.
    callout: Option<Callout>,
}

/// A document as it was read.
pub type Versioned<V> = (Version, Arc<V>);

/// How things were when they were looked at last, to tell what is news.
#[derive(Default)]
struct Seen {
    /// The record's entry.
    entry: Entry,
    /// Whether somebody was fetching.
    under_way: bool,
    /// Whether it was there, and fresh enough.
    usable: bool,
}

/// What is to be done about a request that needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is being fetched, or will be.
    Wait,
    /// More is known than a moment ago: decide again.
    DecideAgain,
    /// It cannot be asked for: too much is already.
    TooMuch,
}

// === impl Fetched ===

impl<V> Fetched<V> {
    /// Nothing known yet.
    pub fn new<S: Source<Value = V>>(source: &S) -> Self {
        Self {
            record: Record::new(source.record()),
            state: FetchState::default(),
            document: None,
            unpublished: None,
            unreadable: None,
            seen: Seen::default(),
            is_wanted: false,
            has_news: false,
            is_cut_off: false,
            callout: None,
        }
    }

    /// What the record said last.
    pub fn state(&self) -> &FetchState {
        &self.state
    }

    /// The document, if it can be used.
    pub fn value<S: Source<Value = V>>(&self, source: &S, now: Duration) -> Option<Arc<V>> {
        match &self.document {
            Some((_, value)) => {
                let pace = source.pace();
                // What stays for ever is not lost with the record either.
                let usable = pace.max_stale.is_none() || self.state.is_usable(&pace, now);
                usable.then(|| Arc::clone(value))
            }
            None => source.fallback(),
        }
    }

    /// Reads the record; tells whether that is news, and remembers it for whoever asks next.
    pub fn look<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> bool {
        let news = self.read(source, now);
        self.has_news |= news;
        news
    }

    /// Reads and fetches what is due; tells whether that is news for those who wait.
    pub fn tick<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> bool {
        let mut news = self.read(source, now);
        news |= self.fetch_wanted(source, now);
        self.tell_age(source, now);
        self.show(source, now);
        news
    }

    /// Takes the answer to a callout, if it is this one's; tells whether that is news for those who wait.
    pub fn answered<S: Source<Value = V>>(
        &mut self,
        token: u32,
        source: &S,
        size: usize,
        now: Duration,
    ) -> Option<bool> {
        let callout = self.callout.take_if(|callout| callout.token == token)?;
        Some(self.take(&callout, source, size, now))
    }

    /// Gives up the fetch of this worker, whose answer nobody will be there for: others may begin at once.
    pub fn retire<S: Source<Value = V>>(&mut self, source: &S, now: Duration) {
        if let Some(callout) = self.callout.take() {
            self.change(source, now, |state| state.give_up(callout.ticket));
        }
    }

    /// Sees to it that it, or a newer one, is fetched with the next tick: a callout belongs to the context that makes
    /// it, and a stream can end before the answer.
    pub fn want<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> Outlook {
        if mem::take(&mut self.has_news) || self.read(source, now) {
            return Outlook::DecideAgain;
        }
        self.is_wanted = true;
        Outlook::Wait
    }

    fn fetch_wanted<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> bool {
        let pace = source.pace();
        let mut news = mem::take(&mut self.has_news);
        news |= self.fetch(Reason::Age, source, now);
        if mem::take(&mut self.is_wanted) && self.state.is_usable(&pace, now) {
            news |= self.fetch(Reason::Missing, source, now);
            // Nobody needs to wait where no fetch may begin.
            news |= !self.state.is_under_way(&pace, now);
        }
        news
    }

    /// Reads the record; tells whether that is news for those who wait.
    fn read<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> bool {
        match self.record.load_other_than(self.seen.entry) {
            Ok(Some((state, entry))) => {
                self.seen.entry = entry;
                self.adopt(state, source, now)
            }
            Ok(None) => self.has_ended(source, now),
            Err(_) => false,
        }
    }

    /// Takes over what the record says; tells whether that is news for those who wait.
    fn adopt<S: Source<Value = V>>(
        &mut self,
        state: FetchState,
        source: &S,
        now: Duration,
    ) -> bool {
        let pace = source.pace();
        let was_usable = self.state.is_usable(&pace, now);
        self.state = state;
        let changed = self.read_document(source);
        let recovered = !was_usable && self.state.is_usable(&pace, now);
        if changed || recovered {
            // Those who waited for it decide again, and say so where it is not what they need.
            self.is_wanted = false;
        }
        self.has_ended(source, now) || changed || recovered
    }

    /// Reads the document, if it is another one than before; tells whether it is. Where it cannot be had, it counts as
    /// not being there.
    fn read_document<S: Source<Value = V>>(&mut self, source: &S) -> bool {
        let Some(version) = self.state.version() else {
            return false;
        };
        let is_it = |known: &Versioned<V>| known.0 == version;
        if self.document.as_ref().is_some_and(is_it) {
            return false;
        }
        if let Some(own) = self.unpublished.take_if(|known| is_it(known)) {
            self.document = Some(own);
            return true;
        }
        let text = self.text::<S>(version);
        let previous = self.document.as_ref().map(|(_, value)| &**value);
        match text.map(|text| source.parse(&text, previous)) {
            Some(Ok(value)) => {
                self.document = Some((version, Arc::new(value)));
                return true;
            }
            Some(Err(failed)) => {
                // Nobody publishes such a document.
                self.unreadable = Some(version);
                let what = format!("what is in shared data cannot be read: {}", failed.sentence);
                log(Level::Error, source, &what);
            }
            None => {}
        }
        self.state.forget(version);
        false
    }

    /// The text of the version that the record names, where it is and was not tried before.
    fn text<S: Source<Value = V>>(&mut self, version: Version) -> Option<Vec<u8>> {
        if self.unreadable == Some(version) {
            return None;
        }
        match self.record.document(&self.state, S::MAX_BYTES) {
            Ok(Some(text)) if memory::has_room(text.len().saturating_mul(S::TIMES)) => {
                return Some(text);
            }
            // Without it the record is worth nothing: it has to be fetched again.
            Ok(None) => {
                let forget = |state: &mut FetchState| state.forget(version).then_some(());
                let _ = self.record.update(forget);
            }
            // The next look tries again.
            Ok(Some(_)) | Err(_) => self.seen.entry = None,
        }
        None
    }

    /// Whether a fetch has ended, or its time is over, so that those who wait can be told.
    fn has_ended<S: Source<Value = V>>(&mut self, source: &S, now: Duration) -> bool {
        let under_way = self.state.is_under_way(&source.pace(), now);
        let ended = mem::replace(&mut self.seen.under_way, under_way) && !under_way;
        ended && self.value(source, now).is_some()
    }

    /// Begins a fetch if it is time for one; tells whether there is news for those who wait.
    fn fetch<S: Source<Value = V>>(&mut self, reason: Reason, source: &S, now: Duration) -> bool {
        let pace = source.pace();
        // What was read a moment ago says already that it is not.
        if self.state.clone().begin(reason, &pace, now).is_none() {
            return false;
        }
        let begun = self.record.update(|state| state.begin(reason, &pace, now));
        let Ok((state, ticket)) = begun else {
            if !mem::replace(&mut self.is_cut_off, true) {
                let why = "not fetched: the workers' shared data cannot be changed";
                log(Level::Error, source, why);
            }
            return false;
        };
        self.is_cut_off = false;
        let mut news = self.adopt(state, source, now);
        if let Some(ticket) = ticket {
            match Callout::start(source, ticket, &self.state, now) {
                Ok(callout) => self.callout = Some(callout),
                Err(failed) => news |= self.failed(ticket, &failed, source, now),
            }
        }
        news
    }

    fn take<S: Source<Value = V>>(
        &mut self,
        callout: &Callout,
        source: &S,
        size: usize,
        now: Duration,
    ) -> bool {
        match callout.answered(source, size, self.document.as_ref(), now) {
            Ok(Answer::Next(next)) => {
                self.callout = Some(next);
                false
            }
            Ok(Answer::Document(document)) => self.fetched(callout.ticket, document, source, now),
            Ok(Answer::Unchanged(version)) => self.confirmed(callout.ticket, version, source, now),
            Err(failed) => self.failed(callout.ticket, &failed, source, now),
        }
    }

    fn fetched<S: Source<Value = V>>(
        &mut self,
        ticket: Ticket,
        document: Document<V>,
        source: &S,
        now: Duration,
    ) -> bool {
        let before = (self.state.version(), self.state.failure());
        let fetch = Fetch {
            ticket,
            text: &document.text,
            version: document.known.0,
            etag: document.etag.as_deref(),
        };
        let published = self.record.publish(&fetch, now);
        self.unpublished = Some(document.known);
        let news = published.is_ok_and(|state| self.adopt(state, source, now));
        self.unpublished = None;
        self.tell(before, source);
        news
    }

    /// What there is, is the newest.
    fn confirmed<S: Source<Value = V>>(
        &mut self,
        ticket: Ticket,
        version: Version,
        source: &S,
        now: Duration,
    ) -> bool {
        let before = (self.state.version(), self.state.failure());
        let confirm = |state: &mut FetchState| state.confirm(ticket, version, now).then_some(());
        let news = match self.record.update(confirm) {
            Ok((state, None)) if state.is_turn_of(ticket) => {
                let lost = Failed::new(Failure::Status, "unchanged, but what was there is lost");
                return self.failed(ticket, &lost, source, now);
            }
            Ok((state, _)) => self.adopt(state, source, now),
            Err(_) => false,
        };
        self.tell(before, source);
        news
    }

    /// Keeps what there is.
    fn failed<S: Source<Value = V>>(
        &mut self,
        ticket: Ticket,
        failed: &Failed,
        source: &S,
        now: Duration,
    ) -> bool {
        source.counters().failed(failed.kind);
        let before = self.state.failure();
        let mut is_its_turn = false;
        let news = self.change(source, now, |state| {
            is_its_turn = state.fail(ticket, failed.kind, now);
            is_its_turn
        });
        // Another worker's failure is told by that one.
        if is_its_turn && before != self.state.failure() {
            let what = format!("not fetched: {}", failed.sentence);
            log(Level::Warn, source, &what);
        }
        news
    }

    /// Changes the record, and takes over what it says then; tells whether that is news for those who wait.
    fn change<S: Source<Value = V>>(
        &mut self,
        source: &S,
        now: Duration,
        mut change: impl FnMut(&mut FetchState) -> bool,
    ) -> bool {
        let changed = self.record.update(|state| change(state).then_some(()));
        changed.is_ok_and(|(state, _)| self.adopt(state, source, now))
    }
}
