//! One check of a call, with what every check has.

use std::fmt;
use std::time::Duration;

use super::{Check, kinds};
use crate::attempt::Attempt;
use crate::input::application::{self, Application};
use crate::input::{
    Flag, Given, Options, Scheme, Secure, Target, Text, Usage, secret, target, value,
};
use crate::net::tls;
use crate::verdict::{Failure, Healthy, Verdict, brief};

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
    /// The check; of each host where there are several, one of which is enough.
    checks: Vec<(String, Box<dyn Check>)>,
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
        options: Options<'_>,
        secrets: &mut Vec<Vec<u8>>,
    ) -> Result<(Self, Vec<Flag>), Usage> {
        let service = &mut |name: &str| {
            kinds::find(name).map(|(_, scheme)| scheme).filter(|scheme| scheme.is_service())
        };
        let Application { mut urls, options: more } = application::read(text, service)?;
        let mut given = Vec::new();
        for (flag, value) in more {
            given.push(Given { flag, value: Some(Text::plain(value)) });
        }
        let mut options = options.or(&given);
        let last = urls.pop();
        let mut check = |text: &Text, options: &mut Options<'_>| {
            let (kind, target) = kinds::read(text)?;
            secrets.append(&mut secret::secrets(text, &target, options));
            let may_block = may_block(&target, options);
            let check = (kind.parse)(&target, options)?;
            Ok((target, may_block, check))
        };
        let mut checks = Vec::new();
        for url in &urls {
            let (target, _, check) = check(url, &mut options.clone())?;
            checks.push((host(&target)?, check));
        }
        let (target, may_block, last) = check(last.as_ref().unwrap_or(text), &mut options)?;
        let name = if checks.is_empty() { String::new() } else { host(&target)? };
        checks.push((name, last));
        let timeout = options.last(Flag::Timeout, value::timeout)?.unwrap_or(TIMEOUT);
        let name = options.text(Flag::Name)?.filter(|name| !name.is_empty());
        let name = name.map(|name| brief(&name, target::LABEL));
        let left = options.finish(&target.label)?;
        let (label, kind) = (name.unwrap_or(target.label), target.scheme.name);
        Ok((Self { label, kind, timeout, may_block, checks }, left))
    }
}

impl Entry {
    /// Carries the check out. Of several hosts one after another is asked, each in its share of the
    /// time, until one is healthy; the line says which.
    pub fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let mut failed: Option<Failure> = None;
        for (i, (host, check)) in self.checks.iter().enumerate() {
            let named = |words: &str| [host, ": ", words].concat();
            let verdict = match self.checks.len() - i {
                _ if host.is_empty() => return check.run(attempt),
                parts => attempt.part(parts, &|part| check.run(part)),
            };
            match verdict {
                Ok(Healthy(saw)) => return Healthy::saw(named(&saw)),
                Err(failure) => {
                    failed = Some(match failed {
                        None => failure,
                        Some(first) => first.with(&named(failure.words())),
                    });
                }
            }
        }
        Err(failed.unwrap_or_else(|| attempt.protocol("no host")))
    }
}

/// The host of one of several targets, with its port where it is no usual one.
fn host(target: &Target) -> Result<String, Usage> {
    let authority = target.authority()?;
    let host = authority.host.to_string();
    Ok(match authority.port {
        Some(port) => [&host, ":", &port.to_string()].concat(),
        None => host,
    })
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
