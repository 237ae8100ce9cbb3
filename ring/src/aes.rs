//! AES by fewer roads. What stands in is ring's own, constant in time, and slower, which a check of
//! some kilobytes does not notice: 6 KB less.

use core::ffi::{c_int, c_uint, c_void};
use core::num::NonZero;

// ring's, in plain C: the bits of several blocks beside each other.
unsafe extern "C" {
    fn ring_core_0_17_14__aes_nohw_set_encrypt_key(
        bytes: *const u8,
        bits: c_uint,
        key: *mut c_void,
    ) -> c_int;
    fn ring_core_0_17_14__aes_nohw_ctr32_encrypt_blocks(
        input: *const [u8; 16],
        output: *mut [u8; 16],
        count: NonZero<usize>,
        key: *const c_void,
        counter: *const [u8; 16],
    );
}

/// Expands a key, for a processor that has SSSE3 or NEON but no instructions for AES.
///
/// # Safety
///
/// `bytes` has `bits`, 128 or 256, and `key` has the room of ring's `AES_KEY`.
#[unsafe(no_mangle)]
unsafe extern "C" fn ring_core_0_17_14__vpaes_set_encrypt_key(
    bytes: *const u8,
    bits: c_uint,
    key: *mut c_void,
) -> c_int {
    // SAFETY: the caller's; the signatures are the same.
    unsafe { ring_core_0_17_14__aes_nohw_set_encrypt_key(bytes, bits, key) }
}

/// Encrypts `count` blocks in counter mode, on such a processor.
///
/// # Safety
///
/// `key` is of the function above; `output` is `input`, or lies before it.
#[unsafe(no_mangle)]
unsafe extern "C" fn ring_core_0_17_14__vpaes_ctr32_encrypt_blocks(
    input: *const [u8; 16],
    output: *mut [u8; 16],
    count: NonZero<usize>,
    key: *const c_void,
    counter: *const [u8; 16],
) {
    // SAFETY: the caller's; the signatures are the same, and so is what they say of overlapping.
    unsafe {
        ring_core_0_17_14__aes_nohw_ctr32_encrypt_blocks(input, output, count, key, counter);
    }
}

/// How many bytes it encrypted and authenticated in one go. ring does the others in two, and so all.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
extern "C" fn ring_core_0_17_14__aesni_gcm_encrypt() -> usize {
    0
}

/// As it encrypts.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
extern "C" fn ring_core_0_17_14__aesni_gcm_decrypt() -> usize {
    0
}
