//! What the small build links in place of parts of ring, by the names that ring has for them.
//!
//! | module | in place of |
//! |---|---|
//! | [`sha2`] | SHA-2 for each kind of processor |
//! | `aes` | AES for processors with vectors and no AES; AES and GCM in one piece |
//!
//! Who defines a function first is linked, and what nobody asks for any more is not. The names have
//! ring's version in them: of another version ring's own are linked again, 28 KB, and a test of the
//! symbols fails.
#![no_std]
#![allow(non_snake_case, reason = "the names are ring's")]

#[cfg(all(feature = "symbols", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod aes;
pub mod sha2;
