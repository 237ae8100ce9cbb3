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

use std::process::ExitCode;

use attempt::Log;
use cli::Command;
use exit::Exit;
use plan::Plan;

/// The whole program.
pub fn main() -> ExitCode {
    report::take_standard_streams();
    let args = std::env::args_os().skip(1).collect();
    let exit = match cli::parse(args, &|name| std::env::var_os(name)) {
        Ok(command) => run(command),
        Err(usage) => {
            report::stderr(&format!("healthcheck: {usage}"));
            Exit::Unhealthy
        }
    };
    exit.into()
}

fn run(command: Command) -> Exit {
    match command {
        Command::Help => {
            report::stdout(&cli::help::help());
            Exit::Healthy
        }
        Command::Version => {
            report::stdout(&cli::help::version());
            Exit::Healthy
        }
        Command::Install(path) => match install::install(&path) {
            Ok(done) => {
                report::stdout(&(done + "\n"));
                Exit::Healthy
            }
            Err(wrong) => {
                report::stderr(&format!("healthcheck: {wrong}"));
                Exit::Unhealthy
            }
        },
        Command::Run(mut plan, output) => {
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
            let report = plan.run(log, &mut report::OnStderr::new(log.waiting));
            report::print(&report, output);
            if report.healthy { Exit::Healthy } else { Exit::Unhealthy }
        }
    }
}
