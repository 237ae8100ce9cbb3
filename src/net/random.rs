//! Numbers that nobody can guess.

use std::time::SystemTime;

use rustix::rand::{GetRandomFlags, getrandom};

/// 64 bits that nobody can guess, and no two calls get alike. The kernel has them to give but in
/// the first moments after it started, and where seccomp forbids to ask: then it is the time.
pub fn unpredictable() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut bits = u64::from(now.subsec_nanos()).to_ne_bytes();
    let _ = getrandom(&mut bits, GetRandomFlags::NONBLOCK);
    u64::from_ne_bytes(bits)
}
