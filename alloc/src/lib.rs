//! The allocator of the small build, in place of musl's: 8 KB less, a quarter of an `http://`
//! check's instructions and four of its system calls.
//!
//! | module | owns |
//! |---|---|
//! | [`heap`] | blocks, their sizes and free lists; asks for memory, knows no system |
//! | [`c`] | the names that std calls (`malloc`, ...), one lock, memory from the kernel |
//! | [`system`] | the size of a page and poll(2), for std; a thread's stack on riscv64 |
//! | `model` | what tests and the fuzzer compare the heap with |
//!
//! It is made for a program that lives for milliseconds, or waits for days in a loop: freed memory
//! is used again, and none of it is given back but large blocks. It trusts its callers as C does;
//! all of them are safe Rust, which frees nothing twice.
#![no_std]

#[cfg(any(test, feature = "model"))]
extern crate std;

pub mod c;
pub mod heap;
#[cfg(any(test, feature = "model"))]
pub mod model;
pub mod system;
