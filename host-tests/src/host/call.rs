//! One call to the host: its arguments, and the module's memory behind them.

use std::ops::Range;

use wasmtime::{Caller, Extern, Memory, Val};

use super::Host;
use crate::status::Status;

/// Answers a call.
pub(crate) type Handler = fn(&mut Arguments<'_>) -> Result<Status, Stop>;

/// Why a call cannot be answered.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A pointer leads outside the memory.
    Memory,
    /// The module trapped while the host was in it, or called what it must not.
    Trap(wasmtime::Error),
}

/// The arguments of a call. An argument is named by its place; a text takes two, pointer and size.
pub(crate) struct Arguments<'a> {
    caller: Caller<'a, Host>,
    values: &'a [Val],
}

// === impl Arguments ===

impl<'a> Arguments<'a> {
    pub fn new(caller: Caller<'a, Host>, values: &'a [Val]) -> Self {
        Self { caller, values }
    }

    pub fn host(&mut self) -> &mut Host {
        self.caller.data_mut()
    }

    pub fn number(&self, place: usize) -> u32 {
        self.values[place].unwrap_i32().cast_unsigned()
    }

    pub fn long(&self, place: usize) -> i64 {
        self.values[place].unwrap_i64()
    }

    /// The bytes that two arguments point to.
    pub fn bytes(&mut self, place: usize) -> Result<Vec<u8>, Stop> {
        let (start, size) = (self.number(place), self.number(place + 1));
        self.read(start, size)
    }

    pub fn text(&mut self, place: usize) -> Result<String, Stop> {
        let bytes = self.bytes(place)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn read(&mut self, start: u32, size: u32) -> Result<Vec<u8>, Stop> {
        let range = range(start, size)?;
        let memory = self.memory().data(&self.caller);
        Ok(memory.get(range).ok_or(Stop::Memory)?.to_vec())
    }

    pub fn write(&mut self, start: u32, bytes: &[u8]) -> Result<(), Stop> {
        let range = range(start, size_of_bytes(bytes))?;
        let memory = self.memory().data_mut(&mut self.caller);
        memory
            .get_mut(range)
            .ok_or(Stop::Memory)?
            .copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a number where an argument points to.
    pub fn put(&mut self, place: usize, number: u32) -> Result<(), Stop> {
        let number = self.host().returns_number(number.into());
        let [a, b, c, d, ..] = number.to_le_bytes();
        self.write(self.number(place), &[a, b, c, d])
    }

    pub fn put_long(&mut self, place: usize, number: u64) -> Result<(), Stop> {
        let number = self.host().returns_number(number);
        self.write(self.number(place), &number.to_le_bytes())
    }

    /// Returns bytes: allocated in the module, pointer and size where two arguments point to
    /// (`copyToPointerSize`).
    pub fn give(&mut self, place: usize, bytes: Vec<u8>) -> Result<(), Stop> {
        let is_misled = self.host().is_misled();
        let bytes = self.host().returns(bytes);
        let size = size_of_bytes(&bytes);
        let mut start = if size == 0 { 0 } else { self.allocate(size)? };
        self.write(start, &bytes)?;
        start += u32::from(is_misled);
        self.write(self.number(place), &start.to_le_bytes())?;
        self.write(self.number(place + 1), &size.to_le_bytes())
    }

    /// Delivers a request's headers in the midst of a call.
    pub fn call_again(&mut self, context: u32) -> wasmtime::Result<u32> {
        let export = self.caller.get_export("proxy_on_request_headers");
        let deliver = export.and_then(Extern::into_func).expect("a callback");
        let deliver = deliver.typed::<(u32, u32, u32), u32>(&self.caller)?;
        deliver.call(&mut self.caller, (context, 1, 1))
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Stop> {
        let allocated = &mut self.host().allocated;
        allocated.times += 1;
        allocated.bytes += u64::from(size);
        let export = self.caller.get_export("proxy_on_memory_allocate");
        let allocate = export
            .and_then(Extern::into_func)
            .expect("proxy_on_memory_allocate");
        let start = allocate
            .typed::<u32, u32>(&self.caller)
            .and_then(|allocate| allocate.call(&mut self.caller, size))
            .map_err(Stop::Trap)?;
        if start == 0 {
            return Err(Stop::Memory);
        }
        Ok(start)
    }

    fn memory(&mut self) -> Memory {
        let export = self.caller.get_export("memory");
        export.and_then(Extern::into_memory).expect("memory")
    }
}

fn range(start: u32, size: u32) -> Result<Range<usize>, Stop> {
    let end = start.checked_add(size).ok_or(Stop::Memory)?;
    let place = |number| usize::try_from(number).map_err(|_| Stop::Memory);
    Ok(place(start)?..place(end)?)
}

fn size_of_bytes(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("less than 4 GiB")
}
