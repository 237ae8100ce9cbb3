//! The options given to one check: its own, and the defaults that stand before the first target.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Flag, Usage, value};
use crate::text::Wrong;

/// Text from the command line, before and after `${...}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// As typed: what messages show, since what an expansion yields may be a secret.
    pub typed: Vec<u8>,
    /// What it means.
    pub meant: Vec<u8>,
    /// What each `${...}` yielded.
    pub yielded: Vec<Yielded>,
}

/// What one `${...}` yielded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Yielded {
    /// This.
    pub bytes: Vec<u8>,
    /// Whether it is a file's content.
    pub file: bool,
    /// Whether it stands in a target behind the authority: in path or query.
    pub in_path: bool,
}

impl Text {
    /// Text without expansions: it means what is typed.
    pub fn plain(text: impl Into<Vec<u8>>) -> Self {
        let typed = text.into();
        Self { meant: typed.clone(), typed, yielded: Vec::new() }
    }

    /// As typed, for messages.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.typed).into_owned()
    }
}

/// One option as given.
#[derive(Debug, Clone)]
pub struct Given {
    /// Which.
    pub flag: Flag,
    /// Its value; `None` for those without, and for an optional one left out.
    pub value: Option<Text>,
}

/// Where an option stands; what is nearer to the check counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Before the first target.
    Default,
    /// Behind the target.
    Own,
}

/// What one check may take from. What is taken is gone; [`Options::finish`] refuses what is left.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// The defaults in front.
    given: Vec<(Scope, &'a Given)>,
}

impl<'a> Options<'a> {
    /// What stands behind a target, and before the first one.
    pub fn new(own: &'a [Given], defaults: &'a [Given]) -> Self {
        let mut given = Vec::new();
        for (scope, some) in [(Scope::Default, defaults), (Scope::Own, own)] {
            for one in some {
                given.push((scope, one));
            }
        }
        Self { given }
    }

    /// The same, with `more` where nothing else is given: what a URL amounts to.
    pub fn or(mut self, more: &'a [Given]) -> Self {
        for one in more {
            if self.scope(one.flag).is_none() {
                self.given.insert(0, (Scope::Default, one));
            }
        }
        self
    }

    /// What has not been taken yet.
    pub(super) fn left(&self) -> impl Iterator<Item = &'a Given> {
        self.given.iter().map(|(_, one)| *one)
    }

    /// Where the value of `flag` stands that counts: the check's own, or else a default. To be asked
    /// before it is taken.
    pub fn scope(&self, flag: Flag) -> Option<Scope> {
        self.given.iter().rev().find(|(_, one)| one.flag == flag).map(|(scope, _)| *scope)
    }

    /// Whether `flag` is given; takes it.
    pub fn has(&mut self, flag: Flag) -> bool {
        let given = self.scope(flag).is_some();
        // What is no value cannot be a wrong one.
        let _ = self.take(flag, &mut |_, _| Ok(()));
        given
    }

    /// Moves all values of `flag` out and through `read`, which is told whether a value counts.
    fn take(&mut self, flag: Flag, read: Read<'_>) -> Result<(), Usage> {
        let counts = self.scope(flag);
        let mut i = 0;
        // Not retain(): 1,100 bytes.
        while let Some((scope, one)) = self.given.get(i).copied() {
            if one.flag != flag {
                i += 1;
                continue;
            }
            self.given.remove(i);
            let value = one.value.as_ref().map_or(&[][..], |text| &text.meant);
            read(value, Some(scope) == counts).map_err(|words| wrong(flag, &words))?;
        }
        Ok(())
    }

    /// The values of `flag`, each through `parse`, which says in words what is wanted.
    pub fn each<T>(&mut self, flag: Flag, parse: Parse<T>) -> Result<Vec<T>, Usage> {
        let mut all = Vec::new();
        self.take(flag, &mut |value, counts| {
            let value = parse(value)?;
            if counts {
                all.push(value);
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// The value of `flag` through `parse`. One that it replaces is read as well.
    pub fn last<T>(&mut self, flag: Flag, parse: Parse<T>) -> Result<Option<T>, Usage> {
        let mut last = None;
        self.take(flag, &mut |value, _| {
            last = Some(parse(value)?);
            Ok(())
        })?;
        Ok(last)
    }

    /// Refuses what the check of `label` did not take of its own. What it left of the defaults is
    /// returned: some other check may take it.
    pub fn finish(self, label: &str) -> Result<Vec<Flag>, Usage> {
        match self.given.iter().find(|(scope, _)| *scope == Scope::Own) {
            Some((_, left)) => {
                Err(Usage::new([label, ": does not take ", &left.flag.spelled()].concat()))
            }
            None => Ok(self.left().map(|left| left.flag).collect()),
        }
    }

    /// The last value as text.
    pub fn text(&mut self, flag: Flag) -> Result<Option<String>, Usage> {
        self.last(flag, |value| value::utf8(value).map(str::to_owned))
    }

    /// The last value as a path, any bytes but none at all.
    pub fn path(&mut self, flag: Flag) -> Result<Option<PathBuf>, Usage> {
        self.last(flag, |value| match value {
            [] => Err("a path is wanted".into()),
            path => Ok(OsString::from_vec(path.to_vec()).into()),
        })
    }

    /// The last value as a duration.
    pub fn duration(&mut self, flag: Flag) -> Result<Option<Duration>, Usage> {
        self.last(flag, value::duration)
    }

    /// The last value as a whole number.
    pub fn number(&mut self, flag: Flag) -> Result<Option<u64>, Usage> {
        self.last(flag, value::number)
    }
}

/// Hears of each value of an option, and whether it counts or is replaced by another.
type Read<'a> = &'a mut dyn FnMut(&[u8], bool) -> Result<(), Wrong>;

/// Reads a value, or says in words what is wanted. A function, not a closure: each kind of value
/// is compiled once.
pub type Parse<T> = fn(&[u8]) -> Result<T, Wrong>;

fn wrong(flag: Flag, words: &str) -> Usage {
    Usage::new(format!("{}: {words}", flag.spelled()))
}

/// Options for the tests of the checks: flags with their values, all the check's own.
#[cfg(test)]
pub(crate) fn given(options: &[(Flag, &str)]) -> Vec<Given> {
    let one =
        |(flag, value): &(Flag, &str)| Given { flag: *flag, value: Some(Text::plain(*value)) };
    options.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_override_defaults_and_both_are_taken() {
        let own = given(&[(Flag::Status, "200"), (Flag::Status, "204")]);
        let defaults = given(&[(Flag::Status, "500"), (Flag::Timeout, "3s"), (Flag::Udp, "")]);
        let mut options = Options::new(&own, &defaults);
        assert_eq!(options.scope(Flag::Status), Some(Scope::Own));
        assert_eq!(options.scope(Flag::Udp), Some(Scope::Default));
        assert_eq!(options.text(Flag::Status), Ok(Some("204".into())));
        assert_eq!(options.duration(Flag::Timeout), Ok(Some(Duration::from_secs(3))));
        assert_eq!((options.scope(Flag::Status), options.text(Flag::Status)), (None, Ok(None)));
        assert_eq!(options.finish("x"), Ok(vec![Flag::Udp]));
    }

    #[test]
    fn repeated_values_are_the_checks_own_or_else_the_defaults() {
        let own = given(&[(Flag::Header, "c")]);
        let defaults = given(&[(Flag::Header, "a"), (Flag::Header, "b"), (Flag::Expect, "d")]);
        let mut options = Options::new(&own, &defaults);
        assert_eq!(options.each(Flag::Header, value::text), Ok(vec![b"c".to_vec()]));
        assert_eq!(options.each(Flag::Expect, value::text), Ok(vec![b"d".to_vec()]));
        let mut options = Options::new(&[], &defaults);
        assert_eq!(options.each(Flag::Header, value::text), Ok(vec![b"a".to_vec(), b"b".to_vec()]));
    }

    #[test]
    fn a_value_that_another_replaces_is_read_too() {
        let (own, defaults) = (given(&[(Flag::Wait, "2s")]), given(&[(Flag::Wait, "bad")]));
        assert!(Options::new(&own, &defaults).duration(Flag::Wait).is_err());
        assert!(Options::new(&own, &defaults).each(Flag::Wait, value::duration).is_err());
        assert!(Options::new(&own, &own).duration(Flag::Wait).is_ok());
    }

    #[test]
    fn what_is_left_is_refused_by_name() {
        let own = given(&[(Flag::Udp, "")]);
        let wrong = Options::new(&own, &[]).finish("file:///x").expect_err("accepted");
        assert_eq!(wrong.to_string(), "file:///x: does not take --udp");
    }

    #[test]
    fn a_wrong_value_names_its_option() {
        let own = given(&[(Flag::Timeout, "soon")]);
        let mut options = Options::new(&own, &[]);
        let message = options.duration(Flag::Timeout).expect_err("accepted").to_string();
        assert!(message.starts_with("--timeout: "), "{message}");
    }
}
