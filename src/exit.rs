//! The only table of exit codes.
//!
//! Docker's contract for HEALTHCHECK: 0 is healthy, 1 is unhealthy, 2 is reserved and must not be
//! used. Kubernetes, Podman, ECS and Nomad read 0 as success and everything else as failure.

use std::process::ExitCode;

/// What the process says with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Healthy; or the help, the version or the copy that was asked for.
    Healthy,
    /// Unhealthy, or in doubt: usage errors too.
    Unhealthy,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Healthy => ExitCode::SUCCESS,
            Exit::Unhealthy => ExitCode::FAILURE,
        }
    }
}
