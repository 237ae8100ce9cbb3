//! One try of one check under way: its deadline, the step it is in, and who hears of it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::verdict::{Failure, Span, Stage, Step, millis, titled};
use crate::wait::{End, Signals, Woken, wait};

/// Where lines for stderr go, and which are wanted.
#[derive(Clone, Copy)]
pub struct Log {
    /// Writes one line to stderr.
    pub line: fn(&str),
    /// Whether `--verbose` lines are wanted.
    pub verbose: bool,
    /// Whether a check that is slow says once what it waits for.
    pub waiting: bool,
}

/// A check without a verdict after this long says what it waits for: an orchestrator that kills
/// the probe at its own timeout keeps what was printed, and so the reason.
const NOTICE: Duration = Duration::from_secs(1);

/// The one object that blocking code is handed: it knows how long, where, and for whom. Another
/// thread may ask it where the check is, should the check's own thread be stuck.
pub struct Attempt<'a> {
    label: &'a str,
    started: Instant,
    time: Duration,
    deadline: Deadline,
    stage: Mutex<Stage>,
    /// Nothing (more) is to be said about what is waited for.
    noticed: AtomicBool,
    signals: Signals,
    signalled: AtomicBool,
    log: Log,
}

impl<'a> Attempt<'a> {
    /// A try of the check `label` that starts now and ends after `time`.
    pub fn new(label: &'a str, time: Duration, log: Log) -> Self {
        Self::since(Instant::now(), label, time, log)
    }

    /// As [`Attempt::new`], begun at `started`.
    pub fn since(started: Instant, label: &'a str, time: Duration, log: Log) -> Self {
        Self {
            label: titled(label),
            started,
            time,
            deadline: Deadline::new(started, time),
            stage: Mutex::new(Stage { step: Step::Open, at: String::new() }),
            noticed: AtomicBool::new(!log.waiting),
            signals: None,
            signalled: AtomicBool::new(false),
            log,
        }
    }

    /// Ends the try as soon as a signal comes, too.
    pub fn until(mut self, signals: Signals) -> Self {
        self.signals = signals;
        self
    }

    /// Lets `work` be done in the first of `parts` equal shares of the time that is left.
    pub fn part<T>(&self, parts: usize, work: &dyn Fn(&Attempt<'_>) -> T) -> T {
        let time = self.deadline.share(parts).remaining().unwrap_or_default();
        let part = Attempt::new(self.label, time, Log { waiting: false, ..self.log });
        let part = part.until(self.signals);
        let done = work(&part);
        if part.signalled.load(Ordering::Relaxed) {
            self.signal();
        }
        done
    }

    /// When the time of this try is up; a signal may end it before.
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// What has ended this try, if anything has.
    pub fn end(&self) -> Option<End> {
        if self.signalled.load(Ordering::Relaxed) {
            return Some(End::Signal);
        }
        self.deadline.remaining().is_none().then_some(End::Deadline)
    }

    /// What is left of the time, never zero; `None` once the try has ended.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.remaining().filter(|_| !self.signalled.load(Ordering::Relaxed))
    }

    /// Until when a peer is waited for whose verdict is known, so that it may end in order: 250 ms, and
    /// no more than half of what is left.
    pub fn courtesy(&self) -> Deadline {
        const MOST: Duration = Duration::from_millis(250);
        Deadline::after(MOST.min(self.remaining().unwrap_or_default() / 2))
    }

    /// How long this try has been running.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Notes that the check is now at `step` with `at`; every failure from here on says so.
    pub fn enter(&self, step: Step, at: &str) {
        self.note(step, at);
        if self.log.verbose {
            self.say(&*self.stage());
        }
    }

    /// As [`Attempt::enter`], without a line for `--verbose`: in the middle of a step.
    pub fn note(&self, step: Step, at: &str) {
        let mut stage = self.stage();
        stage.step = step;
        stage.at.clear();
        stage.at.push_str(at);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line for `--verbose`, with the time since the start in front; dropped without the option.
    pub fn say(&self, what: &dyn fmt::Display) {
        if self.log.verbose {
            let time = self.elapsed();
            let (ms, us) = (millis(time), time.subsec_micros() % 1000);
            (self.log.line)(&format!("{}: {ms}.{us:03} ms: {what}", self.label));
        }
    }

    /// Whether `--verbose` was asked for; lets a check skip the work of describing itself.
    pub fn verbose(&self) -> bool {
        self.log.verbose
    }

    /// The system refused at the present step; [`io::ErrorKind::TimedOut`] without a number of the
    /// system's is our own deadline.
    pub fn io(&self, source: impl Into<io::Error>) -> Failure {
        self.refused(&source.into())
    }

    fn refused(&self, source: &io::Error) -> Failure {
        match is_late(source) {
            true => self.timed_out(),
            false => Failure::io(&self.stage(), source),
        }
    }

    /// The peer broke its protocol at the present step.
    pub fn protocol(&self, wrong: impl AsRef<str>) -> Failure {
        Failure::at(&self.stage(), wrong.as_ref())
    }

    /// The deadline, or a signal, came at the present step; the time given is named, not by how
    /// little it was overrun.
    pub fn timed_out(&self) -> Failure {
        let after = match self.end() {
            Some(End::Signal) => None,
            Some(End::Deadline) | None => Some(self.elapsed().min(self.time)),
        };
        Failure::timed_out(&self.stage(), after)
    }

    /// Waits until `fd` is ready for one of `events`, an error on it included; fails with
    /// [`io::ErrorKind::TimedOut`] (and no number of the system's) when `until`, or the end of the
    /// whole try, comes first.
    pub fn wait(&self, fd: BorrowedFd<'_>, events: PollFlags, until: Deadline) -> io::Result<()> {
        self.poll(&mut [PollFd::from_borrowed_fd(fd, events)], until)
    }

    /// Lets time pass: `Ok` after `time`, an error when the deadline comes first.
    pub fn sleep(&self, time: Duration) -> io::Result<()> {
        let until = Deadline::after(time);
        match self.poll(&mut [], until) {
            Err(_) if self.remaining().is_some() => Ok(()),
            end => end,
        }
    }

    /// As [`Attempt::wait`], until there is something to read from one of several.
    pub fn wait_readable<T>(&self, sockets: &[(T, OwnedFd)], until: Deadline) -> io::Result<()> {
        let fds = sockets.iter().map(|(_, fd)| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN));
        self.poll(&mut fds.collect::<Vec<_>>(), until)
    }

    fn poll(&self, fds: &mut [PollFd<'_>], until: Deadline) -> io::Result<()> {
        loop {
            match wait(fds, self.signals, self.pause(until)?) {
                Ok(Woken::Ready) => return Ok(()),
                Ok(Woken::Late) | Err(Errno::INTR) => {}
                Ok(Woken::Signal) => {
                    self.signal();
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Notes that a signal ended this try.
    pub fn signal(&self) {
        self.signalled.store(true, Ordering::Relaxed);
    }

    /// For work that waits for nobody but may be long: an error once the try has ended.
    pub fn check_deadline(&self) -> Result<(), Failure> {
        // Only to hear of a signal.
        if self.signals.is_some()
            && wait(&mut [], self.signals, Duration::ZERO) == Ok(Woken::Signal)
        {
            self.signal();
        }
        match self.pause(self.deadline) {
            Ok(_) if self.end().is_none() => Ok(()),
            _ => Err(self.timed_out()),
        }
    }

    /// How long may be waited in one go: until the notice is due, `until`, or the deadline.
    fn pause(&self, until: Deadline) -> io::Result<Duration> {
        let left = until.min(self.deadline).remaining().ok_or(io::ErrorKind::TimedOut)?;
        Ok(self.notice().map_or(left, |first| left.min(first)))
    }

    /// Says once what is waited for, when that is due; until then, in how long it will be.
    pub fn notice(&self) -> Option<Duration> {
        if self.noticed.load(Ordering::Relaxed) {
            return None;
        }
        let first = Deadline::new(self.started, NOTICE).remaining();
        if first.is_none() && !self.noticed.swap(true, Ordering::Relaxed) {
            (self.log.line)(&format!("waiting: {}: {}", self.label, self.stage()));
        }
        first
    }
}

/// Whether an error is the end of our own waiting: with a number it is the system's, of a
/// connection that died.
pub fn is_late(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.label, Span(self.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Log = Log { line: |_| {}, verbose: false, waiting: false };

    #[test]
    fn sleeping_past_the_deadline_is_a_timeout_at_the_present_step() {
        let attempt = Attempt::new("x", Duration::from_millis(20), SILENT);
        attempt.enter(Step::Connect, "peer");
        assert!(attempt.sleep(Duration::from_millis(1)).is_ok());
        let error = attempt.sleep(Duration::from_secs(5)).expect_err("later than the deadline");
        assert!(attempt.io(error).words() == "timed out after 20 ms while connecting to peer");
    }

    #[test]
    fn a_signal_is_an_end_of_its_own_kind() {
        let (signals, sender) = std::io::pipe().expect("a pipe");
        let signals: &'static std::io::PipeReader = Box::leak(Box::new(signals));
        let attempt =
            Attempt::new("x", Duration::from_secs(60), SILENT).until(Some(AsFd::as_fd(signals)));
        attempt.enter(Step::Read, "peer");
        assert!(attempt.check_deadline().is_ok());
        assert_eq!(attempt.end(), None);
        // Closed: readable for ever.
        drop(sender);
        let error = attempt.sleep(Duration::from_secs(50)).expect_err("a signal");
        assert!(is_late(&error));
        assert_eq!((attempt.end(), attempt.remaining()), (Some(End::Signal), None));
        // The deadline stays where it was.
        assert!(attempt.deadline().remaining().is_some());
        assert_eq!(attempt.io(error).words(), "stopped by a signal while reading from peer");
        assert!(attempt.check_deadline().is_err());
    }

    #[test]
    fn a_wait_has_an_end_of_its_own_within_the_deadline() {
        let attempt = Attempt::new("x", Duration::from_secs(60), SILENT);
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let end = Deadline::after(Duration::from_millis(5));
        let error = attempt
            .wait(std::os::fd::AsFd::as_fd(&reader), PollFlags::IN, end)
            .expect_err("nothing to read");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(attempt.deadline().remaining().is_some());
    }
}
