//! The host of one virtual machine: what Envoy keeps for it, and the calls that it answers.

pub(crate) mod call;
pub(crate) mod callouts;
pub(crate) mod calls;
pub(crate) mod metrics;
pub(crate) mod streams;
pub(crate) mod wasi;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use wasmtime::{Caller, ResourceLimiter, Val};

use self::call::{Arguments, Handler, Stop};
use self::callouts::{Answer, Callouts};
use self::metrics::Metrics;
use self::streams::{LocalReply, Streams};
use crate::fault::{Fault, Faults, Lie};
use crate::status::{self, Status};
use crate::world::World;

/// What Envoy keeps for one virtual machine.
pub struct Host {
    /// What it shares with the others.
    pub world: World,
    /// How it fails.
    pub faults: Faults,
    /// All calls, in their order.
    pub trace: Vec<Call>,
    /// Log lines, with their level (4 is error).
    pub log: Vec<(u32, String)>,
    /// The interval between ticks that the filter asked for last.
    pub tick_period: Option<Duration>,
    /// How much memory it gives.
    pub memory: MemoryLimit,
    /// What it has had the module allocate, to put its own bytes there.
    pub allocated: Allocated,
    pub(crate) metrics: Metrics,
    pub(crate) callouts: Callouts,
    pub(crate) streams: Streams,
    pub(crate) roots: BTreeSet<u32>,
    /// The configuration, while one is delivered.
    pub(crate) configuration: Option<Vec<u8>>,
    /// The answer to a callout, while one is delivered.
    pub(crate) answer: Option<Answer>,
    /// The context that the callback is for, and the one that the filter set instead (0: none).
    pub(crate) current: u32,
    pub(crate) effective: u32,
    /// What Envoy does when the callback is over.
    pub(crate) afterwards: Vec<Afterwards>,
    interruptions: Vec<Interruption>,
    /// The call in which it calls the module again.
    re_entry: Option<String>,
    /// What that gave.
    pub re_entered: Option<u32>,
    /// The faults of the call that is being answered.
    lie: Option<Lie>,
    number: Option<u64>,
}

/// How much memory the host gives the module: V8 in Envoy, 1 GiB.
#[derive(Debug)]
pub struct MemoryLimit {
    /// The most, in bytes.
    pub most: usize,
    /// How often it was asked for more than there is.
    pub refused: usize,
}

/// Memory that the module was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    /// How often.
    pub times: u64,
    /// All together.
    pub bytes: u64,
}

/// A call that the filter made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's name.
    pub name: String,
    /// The context that it acts on.
    pub context: u32,
    /// What it returned.
    pub status: Status,
}

/// Envoy does these only when the callback has returned (`addAfterVmCallAction`).
#[derive(Debug)]
pub(crate) enum Afterwards {
    Continue(u32),
    Reply(u32, LocalReply),
}

/// Something that happens in another worker just before a call.
struct Interruption {
    call: String,
    run: Box<dyn FnOnce() + Send>,
}

// === impl Host ===

impl Host {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            faults: Faults::default(),
            trace: Vec::new(),
            log: Vec::new(),
            tick_period: None,
            memory: MemoryLimit::default(),
            allocated: Allocated::default(),
            metrics: Metrics::default(),
            callouts: Callouts::default(),
            streams: Streams::default(),
            roots: BTreeSet::new(),
            configuration: None,
            answer: None,
            current: 0,
            effective: 0,
            afterwards: Vec::new(),
            interruptions: Vec::new(),
            re_entry: None,
            re_entered: None,
            lie: None,
            number: None,
        }
    }

    /// Runs something just before the next call of this name; the first given runs first, one a call.
    pub fn before_next(&mut self, call: &str, run: impl FnOnce() + Send + 'static) {
        self.interruptions.push(Interruption {
            call: call.to_owned(),
            run: Box::new(run),
        });
    }

    /// During the next call of this name, delivers a request's headers to the context that the call is made in, as no
    /// host should.
    pub fn re_enter(&mut self, call: &str) {
        self.re_entry = Some(call.to_owned());
    }

    /// The value of a counter or gauge, over all workers of the world; 0 where there is none.
    pub fn counter(&self, name: &str) -> i64 {
        self.world.statistics.value(name)
    }

    /// Names of the calls made, each once.
    pub fn called(&self) -> BTreeSet<String> {
        self.trace.iter().map(|call| call.name.clone()).collect()
    }

    /// How often a call was made.
    pub fn count(&self, call: &str) -> usize {
        self.trace.iter().filter(|made| made.name == call).count()
    }

    /// Whether a log line of this level has the text.
    pub fn logged(&self, level: u32, text: &str) -> bool {
        self.log
            .iter()
            .any(|(at, line)| *at == level && line.contains(text))
    }

    /// The context that calls act on (`contextOrEffectiveContext`): one that is gone counts as not set.
    pub(crate) fn context(&self) -> u32 {
        if self.exists(self.effective) {
            self.effective
        } else {
            self.current
        }
    }

    pub(crate) fn exists(&self, context: u32) -> bool {
        self.roots.contains(&context) || self.streams.is_alive(context)
    }

    /// Whether the next bytes are said to be where they are not.
    fn is_misled(&mut self) -> bool {
        let misled = self.lie == Some(Lie::Elsewhere);
        if misled {
            self.lie = None;
        }
        misled
    }

    /// The bytes that a call returns, changed where there is a fault.
    fn returns(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match self.lie.take() {
            Some(lie) => lie.apply(bytes),
            None => bytes,
        }
    }

    fn returns_number(&mut self, number: u64) -> u64 {
        self.number.take().unwrap_or(number)
    }

    fn interruption(&mut self, call: &str) -> Option<Interruption> {
        let position = self
            .interruptions
            .iter()
            .position(|interruption| interruption.call == call)?;
        Some(self.interruptions.remove(position))
    }
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self {
            most: usize::MAX,
            refused: 0,
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // What it begins with it always has: else there is no virtual machine.
        let grows = current == 0 || desired <= self.most;
        self.refused += usize::from(!grows);
        Ok(grows)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("faults", &self.faults)
            .field("log", &self.log)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// Every call to the host comes through here.
pub(crate) fn enter(
    mut caller: Caller<'_, Host>,
    name: &str,
    handler: Handler,
    arguments: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    if let Some(interruption) = caller.data_mut().interruption(name) {
        (interruption.run)();
    }
    let host = caller.data_mut();
    let context = host.context();
    let fault = host.faults.strike(name);
    (host.lie, host.number) = match &fault {
        Some(Fault::Data(lie)) => (Some(lie.clone()), None),
        Some(Fault::Number(number)) => (None, Some(*number)),
        Some(Fault::Status(_)) | None => (None, None),
    };
    let mut arguments = Arguments::new(caller, arguments);
    if arguments
        .host()
        .re_entry
        .take_if(|call| call == name)
        .is_some()
    {
        let action = arguments.call_again(context)?;
        arguments.host().re_entered = Some(action);
    }
    let status = match fault {
        Some(Fault::Status(status)) => status,
        _ => match handler(&mut arguments) {
            Ok(status) => status,
            Err(Stop::Memory) => status::INVALID_MEMORY_ACCESS,
            Err(Stop::Trap(trap)) => return Err(trap),
        },
    };
    arguments.host().trace.push(Call {
        name: name.to_owned(),
        context,
        status,
    });
    if let Some(result) = results.first_mut() {
        *result = Val::I32(status.cast_signed());
    }
    Ok(())
}
