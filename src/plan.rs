//! The checks of one call, run together, and the report of what they found.

use std::time::{Duration, Instant};

use crate::attempt::Log;
use crate::checks::Entry;
use crate::deadline::Deadline;
use crate::signal;
use crate::verdict::{Cause, Failure, Healthy, Verdict};
use crate::wait;
use crate::watchdog::Watchdog;

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

/// What is to be checked, and how.
#[derive(Debug)]
pub struct Plan {
    /// When the call is healthy.
    pub expr: Expr,
    /// Whether to try again.
    pub wait: Option<Wait>,
    /// What [`crate::verdict::quote`] must not show.
    pub secrets: Vec<Vec<u8>>,
}

/// An expression over checks. A native command line is [`Expr::Checks`]; the others are what drop-in
/// names make of a shell's lists.
///
/// A check under `Not` is healthy when it finds what is not wanted, and only then: one that came to
/// no end (its time was up, a signal came, its set-up cannot be checked) found nothing, and is
/// unhealthy under any number of them.
#[derive(Debug)]
pub enum Expr {
    /// These, at the same time. Healthy where so many of them are; never where there are none.
    Checks(Quorum, Vec<Entry>),
    /// Nothing is checked, since the words (these) leave nothing open: `true`, `exit 1`.
    Settled(bool, String),
    /// Where that is not.
    Not(Box<Expr>),
    /// Where each is; those behind the first that is not are not tried.
    And(Vec<Expr>),
    /// Where one is; those behind it are not tried.
    Or(Vec<Expr>),
    /// Where it is within this time, which bounds all that is in it.
    Within(Duration, Box<Expr>),
}

/// What one check found.
#[derive(Debug)]
pub struct Outcome {
    /// What was checked: the target as typed, or `--name`.
    pub label: &'static str,
    /// The scheme; empty where nothing was checked.
    pub kind: &'static str,
    /// What it found.
    pub verdict: Verdict,
    /// How long it took.
    pub elapsed: Duration,
}

/// What all checks found.
#[derive(Debug)]
pub struct Report {
    /// The verdict of the whole call.
    pub healthy: bool,
    /// Since the start of the call.
    pub elapsed: Duration,
    /// Of every check that was tried, in the order given.
    pub outcomes: Vec<Outcome>,
}

/// Hears of every try of `--wait` that was unhealthy.
pub trait Progress {
    /// One try was unhealthy.
    fn unhealthy(&mut self, report: &Report);

    /// A signal ended the waiting.
    fn stopped(&mut self);
}

impl Plan {
    /// Runs the checks; with `--wait` again and again, until they are healthy or the time is up.
    /// Their time began at `started`, before the files of the command line were read.
    pub fn run(&'static self, started: Instant, log: Log, progress: &mut dyn Progress) -> Report {
        let Some(Wait { time, interval }) = self.wait else {
            return Run::new(started, Watchdog::new(started, None, log)).once(&self.expr, None);
        };
        let deadline = Deadline::new(started, time);
        let signals = signal::stop();
        // Progress tells what is waited for.
        let log = Log { waiting: false, ..log };
        let mut run = Run::new(started, Watchdog::new(started, signals, log));
        let mut report = run.once(&self.expr, Some(deadline));
        loop {
            let Some(rest) = deadline.remaining().filter(|_| !report.healthy) else {
                return report;
            };
            progress.unhealthy(&report);
            // Where the time is not enough for a whole interval, each try has a quarter of what is left.
            let last = rest <= interval;
            let pause = match last {
                true if rest > SHORTEST => rest / 4 * 3,
                true => rest,
                false => interval,
            };
            if wait::pause(signals, pause) {
                progress.stopped();
                return report;
            }
            if deadline.remaining().is_none() {
                return report;
            }
            let next = run.once(&self.expr, Some(deadline));
            // So short a try may fail for that alone: then the reason stays the last one.
            if !last || next.healthy {
                report = next;
            }
        }
    }
}

/// What is left of the time of `--wait` when nothing more is tried.
const SHORTEST: Duration = Duration::from_millis(50);

/// The tries of one call.
struct Run {
    started: Instant,
    watchdog: Watchdog,
    outcomes: Vec<Outcome>,
}

impl Run {
    fn new(started: Instant, watchdog: Watchdog) -> Self {
        Self { started, watchdog, outcomes: Vec::new() }
    }

    fn once(&mut self, expr: &'static Expr, end: Option<Deadline>) -> Report {
        let healthy = self.holds(expr, true, end);
        let outcomes = std::mem::take(&mut self.outcomes);
        Report { healthy, elapsed: self.started.elapsed(), outcomes }
    }

    /// Whether `expr` comes out as `wanted`, and surely so: what came to no end is neither healthy
    /// nor unhealthy. `Not` is carried down to the checks (De Morgan), so that each line says
    /// whether its check did its part.
    fn holds(&mut self, expr: &'static Expr, wanted: bool, end: Option<Deadline>) -> bool {
        match expr {
            Expr::Checks(quorum, entries) => {
                let found = self.watchdog.run(entries, end);
                let mut held = 0;
                for (entry, (verdict, elapsed)) in entries.iter().zip(found) {
                    let verdict = if wanted { verdict } else { contrary(verdict) };
                    held += usize::from(verdict.is_ok());
                    let (label, kind) = (entry.label.as_str(), entry.kind);
                    self.outcomes.push(Outcome { label, kind, verdict, elapsed });
                }
                match (*quorum == Quorum::All) == wanted {
                    true => held > 0 && held == entries.len(),
                    false => held > 0,
                }
            }
            Expr::Settled(healthy, words) => {
                let verdict = match *healthy == wanted {
                    true => Healthy::saw("nothing is checked"),
                    false => Err(Failure::mismatch("nothing", "is checked", "a check")),
                };
                let healthy = verdict.is_ok();
                let elapsed = Duration::ZERO;
                self.outcomes.push(Outcome { label: words, kind: "", verdict, elapsed });
                healthy
            }
            Expr::Not(inner) => self.holds(inner, !wanted, end),
            Expr::And(parts) => self.holds_each(parts, wanted, wanted, end),
            Expr::Or(parts) => self.holds_each(parts, !wanted, wanted, end),
            Expr::Within(time, inner) => {
                let within = Deadline::after(*time);
                self.holds(inner, wanted, Some(end.map_or(within, |end| end.min(within))))
            }
        }
    }

    /// Tries one after another whether each (`all`), or else one, comes out as `wanted`.
    fn holds_each(
        &mut self,
        parts: &'static [Expr],
        all: bool,
        wanted: bool,
        end: Option<Deadline>,
    ) -> bool {
        for part in parts {
            if self.holds(part, wanted, end) != all {
                return !all;
            }
        }
        all && !parts.is_empty()
    }
}

/// The verdict where the contrary is wanted.
fn contrary(verdict: Verdict) -> Verdict {
    match verdict {
        Ok(seen) => Err(Failure::mismatch("got", &seen.0, "it unhealthy")),
        Err(failure) => match failure.cause() {
            Cause::Timeout | Cause::Signal | Cause::Setup => Err(failure),
            Cause::System(_) | Cause::Protocol | Cause::Mismatch => {
                Healthy::saw(["unhealthy, as wanted: ", failure.words()].concat())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Options, Text};

    const SILENT: Log = Log { line: |_| {}, verbose: false, waiting: false };

    fn checks(quorum: Quorum, targets: &[&str]) -> Expr {
        let entry = |target: &&str| {
            Entry::parse(&Text::plain(*target), Options::new(&[], &[]), &mut Vec::new())
                .expect(target)
                .0
        };
        Expr::Checks(quorum, targets.iter().map(entry).collect())
    }

    const UP: &str = "file:///proc/self/stat";
    const DOWN: &str = "file:///none";

    fn one(target: &str) -> Expr {
        checks(Quorum::All, &[target])
    }

    fn not(expr: Expr) -> Expr {
        Expr::Not(Box::new(expr))
    }

    /// The verdict, and what was tried, `+` for what did its part.
    fn run(expr: Expr) -> (bool, String) {
        struct Nobody;
        impl Progress for Nobody {
            fn unhealthy(&mut self, _: &Report) {}
            fn stopped(&mut self) {}
        }
        let plan: &'static Plan =
            Box::leak(Box::new(Plan { expr, wait: None, secrets: Vec::new() }));
        let report = plan.run(Instant::now(), SILENT, &mut Nobody);
        let tried = report.outcomes.iter().map(|outcome| {
            let sign = if outcome.verdict.is_ok() { "+" } else { "-" };
            [sign, outcome.label.rsplit('/').next().expect("a name")].concat()
        });
        (report.healthy, tried.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn all_any_and_none() {
        for (quorum, targets, healthy, tried) in [
            (Quorum::All, &[UP, UP][..], true, "+stat +stat"),
            (Quorum::All, &[UP, DOWN], false, "+stat -none"),
            (Quorum::Any, &[DOWN, UP], true, "-none +stat"),
            (Quorum::Any, &[DOWN, DOWN], false, "-none -none"),
            (Quorum::All, &[], false, ""),
            (Quorum::Any, &[], false, ""),
        ] {
            assert_eq!(run(checks(quorum, targets)), (healthy, tried.into()));
        }
        // The contrary of all is one that is not; of any, that none is.
        assert_eq!(run(not(checks(Quorum::All, &[UP, DOWN]))), (true, "-stat +none".into()));
        assert_eq!(run(not(checks(Quorum::Any, &[UP, DOWN]))), (false, "-stat +none".into()));
        assert_eq!(run(not(checks(Quorum::Any, &[DOWN, DOWN]))), (true, "+none +none".into()));
        assert_eq!(run(not(checks(Quorum::Any, &[]))), (false, String::new()));
    }

    #[test]
    fn one_after_another_as_far_as_needed() {
        let and = |parts: &[&str]| Expr::And(parts.iter().map(|part| one(part)).collect());
        let or = |parts: &[&str]| Expr::Or(parts.iter().map(|part| one(part)).collect());
        assert_eq!(run(and(&[UP, UP])), (true, "+stat +stat".into()));
        assert_eq!(run(and(&[DOWN, UP])), (false, "-none".into()));
        assert_eq!(run(or(&[DOWN, UP, UP])), (true, "-none +stat".into()));
        assert_eq!(run(or(&[DOWN, DOWN])), (false, "-none -none".into()));
        assert_eq!((run(and(&[])).0, run(or(&[])).0), (false, false));
        assert_eq!((run(not(and(&[]))).0, run(not(or(&[]))).0), (false, false));
        assert_eq!(run(not(and(&[UP, DOWN, UP]))), (true, "-stat +none".into()));
        assert_eq!(run(not(or(&[DOWN, UP, DOWN]))), (false, "+none -stat".into()));
        assert_eq!(run(not(not(one(UP)))), (true, "+stat".into()));
        let settled = |healthy| Expr::Settled(healthy, "exit".into());
        assert_eq!(run(settled(true)), (true, "+exit".into()));
        assert_eq!(run(Expr::Or(vec![one(DOWN), settled(false)])), (false, "-none -exit".into()));
        assert_eq!(run(not(settled(false))), (true, "+exit".into()));
    }

    #[test]
    fn what_came_to_no_end_is_healthy_neither_way() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let silent = format!("http://{}/x", listener.local_addr().expect("an address"));
        let within = |expr| Expr::Within(Duration::from_millis(100), Box::new(expr));
        let started = Instant::now();
        assert_eq!(run(within(one(&silent))), (false, "-x".into()));
        assert_eq!(run(not(within(one(&silent)))), (false, "-x".into()));
        assert_eq!(run(within(Expr::Or(vec![one(&silent), one(UP)]))), (false, "-x -stat".into()));
        assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        let setup = Failure::mismatch("file", "missing", "one").setup();
        assert_eq!(contrary(Err(setup)).map_err(|failure| failure.cause()), Err(Cause::Setup));
        let words = contrary(Healthy::saw("200 OK")).expect_err("unhealthy");
        assert_eq!(words.words(), "got 200 OK, want it unhealthy");
    }
}
