//! Work that several threads do at the same time.

use std::thread;

/// Deep enough for a handshake with RSA; 64 of them fit into 8 MiB as far as they are touched.
pub const STACK: usize = 262_144;

/// Calls `work` with every number below `parts`, each in a thread of its own; a single one in this
/// thread. Where the system refuses a thread (a limit on processes), its part is done here too:
/// late is better than wrong.
pub fn for_each(parts: usize, work: &(dyn Fn(usize) + Sync)) {
    if parts == 1 {
        return work(0);
    }
    thread::scope(|scope| {
        for part in 0..parts {
            let thread = thread::Builder::new().stack_size(STACK);
            if thread.spawn_scoped(scope, move || work(part)).is_err() {
                work(part);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_part_is_done_once() {
        for parts in [0, 1, 2, 64] {
            let done = AtomicU64::new(0);
            for_each(parts, &|part| {
                done.fetch_add(1 << part, Ordering::Relaxed);
            });
            let all = u64::MAX.checked_shr(64 - u32::try_from(parts).expect("few")).unwrap_or(0);
            assert_eq!(done.into_inner(), all, "{parts}");
        }
    }
}
