//! Checks that run at once, or that the system may hold up for ever, each in a thread that can be
//! left behind: whatever happens there, the main thread goes on when it is time.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use rustix::io::{Errno, read, write};

use crate::attempt::{Attempt, Log};
use crate::checks::Entry;
use crate::deadline::Deadline;
use crate::parallel::STACK;
use crate::verdict::{Step, Verdict};
use crate::wait::{Signals, Woken, wait};

/// What a try found, and how long it took.
pub type Found = (Verdict, Duration);

/// So long after its end a check that has not come back is left behind: until then it may have a
/// better word for it.
const GRACE: Duration = Duration::from_millis(50);

/// Runs checks, and remembers which of them are stuck.
///
/// A file system whose server is gone, a process that holds its own memory map: such waits hear of
/// no deadline and no signal. They are killable, though: when the main thread returns from `main`,
/// the process ends (exit_group(2)), and they with it.
pub struct Watchdog {
    /// When the time of the first checks began.
    started: Option<Instant>,
    signals: Signals,
    log: Log,
    stuck: Vec<Arc<Job>>,
}

/// A check under way in a thread of its own.
struct Job {
    entry: &'static Entry,
    attempt: Attempt<'static>,
    found: Mutex<Option<Found>>,
    left_behind: AtomicBool,
    /// Rung when it has found something.
    bell: Arc<OwnedFd>,
}

impl Watchdog {
    /// The time of the first checks began at `started`. Tries end at a signal too.
    pub fn new(started: Instant, signals: Signals, log: Log) -> Self {
        Self { started: Some(started), signals, log, stuck: Vec::new() }
    }

    /// Tries each of `entries` once, all at the same time, each bounded by its own timeout and by
    /// `end`. A single one that cannot block is tried in this thread.
    pub fn run(&mut self, entries: &'static [Entry], end: Option<Deadline>) -> Vec<Found> {
        let started = self.started.take().unwrap_or_else(Instant::now);
        let attempt = |entry: &'static Entry| {
            let left = end.map_or(entry.timeout, |end| end.remaining().unwrap_or_default());
            let time = entry.timeout.min(left);
            let attempt = Attempt::since(started, &entry.label, time, self.log).until(self.signals);
            attempt.enter(Step::Open, &entry.label);
            attempt
        };
        if let [entry] = entries
            && !entry.may_block
        {
            return vec![tried(entry, &attempt(entry))];
        }
        match bell() {
            Ok(bell) => {
                let attempts = entries.iter().map(attempt).collect();
                self.watch(entries, attempts, &bell)
            }
            Err(error) => {
                let refused = |entry| (Err(attempt(entry).io(error)), Duration::ZERO);
                entries.iter().map(refused).collect()
            }
        }
    }

    fn watch(
        &mut self,
        entries: &'static [Entry],
        attempts: Vec<Attempt<'static>>,
        bell: &Arc<OwnedFd>,
    ) -> Vec<Found> {
        self.stuck.retain(|job| job.found().is_none());
        let jobs: Vec<Arc<Job>> = entries
            .iter()
            .zip(attempts)
            .map(|(entry, attempt)| {
                // With --wait: one that is still stuck is not asked a second time.
                let stuck = self.stuck.iter().find(|job| std::ptr::eq(job.entry, entry));
                stuck.map_or_else(|| start(entry, attempt, bell), Arc::clone)
            })
            .collect();
        self.await_all(&jobs, bell);
        jobs.iter()
            .map(|job| {
                let found = job.found().take();
                found.unwrap_or_else(|| {
                    if !job.left_behind.swap(true, Ordering::Relaxed) {
                        self.stuck.push(Arc::clone(job));
                    }
                    (Err(job.attempt.timed_out()), job.attempt.elapsed())
                })
            })
            .collect()
    }

    /// Waits until all have found something, or it is time to go without.
    fn await_all(&self, jobs: &[Arc<Job>], bell: &OwnedFd) {
        let ends = jobs.iter().map(|job| job.attempt.deadline().later(GRACE));
        let Some(mut last) = ends.max() else { return };
        let mut signals = self.signals;
        while let Some(mut pause) = last.remaining() {
            let mut awaited = false;
            for job in jobs.iter().filter(|job| job.is_awaited()) {
                awaited = true;
                // One that is stuck cannot say so itself.
                pause = job.attempt.notice().map_or(pause, |due| pause.min(due));
            }
            if !awaited {
                return;
            }
            match hear(bell, signals, pause) {
                Woken::Signal => {
                    // It stays so; whoever is not stuck hears of it, too.
                    signals = None;
                    last = last.min(Deadline::after(GRACE));
                    jobs.iter().for_each(|job| job.attempt.signal());
                }
                Woken::Ready | Woken::Late => {}
            }
        }
    }
}

impl Job {
    fn work(&self) {
        let found = tried(self.entry, &self.attempt);
        *self.found() = Some(found);
        ring(&self.bell);
    }

    fn found(&self) -> MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_awaited(&self) -> bool {
        !self.left_behind.load(Ordering::Relaxed) && self.found().is_none()
    }
}

/// Starts a try in a thread of its own.
fn start(entry: &'static Entry, attempt: Attempt<'static>, bell: &Arc<OwnedFd>) -> Arc<Job> {
    let job = Arc::new(Job {
        entry,
        attempt,
        found: Mutex::new(None),
        left_behind: AtomicBool::new(false),
        bell: Arc::clone(bell),
    });
    let shared = Arc::clone(&job);
    match spawn(Box::new(move || shared.work())) {
        Ok(()) => {}
        // Nobody would be left to say that it is late.
        Err(error) if entry.may_block => {
            let failure = job.attempt.io(error).with("a thread is wanted for it");
            *job.found() = Some((Err(failure), job.attempt.elapsed()));
        }
        Err(_) => job.work(),
    }
    job
}

/// Starts a thread that nobody joins. Boxed: std's way of starting one is compiled once.
fn spawn(work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
    thread::Builder::new().stack_size(STACK).spawn(work).map(drop)
}

/// What a thread rings when it is done, to be waited for beside a signal.
fn bell() -> Result<Arc<OwnedFd>, Errno> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map(Arc::new)
}

fn ring(bell: &OwnedFd) {
    // Where it cannot be rung, it has been rung often enough.
    let _ = write(bell, &1_u64.to_ne_bytes());
}

/// Waits for it, or a signal, at most so long.
fn hear(bell: &OwnedFd, signals: Signals, most: Duration) -> Woken {
    let fds = &mut [PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)];
    let woken = wait(fds, signals, most).unwrap_or(Woken::Late);
    if woken == Woken::Ready {
        let _ = read(bell, &mut [0; 8][..]);
    }
    woken
}

fn tried(entry: &Entry, attempt: &Attempt<'_>) -> Found {
    let verdict = match entry.run(attempt) {
        // What was ready when a busy machine let this process run again may have come after the
        // deadline: too late is not healthy.
        Ok(_) if attempt.end().is_some() => Err(attempt.timed_out()),
        verdict => verdict,
    };
    (verdict, attempt.elapsed())
}

/// Does `work` in another thread; `None` when it takes longer than `time`: then it is left behind.
/// For what is done before, or without, any check.
pub fn bounded<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Option<T>> {
    let until = Deadline::after(time);
    let slot = Arc::new(Mutex::new(None));
    let bell = bell()?;
    let (shared, rung) = (Arc::clone(&slot), Arc::clone(&bell));
    spawn(Box::new(move || {
        let done = work();
        *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        ring(&rung);
    }))?;
    loop {
        if let Some(done) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(Some(done));
        }
        match until.remaining() {
            Some(left) => drop(hear(&bell, None, left)),
            None => return Ok(None),
        }
    }
}
