//! The checks of one call, run together, and the report of what they found.

use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use crate::attempt::{Attempt, Log, timespec};
use crate::checks::Entry;
use crate::deadline::Deadline;
use crate::parallel;
use crate::signal;
use crate::verdict::{Step, Verdict};

/// How many of the checks must be healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quorum {
    /// Every one.
    All,
    /// At least one.
    Any,
}

/// Trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// For how long.
    pub time: Duration,
    /// The pause between tries.
    pub interval: Duration,
}

/// What is to be checked; never empty (`cli` sees to it), and if it were: unhealthy.
#[derive(Debug)]
pub struct Plan {
    /// The checks, in the order given.
    pub checks: Vec<Entry>,
    /// How many must be healthy.
    pub quorum: Quorum,
    /// Whether to try again.
    pub wait: Option<Wait>,
    /// What [`crate::verdict::quote`] must not show.
    pub secrets: Vec<Vec<u8>>,
}

/// What one check found.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The check.
    pub entry: &'a Entry,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took.
    pub elapsed: Duration,
}

/// What all checks found.
#[derive(Debug)]
pub struct Report<'a> {
    /// The verdict of the whole call.
    pub healthy: bool,
    /// Since the start of the call.
    pub elapsed: Duration,
    /// In the order given.
    pub outcomes: Vec<Outcome<'a>>,
}

/// Hears of every try of `--wait` that was unhealthy.
pub trait Progress {
    /// One try was unhealthy.
    fn unhealthy(&mut self, report: &Report<'_>);

    /// A signal ended the waiting.
    fn stopped(&mut self);
}

impl Plan {
    /// Runs the checks; with `--wait` again and again, until they are healthy or the time is up.
    pub fn run(&self, log: Log, progress: &mut dyn Progress) -> Report<'_> {
        let started = Instant::now();
        let Some(Wait { time, interval }) = self.wait else {
            return self.once(started, None, None, log);
        };
        let deadline = Deadline::new(started, time);
        let stop = signal::stop();
        // Progress tells what is waited for.
        let log = Log { waiting: false, ..log };
        loop {
            let report = self.once(started, Some(deadline), stop, log);
            let Some(rest) = deadline.remaining().filter(|_| !report.healthy) else {
                return report;
            };
            progress.unhealthy(&report);
            // Where the time is not enough for a whole interval, the last try has a quarter of it.
            let last = rest <= interval;
            let stopped = stopped(stop, if last { rest / 4 * 3 } else { interval });
            if stopped {
                progress.stopped();
            }
            if stopped || deadline.remaining().is_none() {
                return report;
            }
            if last {
                // So short a try may fail for that alone: then the reason stays the last one.
                let end = self.once(started, Some(deadline), stop, log);
                if end.healthy {
                    return end;
                }
                if self::stopped(stop, Duration::ZERO) {
                    progress.stopped();
                }
                return report;
            }
        }
    }

    /// One try of all checks at once, each bounded by its own timeout and by `end`.
    fn once(
        &self,
        started: Instant,
        end: Option<Deadline>,
        stop: Option<BorrowedFd<'static>>,
        log: Log,
    ) -> Report<'_> {
        let run = |entry: &'_ Entry| {
            let left = end.map(|end| end.remaining().unwrap_or_default());
            let time = left.map_or(entry.timeout, |left| entry.timeout.min(left));
            let attempt = Attempt::new(&entry.label, time, log).until(stop);
            attempt.enter(Step::Open, &entry.label);
            let verdict = match entry.check.run(&attempt) {
                // What was ready when a busy machine let this process run again may have come
                // after the deadline: too late is not healthy.
                Ok(_) if attempt.deadline().remaining().is_none() => Err(attempt.timed_out()),
                verdict => verdict,
            };
            (verdict, attempt.elapsed())
        };
        let slots: Vec<Mutex<Option<Outcome<'_>>>> =
            self.checks.iter().map(|_| Mutex::new(None)).collect();
        parallel::for_each(slots.len(), &|i| {
            if let (Some(entry), Some(slot)) = (self.checks.get(i), slots.get(i)) {
                let (verdict, elapsed) = run(entry);
                let outcome = Outcome { entry, verdict, elapsed };
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            }
        });
        let found = slots.into_iter().map(Mutex::into_inner);
        let outcomes: Vec<Outcome<'_>> =
            found.filter_map(|slot| slot.unwrap_or_else(PoisonError::into_inner)).collect();
        let mut verdicts = outcomes.iter().map(|outcome| outcome.verdict.is_ok());
        let healthy = match self.quorum {
            Quorum::All => !outcomes.is_empty() && verdicts.all(|healthy| healthy),
            Quorum::Any => verdicts.any(|healthy| healthy),
        };
        Report { healthy, elapsed: started.elapsed(), outcomes }
    }
}

/// Lets `pause` pass; whether a signal came.
fn stopped(stop: Option<BorrowedFd<'_>>, pause: Duration) -> bool {
    let Some(stop) = stop else {
        thread::sleep(pause);
        return false;
    };
    let until = Deadline::after(pause);
    loop {
        let left = until.remaining();
        let pause = timespec(left.unwrap_or_default());
        // Interrupted, it goes on: SIGSTOP and SIGCONT do that.
        if let Ok(1..) = poll(&mut [PollFd::from_borrowed_fd(stop, PollFlags::IN)], Some(&pause)) {
            return true;
        }
        if left.is_none() {
            return false;
        }
    }
}
