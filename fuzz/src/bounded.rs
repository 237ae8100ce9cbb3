//! The watch over what an input makes the program allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The largest single allocation that an input of up to as many bytes may cause: a length that is
/// claimed is not allocated, and what is not understood is not copied.
const LARGEST: usize = 65_536;

thread_local! {
    /// The largest allocation of this thread since it was last reset.
    static SEEN: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(size: usize) {
    // A thread that is at its end allocates uncounted.
    let _ = SEEN.try_with(|seen| seen.set(seen.get().max(size)));
}

// SAFETY: every call is the system allocator's own, with the arguments that came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Runs a target's body, which must not ask for more memory at once than [`LARGEST`].
pub fn bounded(body: fn(&[u8]), data: &[u8]) {
    SEEN.set(0);
    body(data);
    let seen = SEEN.get();
    assert!(seen <= LARGEST, "an allocation of {seen} bytes");
}
