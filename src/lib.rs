//! `healthcheck`: one question, answered with the exit code: is this container healthy?
//!
//! The way of the data: argv → [`plan::Plan`] → [`plan::Report`] → exit code.
//! The modules are `pub` for the tests and the fuzzers: none of them is an API, and any may change.
//!
//! | module | owns |
//! |---|---|
//! | [`exit`] | the table of exit codes |
//! | [`dropin`] | words of `curl`, `sh` and the like → an expression over native arguments |
//! | [`cli`] | argv → `Command`, `${...}`, help |
//! | [`plan`] | an expression over checks; runs it |
//! | [`report`] | text and JSON; stdout and stderr |
//! | [`checks`] | the kinds of checks |
//! | [`net`] | endpoints, name resolution, streams, TLS |
//! | [`input`] | flags, options, targets: what a check was asked |
//! | [`watchdog`] | checks in threads that can be left behind |
//! | [`attempt`] | one try under way: deadline, step, log |
//! | [`wait`] | poll(2): until something is ready, a time has passed, a signal came |
//! | [`verdict`] | what a check found: step, cause, words |
//! | [`quote`] | what others said, on one line and without secrets |
//! | [`parallel`] | work that several threads do at the same time |
//! | [`file`] | small files, read without waiting |
//! | [`text`] | searching in text and bytes |
//! | [`wire`] | a cursor over bytes of a protocol |
//! | [`install`] | the copy that `--install` makes |
//! | [`signal`] | SIGTERM, SIGINT and SIGHUP during `--wait` |
//! | [`deadline`] | the moment by which it must have ended |
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        reason = "a test that panics has failed, as it should"
    )
)]

pub mod attempt;
pub mod checks;
pub mod cli;
pub mod deadline;
#[cfg(feature = "drop-in")]
pub mod dropin;
pub mod exit;
pub mod file;
pub mod input;
pub mod install;
pub mod net;
pub mod parallel;
pub mod plan;
pub mod quote;
pub mod report;
pub mod signal;
pub mod text;
pub mod verdict;
pub mod wait;
pub mod watchdog;
pub mod wire;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use attempt::Log;
use cli::{Ahead, Command, Output};
use exit::{Exit, FailCode};
use input::Usage;
use plan::Plan;
use verdict::Span;

/// The whole program.
pub fn main() -> ExitCode {
    if report::take_standard_streams() {
        signal::defer_full_files();
    }
    let args: Vec<_> = std::env::args_os().collect();
    #[cfg(feature = "drop-in")]
    if let Some(named) = dropin::Named::of(&args) {
        let (fail, time) = (FailCode::default(), named.waits());
        let ready = move || named.command(&|name| std::env::var_os(name));
        return started(Box::new(ready), "$(cat ...)", time, fail).into();
    }
    let args = args.into_iter().skip(1).collect();
    let exit = match cli::words(args, &|name| std::env::var_os(name)) {
        Ok(words) => {
            let ahead = Ahead::of(&words);
            if ahead.installs {
                signal::defer_all();
            }
            let what = if ahead.installs { "--install" } else { "${file:...}" };
            let ready = move || cli::understand(words, ahead, &|name| std::env::var_os(name));
            started(Box::new(ready), what, ahead.waits(), ahead.fail)
        }
        Err(usage) => refused(&usage, FailCode::default()),
    };
    exit.into()
}

fn refused(usage: &Usage, code: FailCode) -> Exit {
    report::stderr(&format!("healthcheck: {usage}"));
    Exit::Unhealthy(code)
}

/// Understands the command line, in `time` where it makes files be waited for, and does what it
/// says.
fn started(
    understand: Box<dyn FnOnce() -> Result<Command, Usage> + Send>,
    what: &str,
    time: Option<Duration>,
    fail: FailCode,
) -> Exit {
    let ready = move || {
        Ok(match understand()? {
            Command::Help(kind) => Ready::Say(cli::help::help(kind)),
            Command::Version => Ready::Say(cli::help::version()),
            Command::Explain(words) => Ready::Say(report::list(&words)),
            Command::Install(path) => {
                Ready::Say(install::install(&path).map_err(Usage::new)? + "\n")
            }
            Command::Hold => Ready::Hold,
            Command::Run(plan, output) => Ready::Run(plan, output),
        })
    };
    let begun = Instant::now();
    let done = match time {
        None => ready(),
        Some(time) => match watchdog::bounded(time, ready) {
            Ok(Some(done)) => done,
            Ok(None) => Err(Usage::new(format!(
                "{what}: timed out after {} while waiting for the file system",
                Span(time)
            ))),
            Err(error) => Err(Usage::new(format!("{what}: a thread is wanted for it: {error}"))),
        },
    };
    match done {
        Ok(Ready::Say(text)) => {
            report::stdout(&text);
            Exit::Healthy
        }
        Ok(Ready::Hold) => hold(),
        Ok(Ready::Run(plan, output)) => run(plan, output, begun),
        Err(usage) => refused(&usage, fail),
    }
}

/// What is left to do once no file of the command line has to be waited for.
enum Ready {
    /// This is to be printed.
    Say(String),
    /// `--hold`
    Hold,
    /// Checks.
    Run(Plan, Output),
}

/// Runs the checks, whose time began at `begun`.
fn run(mut plan: Plan, output: Output, begun: Instant) -> Exit {
    verdict::hide(std::mem::take(&mut plan.secrets));
    let log = Log {
        // Without --verbose it is only what is waited for.
        line: if output.verbose { report::stderr } else { report::notice },
        verbose: output.verbose,
        waiting: !output.json && !output.quiet,
    };
    // Threads that are left behind go on with it; and the end of the process frees faster:
    // two system calls and some 3,000 instructions.
    let plan: &'static Plan = Box::leak(Box::new(plan));
    let report = plan.run(begun, log, &mut report::OnStderr::new(log.waiting));
    report::print(&report, output);
    if report.healthy { Exit::Healthy } else { Exit::Unhealthy(output.fail) }
}

/// Lives until a signal comes. Process 1 of a container hears only of those that it asks for.
fn hold() -> Exit {
    let Some(signals) = signal::stop() else {
        report::stderr("healthcheck: --hold: the system has no signalfd");
        return Exit::Unhealthy(FailCode::default());
    };
    while !wait::pause(Some(signals), Duration::from_secs(86_400)) {}
    Exit::Healthy
}
