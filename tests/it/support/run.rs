//! The one way in which tests run the executable.

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::exe::exe;

/// What a run left behind.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit code; `None` for a signal.
    pub code: Option<i32>,
    /// stdout.
    pub out: String,
    /// stderr.
    pub err: String,
    /// From start to end.
    pub took: Duration,
}

impl Run {
    /// stderr, but for the notices of what takes longer than a second: a busy machine's checks do, as
    /// do most that are emulated.
    fn complaint(&self) -> &str {
        let notices = self.err.lines().all(|line| line.starts_with("waiting: "));
        if notices && self.took > Duration::from_secs(1) { "" } else { &self.err }
    }

    /// Healthy: exit code 0, nothing on stderr, and this on stdout.
    #[track_caller]
    pub fn healthy(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.complaint()), (Some(0), ""), "{self:?}");
        assert!(self.out.starts_with("healthy: ") && self.out.contains(part), "{part:?}: {self:?}");
        self
    }

    /// Unhealthy: exit code 1, nothing on stderr, one line with this in it on stdout.
    #[track_caller]
    pub fn unhealthy(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.complaint()), (Some(1), ""), "{self:?}");
        assert!(
            self.out.starts_with("unhealthy: ") && self.out.contains(part),
            "{part:?}: {self:?}"
        );
        assert_eq!(self.out.matches('\n').count(), 1, "{self:?}");
        self
    }

    /// A fault of the set-up, not of the service: exit code 1, nothing on stderr, one line on stdout.
    #[track_caller]
    pub fn setup(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.complaint()), (Some(1), ""), "{self:?}");
        assert!(
            self.out.starts_with("healthcheck: ") && self.out.contains(part),
            "{part:?}: {self:?}"
        );
        assert_eq!(self.out.matches('\n').count(), 1, "{self:?}");
        self
    }

    /// A usage error: exit code 1, nothing on stdout, one line with this in it on stderr.
    #[track_caller]
    pub fn usage(&self, part: &str) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (Some(1), ""), "{self:?}");
        assert!(
            self.err.starts_with("healthcheck: ") && self.err.contains(part),
            "{part:?}: {self:?}"
        );
        assert_eq!(self.err.matches('\n').count(), 1, "{self:?}");
        self
    }

    /// Unhealthy, and this is the whole line behind the target.
    #[track_caller]
    pub fn unhealthy_for(&self, target: &str, why: &str) -> &Self {
        assert_eq!(self.out, format!("unhealthy: {target}: {why}\n"), "{self:?}");
        self.unhealthy("")
    }

    /// Ended within `most`, with room for a busy machine: bounds are tested far above the timeout.
    #[track_caller]
    pub fn within(&self, most: Duration) -> &Self {
        assert!(self.took < most, "{self:?}");
        self
    }
}

/// A command with a cleared environment and nothing on stdin.
pub fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(exe());
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs the executable to its end.
pub fn check(args: &[&str]) -> Run {
    run(&mut command(args))
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let started = Instant::now();
    let output = command.output().expect("the executable starts");
    Run {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
        err: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        took: started.elapsed(),
    }
}

/// Runs one check that must be healthy; what it saw, without target and time.
#[track_caller]
pub fn healthy(args: &[&str]) -> String {
    let line = detail(args, check(args).healthy(""));
    line.rsplit_once(" in ").expect("a time").0.to_owned()
}

/// Runs one check that must be unhealthy; why it is, without the target.
#[track_caller]
pub fn unhealthy(args: &[&str]) -> String {
    detail(args, check(args).unhealthy(""))
}

/// The line behind the verdict and the target, whose credentials are masked.
#[track_caller]
fn detail(args: &[&str], run: &Run) -> String {
    let target = args.iter().find(|arg| arg.contains("://")).expect("a target");
    let label = match target.rsplit_once('@') {
        Some((before, host)) => {
            format!("{}://***@{host}", before.split("://").next().expect("a scheme"))
        }
        None => (*target).to_owned(),
    };
    let line = run.out.strip_suffix('\n').expect("a line");
    let (_, rest) = line.split_once(": ").expect("a verdict");
    let detail = rest.strip_prefix(&label).and_then(|rest| rest.strip_prefix(": "));
    detail.unwrap_or_else(|| panic!("{label}: {run:?}")).to_owned()
}

/// `argument` repeated to `length` bytes.
pub fn long(length: usize) -> OsString {
    "x".repeat(length).into()
}
