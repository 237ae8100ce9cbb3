//! The kinds of checks: what each of them can do, and what all of them have.

pub mod dns;
mod entry;
pub mod http;
pub mod json;
pub mod kinds;
pub mod local;
mod schemes;
#[cfg(feature = "services")]
pub mod service;
pub mod stream;
pub mod udp;

use crate::attempt::Attempt;
use crate::input::{Options, Target, Usage};
use crate::verdict::Verdict;

pub use entry::{Entry, TIMEOUT};

/// One thing to check. Not `Debug`: what can be called through a pointer is linked, and so was all
/// that shows a check for debugging, 24 KB in an ordinary build.
pub trait Check: Send + Sync {
    /// Makes the check of `target`; it takes the options that it has use for.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage>
    where
        Self: Sized;

    /// Carries the check out. It ends by the attempt's deadline.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict;
}
