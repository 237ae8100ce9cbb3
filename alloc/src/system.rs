//! What else std asks the C library for, answered in fewer bytes than musl's table of answers.

use core::ffi::{c_int, c_long, c_ulong};

// The C library's; it reads what the kernel put behind the environment.
unsafe extern "C" {
    fn getauxval(what: c_ulong) -> c_ulong;
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

// Miri knows no such function.
#[cfg(all(test, not(miri)))]
mod tests {
    #[test]
    fn the_size_of_a_page_is_what_the_c_library_says() {
        unsafe extern "C" {
            fn getpagesize() -> i32;
        }
        // SAFETY: it has no conditions.
        assert_eq!(super::sysconf(30), unsafe { getpagesize() }.into());
        assert_eq!(super::sysconf(84), -1);
    }
}
