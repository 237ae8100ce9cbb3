//! One try of one check under way: its deadline, the step it is in, and who hears of it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::deadline::Deadline;
use crate::verdict::{Failure, Span, Stage, Step, millis};

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

/// The one object that blocking code is handed: it knows how long, where, and for whom.
pub struct Attempt<'a> {
    label: &'a str,
    started: Instant,
    time: Duration,
    deadline: Cell<Deadline>,
    stage: RefCell<Stage>,
    notice: Cell<Option<Deadline>>,
    stop: Option<BorrowedFd<'static>>,
    stopped: Cell<bool>,
    log: Log,
}

impl<'a> Attempt<'a> {
    /// A try of the check `label` that starts now and ends after `time`.
    pub fn new(label: &'a str, time: Duration, log: Log) -> Self {
        let started = Instant::now();
        let stage = Stage { step: Step::Open, at: String::new() };
        Self {
            label,
            started,
            time,
            deadline: Cell::new(Deadline::new(started, time)),
            stage: RefCell::new(stage),
            notice: Cell::new(log.waiting.then(|| Deadline::new(started, NOTICE))),
            stop: None,
            stopped: Cell::new(false),
            log,
        }
    }

    /// Ends the try as soon as `stop` is readable, as if the deadline had come.
    pub fn until(mut self, stop: Option<BorrowedFd<'static>>) -> Self {
        self.stop = stop;
        self
    }

    /// The end of this try.
    pub fn deadline(&self) -> Deadline {
        self.deadline.get()
    }

    /// How long this try has been running.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Notes that the check is now at `step` with `at`; every failure from here on says so.
    pub fn enter(&self, step: Step, at: &str) {
        let mut stage = self.stage.borrow_mut();
        stage.step = step;
        stage.at.clear();
        stage.at.push_str(at);
        if self.log.verbose {
            self.say(&*stage);
        }
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
            false => Failure::io(&self.stage.borrow(), source),
        }
    }

    /// The peer broke its protocol at the present step.
    pub fn protocol(&self, wrong: impl AsRef<str>) -> Failure {
        Failure::at(&self.stage.borrow(), wrong.as_ref())
    }

    /// The deadline came at the present step; the time given is named, not by how little it was
    /// overrun.
    pub fn timed_out(&self) -> Failure {
        let after = (!self.stopped.get()).then(|| self.elapsed().min(self.time));
        Failure::timed_out(&self.stage.borrow(), after)
    }

    /// Waits until `fd` is ready for one of `events`, an error on it included; fails with
    /// [`io::ErrorKind::TimedOut`] (and no number of the system's) when `until`, or the deadline
    /// of the whole try, comes first.
    pub fn wait(&self, fd: BorrowedFd<'_>, events: PollFlags, until: Deadline) -> io::Result<()> {
        self.poll(&mut [PollFd::from_borrowed_fd(fd, events)], until)
    }

    /// Lets time pass: `Ok` after `time`, an error when the deadline comes first.
    pub fn sleep(&self, time: Duration) -> io::Result<()> {
        let until = Deadline::after(time);
        match self.poll(&mut [], until) {
            Err(_) if self.deadline().remaining().is_some() => Ok(()),
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
            let pause = self.pause(until)?;
            let pause = timespec(pause);
            match self.poll_once(fds, &pause) {
                _ if self.stopped.get() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn poll_once(&self, fds: &mut [PollFd<'_>], pause: &Timespec) -> Result<usize, Errno> {
        let Some(stop) = self.stop else {
            return poll(fds, Some(pause));
        };
        let mut all = fds.to_vec();
        all.push(PollFd::from_borrowed_fd(stop, PollFlags::IN));
        let ready = poll(&mut all, Some(pause));
        if all.pop().is_some_and(|stop| !stop.revents().is_empty()) {
            self.stopped.set(true);
            // Who waits in turns must not take it for the end of one.
            self.deadline.set(Deadline::new(self.started, Duration::ZERO));
        }
        ready
    }

    /// For work that waits for nobody but may be long: an error once the deadline has come.
    pub fn check_deadline(&self) -> Result<(), Failure> {
        if self.stop.is_some() {
            // Only to hear of a signal.
            let _ = self.poll_once(&mut [], &timespec(Duration::ZERO));
        }
        self.pause(self.deadline()).map(drop).map_err(|late| self.io(late))
    }

    /// How long may be waited in one go: until the notice is due, `until`, or the deadline.
    fn pause(&self, until: Deadline) -> io::Result<Duration> {
        let left = until.min(self.deadline()).remaining().ok_or(io::ErrorKind::TimedOut)?;
        let Some(notice) = self.notice.get() else {
            return Ok(left);
        };
        if let Some(first) = notice.remaining() {
            return Ok(left.min(first));
        }
        self.notice.set(None);
        (self.log.line)(&format!("waiting: {}: {}", self.label, self.stage.borrow()));
        Ok(left)
    }
}

/// A duration as the kernel takes it.
pub fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
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
