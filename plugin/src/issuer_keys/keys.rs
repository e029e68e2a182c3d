//! One issuer's keys: what this worker knows of them, and what it does about it.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tollgate_policy::fetching::{FetchState, Reason, Ticket};
use tollgate_policy::issuer::Issuer;
use tollgate_policy::key_source::Remote;
use tollgate_policy::keys::KeySet;
use tollgate_policy::token::NewerKeys;

use super::Outlook;
use super::callout::{Answer, Callout, Failed};
use super::shared::{SharedState, Version};
use crate::counters::IssuerCounters;
use crate::host::{self, Level};

/// One issuer's keys in one worker.
pub(super) struct Keys {
    shared: Option<SharedState>,
    /// What the shared record said last; without the set.
    state: FetchState,
    /// The set of the version that was read last.
    set: Option<Arc<KeySet>>,
    seen: Seen,
    /// Whether a request needs a key that is not in the set.
    is_wanted: bool,
    /// Whether more is known than when the last request was decided on.
    has_news: bool,
    /// Whether the shared record could not be changed the last time, so that it is logged once.
    is_cut_off: bool,
    /// The request of this worker's own.
    callout: Option<Callout>,
    counters: IssuerCounters,
}

/// How things were when they were looked at last, to tell what is news.
#[derive(Default)]
struct Seen {
    /// The shared record's entry.
    entry: Version,
    /// Whether somebody was fetching.
    under_way: bool,
}

// === impl Keys ===

impl Keys {
    /// Nothing known yet; `position` is the issuer's place in the list.
    pub(super) fn new(position: usize, issuer: &Issuer) -> Self {
        let remote = issuer.jwks.remote.as_ref();
        let fingerprint = remote.map(|remote| remote.fingerprint(&issuer.issuer));
        Self {
            shared: fingerprint.as_deref().map(SharedState::new),
            state: FetchState::default(),
            set: None,
            seen: Seen::default(),
            is_wanted: false,
            has_news: false,
            is_cut_off: false,
            callout: None,
            counters: IssuerCounters::define(position),
        }
    }

    /// Those that can be used.
    pub(super) fn keys(&self, issuer: &Issuer, now: Duration) -> Option<Arc<KeySet>> {
        match (&self.set, &issuer.jwks.remote) {
            (Some(set), Some(remote)) => {
                let usable = self.state.is_usable(remote, now);
                usable.then(|| Arc::clone(set))
            }
            _ => issuer.jwks.inline.clone(),
        }
    }

    /// Whether there may be newer ones. Before it says no, it reads what other workers know.
    pub(super) fn newer_keys(
        &mut self,
        issuer: &Issuer,
        remote: &Remote,
        now: Duration,
    ) -> NewerKeys {
        match self.state.newer_keys(remote, now) {
            NewerKeys::None | NewerKeys::OutOfReach if self.read(issuer, remote, now) => {
                self.has_news = true;
                NewerKeys::Fetchable
            }
            NewerKeys::None | NewerKeys::OutOfReach => self.state.newer_keys(remote, now),
            NewerKeys::Fetchable => NewerKeys::Fetchable,
        }
    }

    /// Reads and fetches what is due; tells whether that is news for those who wait.
    pub(super) fn tick(&mut self, issuer: &Issuer, now: Duration) -> bool {
        let mut news = false;
        if let Some(remote) = &issuer.jwks.remote {
            news |= self.read(issuer, remote, now);
            news |= self.fetch_wanted(issuer, remote, now);
        }
        self.show(issuer, now);
        news
    }

    /// Takes the answer to a callout, if it is one of these; tells whether that is news for those who wait.
    pub(super) fn answered(
        &mut self,
        token: u32,
        issuer: &Issuer,
        size: usize,
        now: Duration,
    ) -> Option<bool> {
        let callout = self.callout.take_if(|callout| callout.token == token)?;
        let remote = issuer.jwks.remote.as_ref()?;
        Some(self.take(&callout, issuer, remote, size, now))
    }

    /// Gives up the fetch of this worker.
    pub(super) fn retire(&mut self, issuer: &Issuer, now: Duration) {
        if let (Some(callout), Some(remote)) = (self.callout.take(), &issuer.jwks.remote) {
            self.publish(issuer, remote, now, |state| {
                state.give_up(callout.ticket).then_some(())
            });
        }
    }

    /// Sees to it that they, or newer ones, are fetched with the next tick.
    pub(super) fn want(&mut self, issuer: &Issuer, remote: &Remote, now: Duration) -> Outlook {
        if mem::take(&mut self.has_news) || self.read(issuer, remote, now) {
            return Outlook::DecideAgain;
        }
        self.is_wanted = true;
        Outlook::Wait
    }

    fn fetch_wanted(&mut self, issuer: &Issuer, remote: &Remote, now: Duration) -> bool {
        let mut news = mem::take(&mut self.has_news);
        news |= self.fetch(Reason::Age, issuer, remote, now);
        if mem::take(&mut self.is_wanted) && self.state.is_usable(remote, now) {
            news |= self.fetch(Reason::UnknownKey, issuer, remote, now);
            // Nobody needs to wait where no fetch may begin.
            news |= !self.state.is_under_way(remote, now);
        }
        news
    }

    /// Reads the shared record; tells whether that is news for those who wait.
    fn read(&mut self, issuer: &Issuer, remote: &Remote, now: Duration) -> bool {
        let seen = self.seen.entry;
        let loaded = self
            .shared
            .as_ref()
            .map(|shared| shared.load_other_than(seen));
        match loaded {
            Some(Ok(Some((state, version)))) => {
                self.seen.entry = version;
                self.adopt(state, issuer, remote, now)
            }
            // Reading it again would take a hash of the whole set.
            Some(Ok(None)) => self.has_ended(issuer, remote, now),
            _ => false,
        }
    }

    /// Takes over what the shared record says; tells whether that is news for those who wait.
    fn adopt(
        &mut self,
        state: FetchState,
        issuer: &Issuer,
        remote: &Remote,
        now: Duration,
    ) -> bool {
        let was_usable = self.state.is_usable(remote, now);
        let changed = state.version() != self.state.version() && state.version() != 0;
        if changed {
            match KeySet::parse(state.set()) {
                Ok(set) => {
                    let set = match &self.set {
                        Some(previous) => set.sharing(previous),
                        None => set,
                    };
                    self.set = Some(Arc::new(set));
                }
                Err(error) => {
                    // Nobody publishes such a set.
                    self.set = None;
                    log(
                        Level::Error,
                        issuer,
                        &format!("in shared data are no keys: {error}"),
                    );
                }
            }
        }
        self.state = state;
        self.state.forget_set();
        let recovered = !was_usable && self.state.is_usable(remote, now);
        if changed || recovered {
            // Those who waited for it decide again, and say so where it is not what they need.
            self.is_wanted = false;
        }
        self.has_ended(issuer, remote, now) || changed || recovered
    }

    /// Whether a fetch has ended, or its time is over, so that those who wait can be told.
    fn has_ended(&mut self, issuer: &Issuer, remote: &Remote, now: Duration) -> bool {
        let under_way = self.state.is_under_way(remote, now);
        let ended = mem::replace(&mut self.seen.under_way, under_way) && !under_way;
        ended && self.keys(issuer, now).is_some()
    }

    /// Begins a fetch if it is time for one; tells whether there is news for those who wait.
    fn fetch(&mut self, reason: Reason, issuer: &Issuer, remote: &Remote, now: Duration) -> bool {
        // What was read a moment ago says already that it is not.
        if self.state.clone().begin(reason, remote, now).is_none() {
            return false;
        }
        let begun = self
            .shared
            .as_ref()
            .map(|shared| shared.update(|state| state.begin(reason, remote, now)));
        let Some(Ok((state, ticket))) = begun else {
            if !mem::replace(&mut self.is_cut_off, true) {
                let why = "not fetched: the workers' shared data cannot be changed";
                log(Level::Error, issuer, why);
            }
            return false;
        };
        self.is_cut_off = false;
        let mut news = self.adopt(state, issuer, remote, now);
        if let Some(ticket) = ticket {
            match Callout::start(remote, ticket) {
                Ok(callout) => self.callout = Some(callout),
                Err(failed) => news |= self.failed(ticket, &failed, issuer, remote, now),
            }
        }
        news
    }

    fn take(
        &mut self,
        callout: &Callout,
        issuer: &Issuer,
        remote: &Remote,
        size: usize,
        now: Duration,
    ) -> bool {
        match callout.answered(issuer, remote, size) {
            Ok(Answer::Next(next)) => {
                self.callout = Some(next);
                false
            }
            Ok(Answer::Keys(text)) => self.fetched(callout.ticket, &text, issuer, remote, now),
            Err(failed) => self.failed(callout.ticket, &failed, issuer, remote, now),
        }
    }

    fn fetched(
        &mut self,
        ticket: Ticket,
        text: &[u8],
        issuer: &Issuer,
        remote: &Remote,
        now: Duration,
    ) -> bool {
        self.counters.fetched.increment();
        let before = (self.state.version(), self.state.failure());
        let news = self.publish(issuer, remote, now, |state| {
            state.succeed(ticket, text, now).then_some(())
        });
        if before != (self.state.version(), self.state.failure()) {
            let number = self.set.as_ref().map_or(0, |set| set.len());
            log(Level::Info, issuer, &format!("fetched, {number} of use"));
        }
        news
    }

    /// Keeps what there is.
    fn failed(
        &mut self,
        ticket: Ticket,
        failed: &Failed,
        issuer: &Issuer,
        remote: &Remote,
        now: Duration,
    ) -> bool {
        self.counters.failed(failed.kind);
        let before = self.state.failure();
        let news = self.publish(issuer, remote, now, |state| {
            state.fail(ticket, failed.kind, now).then_some(())
        });
        if before != self.state.failure() {
            log(
                Level::Warn,
                issuer,
                &format!("not fetched: {}", failed.sentence),
            );
        }
        news
    }

    fn publish(
        &mut self,
        issuer: &Issuer,
        remote: &Remote,
        now: Duration,
        change: impl FnMut(&mut FetchState) -> Option<()>,
    ) -> bool {
        let published = self.shared.as_ref().map(|shared| shared.update(change));
        match published {
            Some(Ok((state, _))) => self.adopt(state, issuer, remote, now),
            _ => false,
        }
    }

    /// For the statistics.
    fn show(&self, issuer: &Issuer, now: Duration) {
        let set = self.keys(issuer, now);
        let number = set.map_or(0, |set| set.len());
        self.counters
            .usable
            .record(u64::try_from(number).unwrap_or(u64::MAX));
        if let Some(age) = self.state.age(now) {
            self.counters.age.record(age.as_secs());
        }
    }
}

fn log(level: Level, issuer: &Issuer, what: &str) {
    host::log(
        level,
        &format!("tollgate: keys of {}: {what}", issuer.issuer),
    );
}
