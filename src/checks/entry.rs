//! One check of a call, with what every check has.

use std::fmt;
use std::time::Duration;

use super::{Check, kinds};
use crate::attempt::Attempt;
use crate::input::application::{self, Application, Url};
use crate::input::{
    Flag, Given, Options, Scheme, Secure, Target, Text, Usage, secret, target, value,
};
use crate::net::tls;
use crate::verdict::{Failure, Healthy, Step, Verdict, brief, quote};

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
        let options = options.or(&more);
        let last = urls.pop();
        let mut blocks = false;
        let mut check = |text: &Text, options: &mut Options<'_>| {
            let (kind, target) = kinds::read(text)?;
            secrets.append(&mut secret::secrets(text, &target, options));
            blocks |= may_block(&target, options);
            let check = (kind.parse)(&target, options)?;
            Ok((target, check))
        };
        // Where the caller says whom to dial, each is asked there.
        let dialled = options.scope(Flag::ConnectTo).is_some();
        let socket = |url: &'_ Url| url.socket.clone().filter(|_| !dialled);
        let mut checks = Vec::new();
        for url in &urls {
            let socket = socket(url);
            let mut options = options.clone().or(socket.as_slice());
            let (target, check) = check(&url.text, &mut options)?;
            checks.push((host(&target, socket.as_ref())?, check));
        }
        let socket = last.as_ref().and_then(socket);
        let mut options = options.or(socket.as_slice());
        let (target, last) = check(last.as_ref().map_or(text, |url| &url.text), &mut options)?;
        let name = if checks.is_empty() { String::new() } else { host(&target, socket.as_ref())? };
        checks.push((name, last));
        let timeout = options.last(Flag::Timeout, value::timeout)?.unwrap_or(TIMEOUT);
        let name = options.text(Flag::Name)?.filter(|name| !name.is_empty());
        let name = name.map(|name| brief(&name, target::LABEL));
        let left = options.finish(&target.label)?;
        let (label, kind) = (name.unwrap_or(target.label), target.scheme.name);
        Ok((Self { label, kind, timeout, may_block: blocks, checks }, left))
    }
}

impl Entry {
    /// Carries the check out. Of several hosts one after another is asked until one is healthy; the line
    /// says which. What those that fail at once leave over is there for those that are slow: first all
    /// are asked for a moment, then those again that failed in a way that may come of haste, at last
    /// those that were late.
    pub fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        /// Of the time, one part in so many is for the first look at all.
        const MOMENT: usize = 8;
        // The turns: of all, of those whose failure may come of haste, of those that were late; none.
        const ALL: u8 = 0;
        const HASTY: u8 = 1;
        const LATE: u8 = 2;
        const NONE: u8 = 3;
        if let [(_, check)] = self.checks.as_slice() {
            return check.run(attempt);
        }
        // With each the turn in which it is asked next. Not collect(): 24 bytes.
        let mut hosts = Vec::new();
        for check in &self.checks {
            hosts.push((check, ALL, None));
        }
        let mut open = hosts.len();
        for turn in ALL..=LATE {
            for ((host, check), next, failed) in hosts.iter_mut().filter(|host| host.1 == turn) {
                // What it failed with says more than that no time is left.
                if failed.is_some() && attempt.remaining().is_none() {
                    break;
                }
                let parts = if turn == ALL && open > 1 { open * MOMENT } else { open };
                let ask = |part: &Attempt<'_>| (check.run(part), part.remaining().is_some());
                let (failure, timely) = match attempt.part(parts, &ask) {
                    (Ok(Healthy(saw)), _) => return Healthy::saw([host, ": ", &saw].concat()),
                    (Err(failure), timely) => (failure, timely),
                };
                *next = match failure.step() {
                    _ if !timely && turn < LATE => LATE,
                    _ if !timely => NONE,
                    // It refuses, or it answered.
                    Step::Connect | Step::Judge => NONE,
                    _ if turn == ALL => HASTY,
                    _ => NONE,
                };
                open -= usize::from(*next == NONE);
                *failed = Some(failure.of(host));
            }
        }
        let mut all: Option<Failure> = None;
        for (_, _, failed) in hosts {
            all = match (all, failed) {
                (Some(all), Some(failed)) => Some(all.with(failed.words())),
                (all, failed) => all.or(failed),
            };
        }
        Err(all.unwrap_or_else(|| attempt.protocol("no host")))
    }
}

/// The host of one of several targets, with its port where it is no usual one; or its socket.
fn host(target: &Target, socket: Option<&Given>) -> Result<String, Usage> {
    if let Some(Given { value: Some(path), .. }) = socket {
        return Ok(quote(path.shown().as_bytes()));
    }
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
