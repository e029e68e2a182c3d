//! Bytes that the host gives: it has the module allocate them, writes them, and then says where they are.

use std::cell::RefCell;
use std::ptr::null_mut;

use super::memory;

/// So few bytes may take the reserve.
const SMALL: usize = 64 << 10;

thread_local! {
    /// What was allocated for the host and not taken yet: one at most, but for a host that does odd things. It is kept
    /// until then, because the host may write to it.
    static GIVEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Allocates for the host. Null where there is no memory, and then the host's call fails
/// (`copyToPointerSize`: `InvalidMemoryAccess`).
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    // What is large may not take the reserve.
    if size == 0 || (size > SMALL && !memory::is_free(size)) {
        return null_mut();
    }
    GIVEN.with(|given| {
        let Ok(mut given) = given.try_borrow_mut() else {
            return null_mut();
        };
        let mut bytes = Vec::new();
        if given.try_reserve(1).is_err() || bytes.try_reserve_exact(size).is_err() {
            return null_mut();
        }
        bytes.resize(size, 0);
        let start = bytes.as_mut_ptr();
        given.push(bytes);
        start
    })
}

/// The bytes that the host says are there, if they were allocated for it since the last call. All else that was is freed:
/// a call that failed may have left something behind.
pub(super) fn take(start: *const u8, size: usize) -> Option<Vec<u8>> {
    GIVEN.with(|given| {
        let mut given = given.try_borrow_mut().ok()?;
        let is_it = |bytes: &Vec<u8>| bytes.as_ptr() == start && bytes.len() == size;
        // Usually the only one.
        let mut taken = given.pop();
        while taken.as_ref().is_some_and(|bytes| !is_it(bytes)) {
            taken = given.pop();
        }
        given.clear();
        taken
    })
}
