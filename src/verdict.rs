//! What a check found: healthy with what was seen, or why not, step by step.

use std::fmt;
use std::io;
use std::time::Duration;

pub use crate::quote::{brief, escape, hide, quote, titled};

/// The answer of one check.
pub type Verdict = Result<Healthy, Failure>;

/// What was seen, for the line of a healthy check: `204 No Content`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthy(pub String);

impl Healthy {
    /// A healthy verdict that saw `what`.
    pub fn saw(what: impl Into<String>) -> Verdict {
        Ok(Self(what.into()))
    }
}

/// What a check is doing; with what it does it to, a [`Stage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A name is looked up.
    Resolve,
    /// A connection is being opened.
    Connect,
    /// TLS is being agreed upon.
    Handshake,
    /// The request is on its way.
    Send,
    /// The answer is awaited or read.
    Read,
    /// A file, or something under `/proc`, is opened or read.
    Open,
    /// Everything was read and is weighed.
    Judge,
}

impl Step {
    /// The word for JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Step::Resolve => "resolve",
            Step::Connect => "connect",
            Step::Handshake => "handshake",
            Step::Send => "send",
            Step::Read => "read",
            Step::Open => "open",
            Step::Judge => "judge",
        }
    }
}

/// A step and its object: an address, a name, a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What is being done.
    pub step: Step,
    /// To what: `127.0.0.1:6379`, `api`, `/run/app.pid`.
    pub at: String,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            Step::Resolve => "resolving ",
            Step::Connect => "connecting to ",
            Step::Handshake => "TLS handshake with ",
            Step::Send => "sending to ",
            Step::Read => "reading from ",
            Step::Open => "opening ",
            Step::Judge => "judging ",
        })?;
        f.write_str(&self.at)
    }
}

/// What kind of reason a failure has: for machines, where the words are for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The deadline came first.
    Timeout,
    /// A signal came first, with `--wait`.
    Signal,
    /// The system refused, with this number (errno(3)).
    System(i32),
    /// The peer broke its protocol or a limit, or named a fault of its own.
    Protocol,
    /// Something was found that is not what was wanted.
    Mismatch,
    /// Nothing could be checked: a file that an option names is missing, or this flavour lacks what
    /// it takes. Whoever wrote the command line has to act, not whoever runs the service.
    Setup,
}

impl Cause {
    /// The word for JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Timeout => "timeout",
            Cause::Signal => "signal",
            Cause::System(_) => "system",
            Cause::Protocol => "protocol",
            Cause::Mismatch => "mismatch",
            Cause::Setup => "setup",
        }
    }
}

/// Why a check is unhealthy: the step that did not succeed, the cause, and the words for it. No two
/// causes share a message. Boxed, since it is passed up through every call and hardly ever made.
#[derive(Debug)]
pub struct Failure(Box<(Step, Cause, String)>);

impl Failure {
    fn new(step: Step, cause: Cause, words: String) -> Self {
        Self(Box::new((step, cause, words)))
    }

    /// `stage` went wrong in this way: the peer broke its protocol, or a limit, or named a fault
    /// of its own.
    pub fn at(stage: &Stage, wrong: &str) -> Self {
        Self::new(stage.step, Cause::Protocol, format!("{stage}: {wrong}"))
    }

    /// The system refused; its own words and number are kept. An error without a number is one in
    /// our own words.
    pub fn io(stage: &Stage, source: &io::Error) -> Self {
        let mut failure = Self::at(stage, &source.to_string());
        failure.0.1 = source.raw_os_error().map_or(Cause::Protocol, Cause::System);
        failure
    }

    /// The deadline came first, `after` this long; without a time, a signal did.
    pub fn timed_out(stage: &Stage, after: Option<Duration>) -> Self {
        let (cause, words) = match after {
            Some(after) => (Cause::Timeout, format!("timed out after {}", Span(after))),
            None => (Cause::Signal, "stopped by a signal".to_owned()),
        };
        // Of the steps this one alone is called by a noun.
        let during = if stage.step == Step::Handshake { "in the" } else { "while" };
        Self::new(stage.step, cause, format!("{words} {during} {stage}"))
    }

    /// Something was found that is not what was wanted: `status 503, want 200-399`.
    pub fn mismatch(what: &str, got: &str, want: &str) -> Self {
        Self::new(Step::Judge, Cause::Mismatch, format!("{what} {got}, want {want}"))
    }

    /// Something was found without a `text`; the start of it is shown.
    pub fn lacks(what: &str, got: &str, text: &[u8], seen: &[u8]) -> Self {
        Self::mismatch(what, got, &format!("\"{}\" in it", quote(text))).with(&quote(seen))
    }

    /// Something was found with a `text` that must not be there; the start of it is shown.
    pub fn holds(what: &str, got: &str, text: &[u8], seen: &[u8]) -> Self {
        let want = ["it without \"", &quote(text), "\""].concat();
        Self::mismatch(what, got, &want).with(&quote(seen))
    }

    /// The same words, about a set-up that cannot be checked: see [`Cause::Setup`]. What came to no
    /// end may still be in order.
    pub fn setup(mut self) -> Self {
        if !matches!(self.0.1, Cause::Timeout | Cause::Signal) {
            self.0.1 = Cause::Setup;
        }
        self
    }

    /// Adds more words behind a colon; none when they are empty.
    pub fn with(mut self, more: &str) -> Self {
        if !more.is_empty() {
            self.0.2.push_str(": ");
            self.0.2.push_str(more);
        }
        self
    }

    /// Says in front whose failure it is.
    pub fn of(mut self, whose: &str) -> Self {
        self.0.2 = [whose, ": ", &self.0.2].concat();
        self
    }

    /// The step that did not succeed.
    pub fn step(&self) -> Step {
        self.0.0
    }

    /// The kind of reason.
    pub fn cause(&self) -> Cause {
        self.0.1
    }

    /// The words.
    pub fn words(&self) -> &str {
        &self.0.2
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A duration as people write it: `3 s`, `1.5 s`, `250 ms`, `7500 s (2 h)`.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = millis(self.0);
        if ms < 1000 {
            return write!(f, "{ms} ms");
        }
        let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
        if tenths != 0 && seconds < 60 {
            return write!(f, "{seconds}.{tenths} s");
        }
        write!(f, "{seconds} s")?;
        // Who reads 259200 s does not see three days.
        for (unit, size) in [("d", 86_400), ("h", 3600), ("min", 60)] {
            if seconds >= 2 * size {
                return write!(f, " ({} {unit})", seconds / size);
            }
        }
        Ok(())
    }
}

/// Whole milliseconds, in the 64 bits that they fit into.
pub fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000).saturating_add(time.subsec_millis().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(step: Step, at: &str) -> Stage {
        Stage { step, at: at.into() }
    }

    #[test]
    fn each_failure_reads_as_the_specification_says() {
        let io = Failure::io(
            &stage(Step::Connect, "127.0.0.1:6379"),
            &io::Error::from_raw_os_error(111),
        );
        assert_eq!(io.words(), "connecting to 127.0.0.1:6379: Connection refused (os error 111)");
        assert_eq!((io.step(), io.cause()), (Step::Connect, Cause::System(111)));
        let status = Failure::mismatch("status", "503", "200-399");
        assert_eq!(status.cause(), Cause::Mismatch);
        assert_eq!(
            status.with(&quote(br#"{"db":"timeout"}"#)).with("").words(),
            r#"status 503, want 200-399: {"db":"timeout"}"#
        );
        let late = Failure::timed_out(&stage(Step::Resolve, "api"), Some(Duration::from_secs(3)));
        assert_eq!(late.cause(), Cause::Timeout);
        assert_eq!(late.words(), "timed out after 3 s while resolving api");
        let odd = Failure::at(&stage(Step::Read, "[::1]:80"), "not HTTP");
        assert_eq!(odd.to_string(), "reading from [::1]:80: not HTTP");
        assert_eq!(odd.cause(), Cause::Protocol);
        let missing = odd.setup();
        assert_eq!(missing.to_string(), "reading from [::1]:80: not HTTP");
        assert_eq!(missing.cause(), Cause::Setup);
        let late = Failure::timed_out(&stage(Step::Open, "/ca.pem"), Some(Duration::from_secs(3)));
        assert_eq!(late.setup().cause(), Cause::Timeout);
        let own = Failure::io(&stage(Step::Open, "/x"), &io::Error::other("want a regular file"));
        assert_eq!(own.cause(), Cause::Protocol);
    }

    #[test]
    fn spans() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (1500, "1.5 s"),
            (61_900, "61 s"),
            (120_000, "120 s (2 min)"),
            (7_199_000, "7199 s (119 min)"),
            (7_200_000, "7200 s (2 h)"),
            (259_200_000, "259200 s (3 d)"),
        ] {
            assert_eq!(Span(Duration::from_millis(ms)).to_string(), text);
        }
    }

    #[test]
    fn each_cause_has_its_word() {
        use Cause::*;
        let words = [Timeout, Signal, System(5), Protocol, Mismatch, Setup].map(Cause::word);
        assert_eq!(words, ["timeout", "signal", "system", "protocol", "mismatch", "setup"]);
    }

    #[test]
    fn each_step_has_its_word_and_its_phrase() {
        use Step::*;
        let steps = [Resolve, Connect, Handshake, Send, Read, Open, Judge];
        let words = steps.map(Step::word);
        assert_eq!(words, ["resolve", "connect", "handshake", "send", "read", "open", "judge"]);
        let late = steps.map(|step| Failure::timed_out(&stage(step, "x"), None).to_string());
        let mut distinct = late.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), steps.len(), "{late:?}");
    }
}
