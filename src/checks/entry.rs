//! One check of a call, with what every check has.

use std::fmt;
use std::time::Duration;

use super::{Check, kinds};
use crate::input::{Flag, Options, Text, Usage, secret, target, value};
use crate::verdict::brief;

/// A check with what every check has.
pub struct Entry {
    /// Printed in front of the verdict: the target as typed, or `--name`.
    pub label: String,
    /// The scheme, for JSON output.
    pub kind: &'static str,
    /// What bounds one try.
    pub timeout: Duration,
    /// The check.
    pub check: Box<dyn Check>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl Entry {
    /// Makes the check of `text`, with what it takes of `options`. What it leaves of the defaults is
    /// returned; what nobody may quote is added to `secrets`.
    pub fn parse(
        text: &Text,
        mut options: Options<'_>,
        secrets: &mut Vec<Vec<u8>>,
    ) -> Result<(Self, Vec<Flag>), Usage> {
        /// The default of `--timeout`.
        const TIMEOUT: Duration = Duration::from_secs(5);
        let (kind, target) = kinds::read(text)?;
        secrets.append(&mut secret::secrets(text, &target, &options));
        let check = (kind.parse)(&target, &mut options)?;
        let timeout = options.last(Flag::Timeout, value::timeout)?.unwrap_or(TIMEOUT);
        let name = options.text(Flag::Name)?.filter(|name| !name.is_empty());
        let name = name.map(|name| brief(&name, target::LABEL));
        let left = options.finish(&target.label)?;
        let (label, kind) = (name.unwrap_or(target.label), target.scheme.name);
        Ok((Self { label, kind, timeout, check }, left))
    }
}
