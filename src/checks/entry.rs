//! One check of a call, with what every check has.

use std::fmt;
use std::time::Duration;

use super::{Check, kinds};
use crate::input::{Flag, Options, Scheme, Secure, Target, Text, Usage, secret, target, value};
use crate::net::tls;
use crate::verdict::brief;

/// The default of `--timeout`.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// A check with what every check has.
pub struct Entry {
    /// Printed in front of the verdict: the target as typed, or `--name`.
    pub label: String,
    /// The scheme, for JSON output.
    pub kind: &'static str,
    /// What bounds one try.
    pub timeout: Duration,
    /// Whether it touches what the system may hold up for ever: files, sockets with a path, other
    /// processes.
    pub may_block: bool,
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
        let (kind, target) = kinds::read(text)?;
        secrets.append(&mut secret::secrets(text, &target, &options));
        let may_block = may_block(&target, &options);
        let check = (kind.parse)(&target, &mut options)?;
        let timeout = options.last(Flag::Timeout, value::timeout)?.unwrap_or(TIMEOUT);
        let name = options.text(Flag::Name)?.filter(|name| !name.is_empty());
        let name = name.map(|name| brief(&name, target::LABEL));
        let left = options.finish(&target.label)?;
        let (label, kind) = (name.unwrap_or(target.label), target.scheme.name);
        Ok((Self { label, kind, timeout, may_block, check }, left))
    }
}

/// Rather one too many: a thread is all that it costs.
fn may_block(target: &Target, options: &Options<'_>) -> bool {
    let Scheme { opaque, secure, .. } = target.scheme;
    // All that is local, and `unix:`.
    *opaque
        || [Flag::ConnectTo, Flag::Cacert, Flag::Cert, Flag::Key]
            .iter()
            .any(|flag| options.scope(*flag).is_some())
        || *secure != Secure::Never && tls::roots_in_file()
}
