//! The C names, by which std allocates: with all of them here, nothing of musl's own is linked.
//!
//! They set no `errno`: std reads none. Sizes of 0 are blocks like any other.

use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use crate::heap::{Heap, PIECE, Pages};

// The C library's, which the executable is linked with in any case.
unsafe extern "C" {
    fn mmap(
        at: *mut u8,
        length: usize,
        access: c_int,
        flags: c_int,
        fd: c_int,
        offset: i64,
    ) -> *mut u8;
    fn munmap(at: *mut u8, length: usize) -> c_int;
    fn mremap(at: *mut u8, length: usize, wanted: usize, flags: c_int, ...) -> *mut u8;
    fn sched_yield() -> c_int;
}

// mmap(2), mremap(2); the same numbers on every architecture that is built.
const READ_WRITE: c_int = 1 | 2;
const PRIVATE_ANONYMOUS: c_int = 2 | 0x20;
const MAY_MOVE: c_int = 1;
const FAILED: usize = usize::MAX;

const ENOMEM: c_int = 12;
const EINVAL: c_int = 22;

/// What a check of `http://` needs several times over, so that it asks the kernel for nothing. It
/// takes no room in the file, and none in memory where nobody wrote.
const BLOCK: usize = 128 * 1024;

#[repr(align(16))]
struct Block(UnsafeCell<MaybeUninit<[u8; BLOCK]>>);

// SAFETY: only `Kernel::piece` takes its address, once, under the lock.
unsafe impl Sync for Block {}

static FIRST: Block = Block(UnsafeCell::new(MaybeUninit::zeroed()));

/// The static block, then mappings.
struct Kernel {
    block_is_taken: bool,
}

impl Pages for Kernel {
    fn piece(&mut self) -> (*mut u8, usize) {
        if self.block_is_taken {
            return (self.map(PIECE), PIECE);
        }
        self.block_is_taken = true;
        (FIRST.0.get().cast(), BLOCK)
    }

    fn map(&mut self, length: usize) -> *mut u8 {
        // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
        let at = unsafe { mmap(ptr::null_mut(), length, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0) };
        if at.addr() == FAILED { ptr::null_mut() } else { at }
    }

    unsafe fn unmap(&mut self, at: *mut u8, length: usize) {
        // SAFETY: by the contract. It cannot fail but for want of memory (the middle of a mapping that
        // the kernel merged): then it stays mapped, unused.
        unsafe { munmap(at, length) };
    }

    unsafe fn remap(&mut self, at: *mut u8, length: usize, wanted: usize) -> *mut u8 {
        // SAFETY: by the contract.
        let at = unsafe { mremap(at, length, wanted, MAY_MOVE) };
        if at.addr() == FAILED { ptr::null_mut() } else { at }
    }
}

struct Shared(UnsafeCell<Heap<Kernel>>);

// SAFETY: `locked` alone takes its address, and one thread at a time. A heap's pointers are to memory
// that no thread owns.
unsafe impl Sync for Shared {}

static HEAP: Shared = Shared(UnsafeCell::new(Heap::new(Kernel { block_is_taken: false })));
static LOCK: AtomicBool = AtomicBool::new(false);

/// The heap, for one thread at a time. Who finds it taken lets others run: it is held for some
/// hundred instructions, and two system calls at most.
fn locked<T>(work: impl FnOnce(&mut Heap<Kernel>) -> T) -> T {
    while LOCK.swap(true, Acquire) {
        while LOCK.load(Relaxed) {
            // SAFETY: it has no conditions.
            unsafe { sched_yield() };
        }
    }
    // SAFETY: whoever else comes here waits above until the store below; `work` neither panics nor
    // comes here again.
    let done = work(unsafe { &mut *HEAP.0.get() });
    LOCK.store(false, Release);
    done
}

/// malloc(3)
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    locked(|heap| heap.allocate(size)).cast()
}

/// calloc(3)
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(size) => locked(|heap| heap.allocate_zeroed(size)).cast(),
        None => ptr::null_mut(),
    }
}

/// realloc(3)
///
/// # Safety
/// `block` is null, or came from here and was not freed.
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    // SAFETY: by the contract.
    locked(|heap| unsafe { heap.reallocate(block.cast(), size) }).cast()
}

/// free(3)
///
/// # Safety
/// `block` is null, or came from here and was not freed.
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: by the contract.
        locked(|heap| unsafe { heap.free(block.cast()) });
    }
}

/// aligned_alloc(3)
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        return ptr::null_mut();
    }
    locked(|heap| heap.allocate_aligned(size, align)).cast()
}

/// posix_memalign(3)
///
/// # Safety
/// `block` may be written to.
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn posix_memalign(
    block: *mut *mut c_void,
    align: usize,
    size: usize,
) -> c_int {
    if !align.is_power_of_two() {
        return EINVAL;
    }
    let found = aligned_alloc(align, size);
    if found.is_null() {
        return ENOMEM;
    }
    // SAFETY: by the contract.
    unsafe { block.write(found) };
    0
}
