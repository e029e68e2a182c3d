//! One virtual machine, driven as Envoy drives a worker's.

use std::collections::BTreeMap;

use serde_json::Value;
use wasmtime::{Instance, Store, Val};

use crate::costs::Cost;
use crate::headers::Headers;
use crate::host::callouts::{Answer, Callout};
use crate::host::streams::Phase;
use crate::host::{Afterwards, Host};
use crate::module::{self, FUEL};
use crate::outcome::{Outcome, Reply};
use crate::request::Request;
use crate::world::World;

/// One virtual machine with the filter in it. A trap stops the test: it would end all requests of the worker.
pub struct Worker {
    store: Store<Host>,
    instance: Instance,
    /// The context of the newest configuration.
    root: u32,
    /// The context created last.
    last: u32,
    fuel: u64,
    all_fuel: u64,
    callbacks: u64,
    /// What one callback may take.
    allowed: u64,
}

/// Callbacks without which the filter can do.
const OPTIONAL: [&str; 3] = ["proxy_on_vm_start", "proxy_on_log", "proxy_on_done"];

/// A request in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(u32);

// === impl Worker ===

impl Worker {
    /// A virtual machine that has no configuration yet.
    pub fn start(world: &World) -> Self {
        Self::start_within(world, usize::MAX)
    }

    /// The same, where the module's memory may grow to so many bytes.
    pub fn start_within(world: &World, memory: usize) -> Self {
        let linked = module::linked();
        let mut store = Store::new(linked.module().engine(), Host::new(world));
        store.data_mut().memory.most = memory;
        store.limiter(|host| &mut host.memory);
        store.set_fuel(FUEL).unwrap();
        let instance = linked.instantiate(&mut store).expect("an instance");
        let mut worker = Self {
            store,
            instance,
            root: 0,
            last: 0,
            fuel: 0,
            all_fuel: 0,
            callbacks: 0,
            allowed: FUEL,
        };
        worker.call(0, "_initialize", &[]);
        worker
    }

    /// Delivers a configuration, as at the start and as a new listener with the same `vm_id` does: to a new root
    /// context beside the old ones. False where the filter refuses it.
    pub fn configure(&mut self, configuration: &[u8]) -> bool {
        self.last += 1;
        self.root = self.last;
        let root = self.root;
        self.host().roots.insert(root);
        self.call(root, "proxy_on_context_create", &[root, 0]);
        let started = self.call(root, "proxy_on_vm_start", &[root, 0]) != 0;
        self.host().configuration = Some(configuration.to_vec());
        let size = u32::try_from(configuration.len()).unwrap();
        let configured = self.call(root, "proxy_on_configure", &[root, size]) != 0;
        self.host().configuration = None;
        started && configured
    }

    /// A new configuration that must be taken.
    pub fn reload(&mut self, configuration: &Value) {
        assert!(self.configure(configuration.to_string().as_bytes()));
    }

    /// The old configurations' contexts end, and with them their callouts: their listeners have drained.
    pub fn retire_old(&mut self) {
        let newest = self.root;
        let old = self.host().roots.clone().into_iter();
        for root in old.filter(|root| *root != newest) {
            self.host()
                .callouts
                .open
                .retain(|callout| callout.root != root);
            self.call(root, "proxy_on_done", &[root]);
            self.call(root, "proxy_on_delete", &[root]);
            self.host().roots.remove(&root);
        }
    }

    /// One request. Unless it waits, it is then over: answered by the upstream or by the filter.
    pub fn request(&mut self, request: Request) -> Outcome {
        let stream = self.open(request);
        let outcome = self.outcome(stream);
        if outcome.is_forwarded() {
            self.answer(stream, Answer::new(200, ""));
            self.end(stream);
        }
        outcome
    }

    /// One request that does not wait: the headers of its answer as the client gets them, `:status` first.
    pub fn exchange(&mut self, request: Request) -> Headers {
        let stream = self.open(request);
        if self.outcome(stream).is_forwarded() {
            self.answer(stream, Answer::new(200, ""));
            self.end(stream);
        }
        let response = self.host().streams.get(stream.0).unwrap().response.take();
        response.expect("an answer")
    }

    /// Begins a request.
    pub fn open(&mut self, request: Request) -> StreamId {
        self.open_in(self.root, request)
    }

    /// Begins a request on a connection of the oldest listener, which drains.
    pub fn open_in_old(&mut self, request: Request) -> StreamId {
        let oldest = self.host().roots.first().copied();
        self.open_in(oldest.expect("a configuration"), request)
    }

    fn open_in(&mut self, root: u32, request: Request) -> StreamId {
        let headers = request.into_headers();
        let count = u32::try_from(headers.len()).unwrap();
        let stream = self.create(root, headers);
        self.stream(stream, Phase::Request);
        let StreamId(id) = stream;
        let action = self.call(id, "proxy_on_request_headers", &[id, count, 1]);
        let over = self.outcome(stream) != Outcome::Waiting;
        // After a local reply Envoy ignores the action.
        if action == 0 && !over {
            self.host().streams.get(id).unwrap().forward();
        }
        stream
    }

    /// A request's trailers: as they go on, or nothing where the filter holds them back.
    pub fn trailers(&mut self, StreamId(id): StreamId, trailers: Headers) -> Option<Headers> {
        let count = u32::try_from(trailers.len()).unwrap();
        self.host().streams.get(id).unwrap().trailers = Some(trailers);
        let action = self.call(id, "proxy_on_request_trailers", &[id, count]);
        let trailers = self.host().streams.get(id).unwrap().trailers.take();
        trailers.filter(|_| action == 0)
    }

    /// The upstream's answer begins, or one that Envoy makes up for it: its headers as the client gets them.
    pub fn answer(&mut self, StreamId(id): StreamId, answer: Answer) -> Headers {
        self.deliver(id, answer.headers);
        let response = &self.host().streams.get(id).unwrap().response;
        response.clone().expect("an answer")
    }

    /// A stream's filter state, without the `wasm.` before the names.
    pub fn state(&mut self, StreamId(id): StreamId) -> BTreeMap<String, String> {
        self.host().streams.get(id).expect("a stream").state.clone()
    }

    /// A request's headers as the filter got them, whatever it has changed.
    pub fn received(&mut self, StreamId(id): StreamId) -> Headers {
        let stream = self.host().streams.get(id).expect("a stream");
        stream.received.clone()
    }

    /// What became of a request so far.
    pub fn outcome(&mut self, StreamId(id): StreamId) -> Outcome {
        self.host().streams.get(id).expect("a stream").outcome()
    }

    /// Whether a request has ended.
    pub fn is_over(&self, StreamId(id): StreamId) -> bool {
        !self.store.data().exists(id)
    }

    /// The client leaves, or the upstream has answered in full.
    pub fn end(&mut self, stream: StreamId) {
        self.stream(stream, Phase::Log);
        let StreamId(id) = stream;
        self.call(id, "proxy_on_log", &[id]);
        self.call(id, "proxy_on_done", &[id]);
        self.call(id, "proxy_on_delete", &[id]);
        self.stream(stream, Phase::Deleted);
    }

    /// All these end.
    pub fn end_all(&mut self, streams: impl IntoIterator<Item = StreamId>) {
        for stream in streams {
            self.end(stream);
        }
    }

    /// A request that Envoy itself refuses: the filter sees only its end.
    pub fn refused_by_envoy(&mut self) {
        let stream = self.create(self.root, Headers::new());
        self.end(stream);
    }

    /// A tick in each root context.
    pub fn tick(&mut self) {
        for root in self.host().roots.clone() {
            self.call(root, "proxy_on_tick", &[root]);
        }
    }

    /// Calls the module as no host should: any callback, for any context, with any arguments. Gives what it returns.
    pub fn odd_call(&mut self, context: u32, export: &str, arguments: &[u32]) -> u32 {
        self.call(context, export, arguments)
    }

    /// The context of a stream.
    pub fn context(&self, StreamId(id): StreamId) -> u32 {
        id
    }

    /// The context of the newest configuration.
    pub fn root(&self) -> u32 {
        self.root
    }

    /// Callouts that are not answered yet, oldest first.
    pub fn callouts(&self) -> &[Callout] {
        &self.store.data().callouts.open
    }

    /// Answers the oldest callout.
    pub fn answer_callout(&mut self, answer: Answer) {
        self.answer_callout_at(0, answer);
    }

    /// Answers one of [`Self::callouts`].
    pub fn answer_callout_at(&mut self, position: usize, answer: Answer) {
        let callout = self.host().callouts.open.remove(position);
        let headers = u32::try_from(answer.headers.len()).unwrap();
        let body = u32::try_from(answer.body.len()).unwrap();
        self.host().answer = Some(answer);
        let arguments = [callout.root, callout.token, headers, body, 0];
        self.call(callout.root, "proxy_on_http_call_response", &arguments);
        self.host().answer = None;
    }

    /// What the host keeps, and how it fails.
    pub fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// Allows each callback so many instructions instead of [`FUEL`], where a test says that it may take long.
    pub fn allow(&mut self, fuel: u64) {
        self.allowed = fuel;
    }

    /// How many instructions the last callback took.
    pub fn fuel(&self) -> u64 {
        self.fuel
    }

    /// How many instructions all callbacks took together.
    pub fn all_fuel(&self) -> u64 {
        self.all_fuel
    }

    /// What it has cost so far.
    pub fn spent(&self) -> Cost {
        let host = self.store.data();
        Cost {
            instructions: self.all_fuel,
            callbacks: self.callbacks,
            calls: u64::try_from(host.trace.len()).unwrap(),
            allocations: host.allocated.times,
            bytes: host.allocated.bytes,
        }
    }

    /// The size of the module's memory, in bytes; it never shrinks.
    pub fn memory(&mut self) -> usize {
        let memory = self.instance.get_memory(&mut self.store, "memory");
        memory.expect("a memory").data_size(&self.store)
    }

    fn create(&mut self, root: u32, headers: Headers) -> StreamId {
        self.last += 1;
        let id = self.last;
        self.host().streams.create(id, root, headers);
        self.call(id, "proxy_on_context_create", &[id, root]);
        StreamId(id)
    }

    fn stream(&mut self, StreamId(id): StreamId, phase: Phase) {
        self.host().streams.get(id).expect("a stream").phase = phase;
    }

    /// Calls the module, and does afterwards what Envoy puts off till then.
    fn call(&mut self, context: u32, export: &str, arguments: &[u32]) -> u32 {
        let host = self.host();
        (host.current, host.effective) = (context, 0);
        let result = self.enter(export, arguments);
        for action in std::mem::take(&mut self.host().afterwards) {
            self.carry_out(action);
        }
        result
    }

    fn carry_out(&mut self, action: Afterwards) {
        match action {
            Afterwards::Continue(id) => {
                let stream = self.host().streams.get(id).expect("a stream");
                if stream.phase == Phase::Request {
                    stream.forward();
                }
            }
            Afterwards::Reply(id, reply) => {
                let stream = self.host().streams.get(id).expect("a stream");
                let first = stream.reply().is_none();
                stream.answer(reply);
                if first {
                    // The filter sees its own reply, and then the end.
                    let response = stream.reply().map(Reply::response);
                    self.deliver(id, response.expect("a reply"));
                    self.end(StreamId(id));
                }
            }
        }
    }

    /// The headers of a response pass the filter on their way to the client.
    fn deliver(&mut self, id: u32, response: Headers) {
        let count = u32::try_from(response.len()).unwrap();
        let stream = self.host().streams.get(id).expect("a stream");
        (stream.phase, stream.response) = (Phase::Response, Some(response));
        let action = self.call(id, "proxy_on_response_headers", &[id, count, 0]);
        assert_eq!(action, 0, "the filter holds an answer back");
        self.host().streams.get(id).expect("a stream").delivered();
    }

    fn enter(&mut self, export: &str, arguments: &[u32]) -> u32 {
        let Some(function) = self.instance.get_func(&mut self.store, export) else {
            // Envoy takes it for done.
            assert!(OPTIONAL.contains(&export), "the module has no {export}");
            return 1;
        };
        let arguments: Vec<Val> = arguments
            .iter()
            .map(|number| Val::I32(number.cast_signed()))
            .collect();
        let mut results = [Val::I32(0)];
        let returned = function.ty(&self.store).results().len();
        self.store.set_fuel(self.allowed).unwrap();
        let ended = function.call(&mut self.store, &arguments, &mut results[..returned]);
        if let Err(trap) = ended {
            panic!("{export} trapped: {trap:?}\nin {:#?}", self.store.data());
        }
        self.fuel = self.allowed - self.store.get_fuel().unwrap();
        self.all_fuel += self.fuel;
        self.callbacks += 1;
        results[0].unwrap_i32().cast_unsigned()
    }
}
