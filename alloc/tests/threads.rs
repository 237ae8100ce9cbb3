//! The C names as the allocator of a whole program, and 64 threads that give each other what they
//! allocate. The kernel is asked, which Miri is not.

#![cfg(not(miri))]
#![allow(clippy::expect_used, reason = "a test that panics has failed, as it should")]

use std::alloc::{GlobalAlloc, Layout};
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

use healthcheck_alloc::c;

struct Ours;

// SAFETY: the C names keep the promises that std's own `System` relies on; which of them is called for
// what is std's choice on Unix.
unsafe impl GlobalAlloc for Ours {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= 16 {
            return c::malloc(layout.size()).cast();
        }
        let mut block = std::ptr::null_mut();
        // SAFETY: `block` is ours.
        let code = unsafe { c::posix_memalign(&mut block, layout.align(), layout.size()) };
        assert_eq!(code == 0, !block.is_null());
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        assert!(layout.align() <= 16, "nothing here asks for it");
        c::calloc(layout.size(), 1).cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: it came from here.
        unsafe { c::free(block.cast()) };
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        assert!(layout.align() <= 16, "nothing here asks for it");
        // SAFETY: it came from here.
        unsafe { c::realloc(block.cast(), size) }.cast()
    }
}

#[global_allocator]
static OURS: Ours = Ours;

#[repr(align(64))]
struct Line([u8; 64]);

#[test]
fn sixty_four_threads_allocate_grow_and_free_for_each_other() {
    let threads = 64;
    let rounds = 500;
    let (send, receive) = mpsc::channel::<(usize, Vec<u8>, Box<Line>)>();
    let workers: Vec<_> = (0..threads)
        .map(|mark| {
            let send = send.clone();
            thread::spawn(move || {
                for round in 0..rounds {
                    let mut bytes = vec![0; round % 700];
                    assert!(bytes.iter().all(|byte| *byte == 0));
                    bytes.fill(mark as u8);
                    bytes.resize(bytes.len() + round * 20 % 50_000, mark as u8);
                    send.send((mark, bytes, Box::new(Line([mark as u8; 64])))).expect("a reader");
                }
            })
        })
        .collect();
    drop(send);
    let mut seen: HashMap<usize, usize> = HashMap::new();
    for (mark, bytes, line) in receive {
        assert!(bytes.iter().chain(&line.0).all(|byte| *byte == mark as u8), "{mark}");
        assert_eq!((&raw const *line).addr() % 64, 0);
        *seen.entry(mark).or_default() += 1;
    }
    assert_eq!(seen.len(), threads);
    assert!(seen.values().all(|count| *count == rounds));
    for worker in workers {
        worker.join().expect("no panic");
    }
}

#[test]
fn what_c_asks_of_the_names() {
    // SAFETY: each block is used while it is owned, and freed once.
    unsafe {
        c::free(std::ptr::null_mut());
        let block = c::realloc(std::ptr::null_mut(), 10).cast::<u8>();
        block.write_bytes(9, 10);
        let block = c::realloc(block.cast(), 100_000).cast::<u8>();
        assert_eq!(std::slice::from_raw_parts(block, 10), [9; 10]);
        c::free(block.cast());
        assert!(c::calloc(usize::MAX / 2, 3).is_null());
        assert!(c::malloc(usize::MAX - 100).is_null());
        let mut block = std::ptr::null_mut();
        assert_eq!(c::posix_memalign(&mut block, 24, 8), 22);
        assert_eq!(c::posix_memalign(&mut block, 4096, 8), 0);
        assert_eq!(block.addr() % 4096, 0);
        c::free(block);
        assert!(c::aligned_alloc(48, 8).is_null());
    }
}
