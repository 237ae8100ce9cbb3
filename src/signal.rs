//! SIGTERM, SIGINT and SIGHUP as something that can be waited for; and those that shall not end the process.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// From here on no signal but SIGKILL ends the process, nor a file that grows past its limit
/// (SIGXFSZ): what is half done can be undone.
pub fn defer_all() {
    // Where the system refuses, the default actions stay.
    let _ = SigSet::all().thread_block();
}

/// From here on a write past the limit of a file fails (EFBIG) in place of ending the process.
pub fn defer_full_files() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    let _ = signals.thread_block();
}

/// From here on these signals make the file readable that is returned, and do nothing else.
///
/// Their default action would end the process with another code than 1, and does not even take
/// place for process 1 of a container (pid_namespaces(7)); a blocked signal reaches that one too.
/// `None` where the system refuses: then the default action stays.
pub fn stop() -> Option<BorrowedFd<'static>> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    let file =
        SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).ok()?;
    // The threads of checks are started later and inherit this.
    signals.thread_block().ok()?;
    // It lives as long as the process.
    let file: &'static SignalFd = Box::leak(Box::new(file));
    Some(file.as_fd())
}
