//! What each kind of request costs in the module, in numbers that are the same on every machine: instructions, and what
//! crosses the boundary. What is written down of them is `host-tests/COSTS.md`; `cargo costs` compares.

mod kinds;
mod meter;
mod table;

use std::fmt;
use std::sync::Mutex;
use std::thread;

pub use table::{Change, Table, TableError};

/// What something costs in the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Of WebAssembly, as wasmtime counts them.
    pub instructions: u64,
    /// Calls of the host into the module.
    pub callbacks: u64,
    /// Calls of the module to the host.
    pub calls: u64,
    /// How often the host had the module allocate memory for what it returns.
    pub allocations: u64,
    /// How much.
    pub bytes: u64,
}

/// A kind of request, or of something else that the module does, and how its cost is counted.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name in the table.
    pub name: &'static str,
    count: fn() -> Cost,
}

/// Two kinds that must cost the same, however many there are of something.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// With one.
    pub few: &'static str,
    /// With many.
    pub many: &'static str,
}

/// Counts them all, in their order.
pub fn count() -> Table {
    let next = Mutex::new(kinds::ALL.iter().enumerate());
    let counted = Mutex::new(Vec::new());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let Some((place, kind)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let cost = (kind.count)();
                    counted.lock().unwrap().push((place, kind.name, cost));
                }
            });
        }
    });
    let mut counted = counted.into_inner().unwrap();
    counted.sort_unstable_by_key(|(place, ..)| *place);
    let rows = counted.into_iter();
    Table::new(rows.map(|(_, name, cost)| (name.to_owned(), cost)))
}

/// Those that must not grow with how many there are.
pub fn pairs() -> &'static [Pair] {
    &kinds::PAIRS
}

// === impl Cost ===

impl Cost {
    /// The numbers' names.
    pub const NAMES: [&str; 5] = ["instructions", "callbacks", "calls", "allocations", "bytes"];

    /// The numbers, in the order of their names.
    pub const fn numbers(&self) -> [u64; 5] {
        [
            self.instructions,
            self.callbacks,
            self.calls,
            self.allocations,
            self.bytes,
        ]
    }

    /// The numbers as [`Self::numbers`] gives them.
    pub const fn of([instructions, callbacks, calls, allocations, bytes]: [u64; 5]) -> Self {
        Self {
            instructions,
            callbacks,
            calls,
            allocations,
            bytes,
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (one, other) = (self.numbers(), other.numbers());
        Self::of(std::array::from_fn(|place| one[place] + other[place]))
    }

    /// What came to it since.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let (now, before) = (self.numbers(), before.numbers());
        Self::of(std::array::from_fn(|place| now[place] - before[place]))
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.numbers().map(|number| number.to_string());
        write!(f, "{}", numbers.join(" | "))
    }
}
