//! What a check was asked, as typed values: the flag rows, the options given, the target.
//!
//! Filled by `cli`, read by the checks; knows neither.

pub mod address;
pub mod application;
pub mod flags;
pub mod options;
pub mod pattern;
pub mod secret;
pub mod target;
pub mod value;

use std::fmt;

use crate::text::Wrong;

pub use address::Address;
pub use flags::Flag;
pub use options::{Given, Options, Scope, Text, Yielded};
pub use target::{Authority, Host, Scheme, Secure, Target};

/// What is wrong with the command line, and what is wanted; printed after `healthcheck: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage(Wrong);

impl Usage {
    /// This is wrong with it.
    pub fn new(words: impl Into<Wrong>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
