//! The module's memory, where the host refuses to give more: Envoy's V8 stops at 1 GiB a virtual machine, and Rust ends
//! the program where an allocation fails, and with it every request of the worker.
//!
//! So some memory is held in reserve. When there is no other, it is given back to the allocator, and the callback that is
//! under way can end by it. Until there is a reserve again, memory is short, and whoever asks ([`is_short`]) begins
//! nothing. What takes more than the reserve has room made for it before ([`has_room`]), and fails where there is none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// More than any callback takes that does not ask for room: each works on one request, or on some bytes of the host's,
/// of which [`UNASKED`] may be worked on without asking.
const RESERVE: Layout = match Layout::from_size_align(4 << 20, 16) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<u8>(),
};

/// So much fits into the reserve in any case, with all else that a callback does.
const UNASKED: usize = 1 << 20;

/// The reserve; null: memory is short.
static HELD: AtomicPtr<u8> = AtomicPtr::new(null_mut());

#[global_allocator]
static ALLOCATOR: Reserved = Reserved;

/// Rust's usual allocator, with the reserve behind it.
struct Reserved;

/// Whether there is no reserve. Tries to have one again.
pub fn is_short() -> bool {
    if !HELD.load(Relaxed).is_null() {
        return false;
    }
    // What is given back by `dealloc` below was allocated here, with the same layout.
    let reserve = unsafe { System.alloc(RESERVE) };
    HELD.store(reserve, Relaxed);
    reserve.is_null()
}

/// Whether the reserve was needed since it was there last.
pub fn was_short() -> bool {
    HELD.load(Relaxed).is_null()
}

/// Sees to it that so many bytes can be allocated now, besides the reserve; tells whether they can.
pub fn has_room(bytes: usize) -> bool {
    (bytes <= UNASKED && !was_short()) || is_free(bytes)
}

/// Whether so many bytes can be allocated now, in one piece, with the reserve as it is.
pub fn is_free(bytes: usize) -> bool {
    let Ok(layout) = Layout::from_size_align(bytes.max(1), 16) else {
        return false;
    };
    // Memory that the allocator was given stays with it.
    unsafe {
        // Else the compiler may leave out both calls, and suppose that there was memory.
        let start = black_box(System.alloc(layout));
        if !start.is_null() {
            System.dealloc(start, layout);
        }
        !start.is_null()
    }
}

/// Gives the reserve back to the allocator; false where it was before.
fn give_back() -> bool {
    let reserve = HELD.swap(null_mut(), Relaxed);
    if reserve.is_null() {
        return false;
    }
    unsafe { System.dealloc(reserve, RESERVE) };
    true
}

// What is promised of an allocator, the system's keeps: each call is its own, at most made twice.
unsafe impl GlobalAlloc for Reserved {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = unsafe { System.alloc(layout) };
        if start.is_null() && give_back() {
            return unsafe { System.alloc(layout) };
        }
        start
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let start = unsafe { System.alloc_zeroed(layout) };
        if start.is_null() && give_back() {
            return unsafe { System.alloc_zeroed(layout) };
        }
        start
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Where it fails, what was there stays.
        let moved = unsafe { System.realloc(start, layout, size) };
        if moved.is_null() && give_back() {
            return unsafe { System.realloc(start, layout, size) };
        }
        moved
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        unsafe { System.dealloc(start, layout) };
    }
}
