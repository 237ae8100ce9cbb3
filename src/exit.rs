//! The only table of exit codes.
//!
//! Docker's contract for HEALTHCHECK: 0 is healthy, 1 is unhealthy, 2 is reserved and must not be
//! used. Kubernetes, Podman, ECS and systemd read 0 as success and everything else as failure.
//! Consul's and Nomad's script checks read 1 as a warning, which keeps the instance in service, and
//! 2 and more as critical: for them there is `--fail-code`.

use std::num::NonZeroU8;
use std::process::ExitCode;

/// What the process says with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: healthy; or the help, the version or the copy that was asked for, or the end of `--hold`.
    Healthy,
    /// 1, or what `--fail-code` says: unhealthy, or in doubt; wrong command lines too.
    Unhealthy(FailCode),
}

/// `--fail-code N`: never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailCode(NonZeroU8);

impl FailCode {
    /// From 1 to 255.
    pub fn new(code: u64) -> Option<Self> {
        u8::try_from(code).ok().and_then(NonZeroU8::new).map(Self)
    }
}

impl Default for FailCode {
    fn default() -> Self {
        Self(NonZeroU8::MIN)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Healthy => ExitCode::SUCCESS,
            Exit::Unhealthy(FailCode(code)) => code.get().into(),
        }
    }
}
