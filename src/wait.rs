//! Waiting: until a descriptor is ready, for a time, or until a signal comes. The only caller of
//! poll(2) that waits.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::deadline::Deadline;

/// What ends an attempt before its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its time is up.
    Deadline,
    /// SIGTERM, SIGINT or SIGHUP came, with `--wait`.
    Signal,
}

/// Why one wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// One of the descriptors is ready.
    Ready,
    /// The time has passed.
    Late,
    /// A signal came: whatever else is so.
    Signal,
}

/// Readable once a signal has come, and then for ever; `None` where none is waited for.
pub type Signals = Option<BorrowedFd<'static>>;

/// Waits for one of `fds`, at most so long.
pub fn wait(fds: &mut [PollFd<'_>], signals: Signals, most: Duration) -> Result<Woken, Errno> {
    let pause = Timespec {
        tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    let ready = match signals {
        None => poll(fds, Some(&pause))?,
        Some(signals) => {
            let mut all = fds.to_vec();
            all.push(PollFd::from_borrowed_fd(signals, PollFlags::IN));
            let ready = poll(&mut all, Some(&pause))?;
            if all.pop().is_some_and(|signals| !signals.revents().is_empty()) {
                return Ok(Woken::Signal);
            }
            ready
        }
    };
    Ok(if ready == 0 { Woken::Late } else { Woken::Ready })
}

/// Lets `time` pass; whether a signal came.
pub fn pause(signals: Signals, time: Duration) -> bool {
    let until = Deadline::after(time);
    loop {
        let left = until.remaining();
        // Interrupted, it goes on: SIGSTOP and SIGCONT do that.
        match (wait(&mut [], signals, left.unwrap_or_default()), left) {
            (Ok(Woken::Signal), _) => return true,
            (_, None) => return false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_comes_first_is_said() {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let (signals, mut sender) = std::io::pipe().expect("a pipe");
        let signals: &'static std::io::PipeReader = Box::leak(Box::new(signals));
        let signals = Some(signals.as_fd());
        let most = Duration::from_millis(5);
        let now = |signals| {
            let fds = &mut [PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)];
            wait(fds, signals, most).expect("a poll")
        };
        assert_eq!((now(None), now(signals)), (Woken::Late, Woken::Late));
        assert!(!pause(signals, most));
        writer.write_all(b"x").expect("room");
        assert_eq!((now(None), now(signals)), (Woken::Ready, Woken::Ready));
        sender.write_all(b"x").expect("room");
        assert_eq!((now(None), now(signals)), (Woken::Ready, Woken::Signal));
        assert!(pause(signals, Duration::from_secs(60)));
        assert!(!pause(None, most));
    }
}
