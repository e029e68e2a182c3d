//! The filter in one virtual machine with one configuration: set up, ticks, and answers to callouts.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use tollgate_policy::config::{MAX_BYTES, Mode, Policy};

use crate::counters;
use crate::gate::Gate;
use crate::host::{self, Level, memory};
use crate::news;

/// So many times a configuration's size is more than what reading it takes: JSON is read into a tree of values.
const TIMES: usize = 64;

/// How often a configuration is tried again for which there was no memory.
const AGAIN: Duration = Duration::from_secs(1);

/// One configuration's context.
pub struct Root {
    id: u32,
    state: RefCell<State>,
    unsaid: RefCell<Option<Announcement>>,
}

/// What is said of a configuration once it has lasted: Envoy has workers read some, too, that it then gives up.
struct Announcement {
    fingerprint: u64,
    level: Level,
    message: String,
    /// Whether a tick has gone by.
    has_lasted: bool,
}

/// What has come of the configuration.
enum State {
    /// It has not come, or cannot be read: nobody passes.
    Closed,
    /// There was no memory to read it: nobody passes yet.
    Unread(Vec<u8>),
    /// It is worked by.
    Open(Rc<Gate>),
}

// === impl Root ===

impl Root {
    /// A context that has not been configured yet.
    pub fn new(id: u32) -> Self {
        let state = RefCell::new(State::Closed);
        let unsaid = RefCell::new(None);
        Self { id, state, unsaid }
    }

    /// What decides on requests; none: nobody passes.
    pub fn gate(&self) -> Option<Rc<Gate>> {
        match &*self.state.borrow() {
            State::Open(gate) => Some(Rc::clone(gate)),
            State::Closed | State::Unread(_) => None,
        }
    }

    /// Fails on nothing but the configuration's text: where this returns false in a worker and not in the canary,
    /// Envoy serves without any filter (`PluginConfig::createContext`).
    pub fn configure(&self, size: usize) -> bool {
        self.end();
        counters::gauges_are_of(self.id);
        match host::plugin_configuration() {
            Ok(text) if text.len() == size => self.read(text),
            Ok(_) | Err(_) => {
                counters::show_unconfigured();
                host::log(
                    Level::Error,
                    "tollgate: the configuration cannot be read: refusing all requests",
                );
                true
            }
        }
    }

    /// Does what is due.
    pub fn tick(&self) {
        if memory::is_short() {
            if let Some(gate) = self.gate() {
                gate.turn_away_all(self.id);
            }
            return;
        }
        counters::turn_of(self.id);
        if let Some(gate) = self.gate() {
            gate.tick(self.id);
            self.announce();
        } else if let State::Unread(text) = self.state.replace(State::Closed) {
            self.read(text);
        }
    }

    /// Takes the answer to a callout. Without memory it counts as lost.
    pub fn answered(&self, token: u32, size: usize) {
        if let Some(gate) = self.gate()
            && !memory::is_short()
        {
            counters::turn_of(self.id);
            gate.answered(self.id, token, size);
        }
    }

    /// Says what is worked by from now on, once for all workers.
    fn announce(&self) {
        let due = self.unsaid.borrow_mut().take();
        match due {
            Some(announcement) if announcement.has_lasted => announcement.say(),
            Some(announcement) => {
                let has_lasted = true;
                self.unsaid.replace(Some(Announcement {
                    has_lasted,
                    ..announcement
                }));
            }
            None => {}
        }
    }

    /// Drops what can be had again.
    pub fn shed(&self) {
        if let State::Open(gate) = &*self.state.borrow() {
            gate.shed();
        }
    }

    /// The configuration ends. Requests that are under way keep it.
    pub fn end(&self) {
        counters::turn_of(self.id);
        let before = self.state.replace(State::Closed);
        if let State::Open(gate) = before {
            gate.retire();
        }
        counters::gauges_are_no_more_of(self.id);
    }

    /// Reads the configuration; tells whether it is one.
    fn read(&self, text: Vec<u8>) -> bool {
        // One that is too large is refused unread, however much memory there is: where the canary waited for memory, the
        // workers could refuse what it had taken.
        if text.len() <= MAX_BYTES && !memory::has_room(text.len().saturating_mul(TIMES)) {
            self.state.replace(State::Unread(text));
            counters::show_unconfigured();
            host::log(
                Level::Error,
                "tollgate: no memory for the configuration: refusing all requests until there is",
            );
            let _ = host::set_tick_period(AGAIN);
            return true;
        }
        match Policy::from_bytes(&text) {
            Ok(policy) => {
                self.unsaid.replace(Some(Announcement::new(&text, &policy)));
                let gate = Gate::new(policy);
                gate.start();
                self.state.replace(State::Open(Rc::new(gate)));
                true
            }
            Err(error) => {
                let message = format!("tollgate: the configuration is refused: {error}");
                host::log(Level::Error, &message);
                false
            }
        }
    }
}

// === impl Announcement ===

impl Announcement {
    fn new(text: &[u8], policy: &Policy) -> Self {
        // Nothing depends on it but a line in the log.
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let (level, mode) = match policy.mode {
            Mode::Enforce => (Level::Info, "enforce"),
            Mode::Report => (Level::Warn, "report (nothing is refused)"),
        };
        let message = format!(
            "tollgate: configured: version {}, mode {mode}, issuers: {}, routes: {}, caps: {}",
            env!("CARGO_PKG_VERSION"),
            policy.issuers.len(),
            policy.routes.count(),
            policy.caps.iter().count(),
        );
        Self {
            fingerprint: hasher.finish(),
            level,
            message,
            has_lasted: false,
        }
    }

    fn say(&self) {
        if news::is_news("configuration", &self.fingerprint.to_le_bytes()) {
            host::log(self.level, &self.message);
        }
    }
}
