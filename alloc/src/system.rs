//! What else std asks the C library for, and gets another answer than musl's.

use core::ffi::{c_int, c_long, c_ulong, c_void};
use core::ptr;

// The C library's. The first reads what the kernel put behind the environment.
unsafe extern "C" {
    fn getauxval(what: c_ulong) -> c_ulong;
    fn ppoll(
        fds: *mut c_void,
        count: c_ulong,
        timeout: *const Timespec,
        signals: *const c_void,
    ) -> c_int;
}

/// timespec(3type) as a function of this plain name takes it: in musl as in glibc, where a long has 32
/// bits, so has its time; those of 64 have names of their own.
#[repr(C)]
struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

/// sysconf(3)'s `_SC_PAGESIZE`, in musl and glibc, and where the kernel says it.
const PAGE_SIZE: c_int = 30;
const AT_PAGESZ: c_ulong = 6;

/// sysconf(3): the size of a page, right on every machine; anything else has no answer, which is -1.
///
/// std asks for it once before `main`, where nobody reads it any more, and where the size of a
/// thread's stack is refused.
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    if name != PAGE_SIZE {
        return -1;
    }
    // SAFETY: it has no conditions.
    unsafe { getauxval(AT_PAGESZ) as c_long }
}

/// poll(2), but for std's look at the standard streams before `main`: it puts /dev/null where one is
/// closed, and aborts where there is no such file. `report.rs` does that better, so nothing is found
/// closed here. The other caller is getrandom's, which waits for the kernel's random numbers where
/// there is no getrandom(2).
///
/// # Safety
/// `fds` are `count` of poll(2)'s entries.
#[cfg_attr(feature = "symbols", unsafe(no_mangle))]
pub unsafe extern "C" fn poll(fds: *mut c_void, count: c_ulong, timeout: c_int) -> c_int {
    if (count, timeout) == (3, 0) {
        return 0;
    }
    let time = Timespec {
        seconds: c_long::from(timeout) / 1000,
        nanoseconds: c_long::from(timeout) % 1000 * 1_000_000,
    };
    let time = if timeout < 0 { ptr::null() } else { &raw const time };
    // SAFETY: `fds` by the contract; `time` outlives the call; no signal mask is none.
    unsafe { ppoll(fds, count, time, ptr::null()) }
}

// The stack of a new thread in multiples of 16 bytes, as the psABI of RISC-V wants it and LLVM relies
// on it: musl's own clone of that architecture, alone among ours, takes it as it comes, which may be 8
// off. Then a number is set into the wrong half of a buffer: TLS's last block of a record was zeros.
// scripts/build-small has musl call this one (`--wrap=__clone`).
#[cfg(all(feature = "symbols", target_arch = "riscv64"))]
core::arch::global_asm!(
    ".globl __wrap___clone",
    "__wrap___clone:",
    "andi a1, a1, -16", // its second argument, the stack
    "tail __real___clone",
);

// Miri knows no such function.
#[cfg(all(test, not(miri)))]
#[allow(clippy::expect_used, reason = "a test that panics has failed, as it should")]
mod tests {
    use super::*;

    #[test]
    fn poll_waits_for_whoever_is_no_look_at_the_standard_streams() {
        use std::io::Write;
        use std::os::fd::AsRawFd;

        #[repr(C)]
        struct Entry(c_int, i16, i16);
        const READABLE: i16 = 1;
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let mut entry = Entry(reader.as_raw_fd(), READABLE, 0);
        // SAFETY: there are as many entries as it is told.
        let mut look = |timeout| unsafe { (poll((&raw mut entry).cast(), 1, timeout), entry.2) };
        assert_eq!(look(0), (0, 0));
        let before = std::time::Instant::now();
        assert_eq!(look(1_100), (0, 0));
        assert!(before.elapsed() >= std::time::Duration::from_millis(1_100));
        writer.write_all(b"x").expect("room");
        assert_eq!(look(-1), (1, READABLE));
        let mut closed = [(); 3].map(|()| Entry(-7, READABLE, 0));
        // SAFETY: as above.
        assert_eq!(unsafe { poll(closed.as_mut_ptr().cast(), 3, 0) }, 0);
        assert!(closed.iter().all(|entry| entry.2 == 0));
    }

    #[test]
    fn the_size_of_a_page_is_what_the_c_library_says() {
        unsafe extern "C" {
            fn getpagesize() -> i32;
        }
        // SAFETY: it has no conditions.
        assert_eq!(sysconf(30), unsafe { getpagesize() }.into());
        assert_eq!(sysconf(84), -1);
    }
}
