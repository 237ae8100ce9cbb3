//! The options given to one check: its own, and the defaults that stand before the first target.

use std::cell::Cell;
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
    /// What each `${...}` yielded, and whether a file did.
    pub yielded: Vec<(bool, Vec<u8>)>,
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
    /// Whether a check took it.
    pub taken: Cell<bool>,
}

/// What one check may take from. What no check takes is a usage error (`cli` sees to it).
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// After the target: these override.
    pub own: &'a [Given],
    /// Before the first target.
    pub defaults: &'a [Given],
}

impl<'a> Options<'a> {
    /// The values of `flag`: the check's own, or else the defaults. Empty for those without one.
    fn values(&self, flag: Flag) -> Vec<&'a [u8]> {
        let mut found = Vec::new();
        // Both are gone through: a default that is overridden was taken all the same.
        for given in [self.defaults, self.own] {
            let mut first = true;
            for one in given.iter().filter(|one| one.flag == flag) {
                one.taken.set(true);
                if first {
                    found.clear();
                    first = false;
                }
                found.push(one.value.as_ref().map_or(&[][..], |text| &text.meant));
            }
        }
        found
    }

    /// Whether `flag` is given.
    pub fn has(&self, flag: Flag) -> bool {
        !self.values(flag).is_empty()
    }

    /// The values of `flag`, each through `parse`, which says in words what is wanted.
    pub fn each<T>(&self, flag: Flag, parse: Parse<T>) -> Result<Vec<T>, Usage> {
        let mut all = Vec::new();
        for value in self.values(flag) {
            all.push(parse(value).map_err(|words| wrong(flag, &words))?);
        }
        Ok(all)
    }

    /// The last value of `flag` through `parse`.
    pub fn last<T>(&self, flag: Flag, parse: Parse<T>) -> Result<Option<T>, Usage> {
        match self.values(flag).pop() {
            None => Ok(None),
            Some(value) => parse(value).map(Some).map_err(|words| wrong(flag, &words)),
        }
    }

    /// The last value as text.
    pub fn text(&self, flag: Flag) -> Result<Option<String>, Usage> {
        self.last(flag, |value| value::utf8(value).map(str::to_owned))
    }

    /// The last value as a path, any bytes but none at all.
    pub fn path(&self, flag: Flag) -> Result<Option<PathBuf>, Usage> {
        self.last(flag, |value| match value {
            [] => Err("a path is wanted".into()),
            path => Ok(OsString::from_vec(path.to_vec()).into()),
        })
    }

    /// The last value as a duration.
    pub fn duration(&self, flag: Flag) -> Result<Option<Duration>, Usage> {
        self.last(flag, value::duration)
    }

    /// The last value as a whole number.
    pub fn number(&self, flag: Flag) -> Result<Option<u64>, Usage> {
        self.last(flag, value::number)
    }
}

/// Reads a value, or says in words what is wanted. A function, not a closure: each kind of value
/// is compiled once.
pub type Parse<T> = fn(&[u8]) -> Result<T, Wrong>;

fn wrong(flag: Flag, words: &str) -> Usage {
    Usage::new(format!("{}: {words}", flag.spelled()))
}

/// Options for the tests of the checks: flags with their values, all the check's own.
#[cfg(test)]
pub(crate) fn given(options: &[(Flag, &str)]) -> Vec<Given> {
    let text = |value: &str| Text::plain(value);
    options
        .iter()
        .map(|(flag, value)| Given {
            flag: *flag,
            value: Some(text(value)),
            taken: Cell::new(false),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_override_defaults_and_both_are_taken() {
        let own = given(&[(Flag::Status, "200"), (Flag::Status, "204")]);
        let defaults = given(&[(Flag::Status, "500"), (Flag::Timeout, "3s"), (Flag::Udp, "")]);
        let options = Options { own: &own, defaults: &defaults };
        assert_eq!(options.text(Flag::Status), Ok(Some("204".into())));
        assert_eq!(options.duration(Flag::Timeout), Ok(Some(Duration::from_secs(3))));
        let taken: Vec<bool> = own.iter().chain(&defaults).map(|one| one.taken.get()).collect();
        assert_eq!(taken, [true, true, true, true, false]);
    }

    #[test]
    fn a_wrong_value_names_its_option() {
        let own = given(&[(Flag::Timeout, "soon")]);
        let options = Options { own: &own, defaults: &[] };
        let message = options.duration(Flag::Timeout).expect_err("accepted").to_string();
        assert!(message.starts_with("--timeout: "), "{message}");
    }
}
