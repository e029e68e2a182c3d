//! Which configuration, and which request, a callback is for.
//!
//! Envoy creates a context before it calls for it, uses no number twice, and does not call while it is being called. None
//! of this is relied on: whatever comes in whatever order, nothing panics, and a request that is not decided on stops.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::answer;
use crate::host::memory;
use crate::root::Root;
use crate::stream::Stream;

/// The contexts of one virtual machine.
pub struct Dispatcher {
    roots: RefCell<BTreeMap<u32, Rc<Root>>>,
    streams: RefCell<BTreeMap<u32, Rc<Stream>>>,
    /// Whether a callback is under way.
    is_busy: Cell<bool>,
    /// What ended meanwhile.
    ended: RefCell<Vec<u32>>,
}

/// What becomes of a request, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Continue,
    /// It stays where it is.
    Pause,
}

/// What a new context takes, and more.
const CONTEXT: usize = 16 << 10;

// === impl Dispatcher ===

impl Dispatcher {
    /// The virtual machine's.
    pub fn with<T>(work: impl FnOnce(&Self) -> T) -> T {
        thread_local! {
            static DISPATCHER: Dispatcher = const {
                Dispatcher {
                    roots: RefCell::new(BTreeMap::new()),
                    streams: RefCell::new(BTreeMap::new()),
                    is_busy: Cell::new(false),
                    ended: RefCell::new(Vec::new()),
                }
            };
        }
        DISPATCHER.with(work)
    }

    /// A context begins. One with the same number ends by it.
    pub fn create(&self, id: u32, parent: u32) {
        if parent == 0 {
            // Without it, no request of this configuration passes.
            if memory::is_free(CONTEXT) {
                let before = self.roots.borrow_mut().insert(id, Rc::new(Root::new(id)));
                self.alone(|| before.map(|root| root.end()));
            }
        } else if !memory::is_short() {
            let gate = self.root(parent).and_then(|root| root.gate());
            let stream = Rc::new(Stream::new(id, gate));
            let before = self.streams.borrow_mut().insert(id, stream);
            if let Some(stream) = before {
                self.alone(|| stream.end());
            }
        }
    }

    /// A context ends, however it has come to that.
    pub fn delete(&self, id: u32) {
        if self.alone(|| self.end(id)).is_none() {
            let mut ended = self.ended.borrow_mut();
            if ended.try_reserve(1).is_ok() {
                ended.push(id);
            }
        }
    }

    /// A configuration comes: whether it can be worked by. Nothing but its text can make that false.
    pub fn configure(&self, root: u32, size: usize) -> bool {
        let root = self.root(root);
        let taken = root.and_then(|root| self.alone(|| root.configure(size)));
        // Envoy would serve without the filter; so, nobody passes.
        taken.unwrap_or(true)
    }

    /// Time goes on.
    pub fn tick(&self, root: u32) {
        if let Some(root) = self.root(root) {
            self.alone(|| root.tick());
        }
    }

    /// A callout is answered.
    pub fn answered(&self, root: u32, token: u32, size: usize) {
        if let Some(root) = self.root(root) {
            self.alone(|| root.answered(token, size));
        }
    }

    /// A request begins.
    pub fn request_headers(&self, stream: u32) -> Action {
        if memory::is_short() {
            answer::refuse_without_memory();
            return Action::Pause;
        }
        let stream = self.stream(stream);
        let decided = stream.and_then(|stream| self.alone(|| stream.request_headers()));
        decided.unwrap_or_else(|| {
            answer::refuse_unknown();
            Action::Pause
        })
    }

    /// A request ends with so many trailers.
    pub fn request_trailers(&self, stream: u32, count: usize) -> Action {
        if memory::is_short() {
            answer::refuse_without_memory();
            return Action::Pause;
        }
        let stream = self.stream(stream);
        let decided = stream.and_then(|stream| self.alone(|| stream.request_trailers(count)));
        decided.unwrap_or(Action::Pause)
    }

    /// A request is answered.
    pub fn response_headers(&self, stream: u32) {
        if let Some(stream) = self.stream(stream) {
            self.alone(|| stream.response_headers());
        }
    }

    fn root(&self, id: u32) -> Option<Rc<Root>> {
        self.roots.borrow().get(&id).cloned()
    }

    fn stream(&self, id: u32) -> Option<Rc<Stream>> {
        self.streams.borrow().get(&id).cloned()
    }

    /// Does what a callback is for; nothing where the host calls while it is being called.
    fn alone<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        if self.is_busy.replace(true) {
            return None;
        }
        let done = work();
        loop {
            let ended = self.ended.borrow_mut().pop();
            let Some(id) = ended else { break };
            self.end(id);
        }
        if memory::was_short() {
            // Calls nobody, so that nobody calls meanwhile.
            self.roots.borrow().values().for_each(|root| root.shed());
        }
        self.is_busy.set(false);
        Some(done)
    }

    fn end(&self, id: u32) {
        let stream = self.streams.borrow_mut().remove(&id);
        if let Some(stream) = stream {
            stream.end();
        }
        let root = self.roots.borrow_mut().remove(&id);
        if let Some(root) = root {
            root.end();
        }
    }
}
