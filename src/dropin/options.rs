//! The one reader of options: short ones in clusters, long ones with `=` or a blank, abbreviations.

use super::Call;
use super::expr::{Bytes, join};
use crate::text::Wrong;

/// How a tool spells options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `--long=value`, as getopt_long(3) has it.
    Getopt,
    /// `--long value` only.
    Curl,
    /// `-long=value`, as Go's flag package has it.
    Go,
}

/// What was given.
pub struct Given {
    /// The last value of each key.
    last: [Option<Bytes>; 128],
    /// The native options that follow from rows alone.
    pub own: Vec<Bytes>,
    /// What is no option.
    pub operands: Vec<Bytes>,
}

impl Given {
    /// Whether an option of this key was given.
    pub fn has(&self, key: u8) -> bool {
        self.last.get(usize::from(key)).is_some_and(Option::is_some)
    }

    /// Its last value; nothing where it was not given.
    pub fn get(&self, key: u8) -> Bytes {
        self.last.get(usize::from(key)).copied().flatten().unwrap_or_default()
    }

    /// Adds a native option in place of one that was given before: options stand once, headers as
    /// often as one likes.
    #[inline(never)]
    pub fn give(&mut self, name: &'static str, value: &[u8]) {
        let name = name.as_bytes();
        let end = name.iter().position(|byte| *byte == b'=').map_or(name.len(), |at| at + 1);
        let option = name.get(..end).unwrap_or_default();
        if option != b"--header=" {
            self.own.retain(|one| !one.starts_with(option));
        }
        self.own.push(join(&[name, value]));
    }

    /// The native arguments: the target, and what follows from the options.
    pub fn with(&self, target: Bytes) -> Vec<Bytes> {
        let mut all = vec![target];
        all.extend_from_slice(&self.own);
        all
    }
}

/// One row of a table: the key, which is the short option too where it is a letter or digit; `.` for
/// no value, `:` for one, `&` for several that are joined so, `+` by newlines, `?` for one that is attached; the long
/// name, which may be empty; behind a `>` the native option that the value is put behind.
struct Row {
    key: u8,
    takes: u8,
    long: &'static str,
    native: &'static str,
}

/// The rows of a table, which `|` parts.
fn rows(table: &'static str) -> impl Iterator<Item = Row> {
    crate::text::parts(table, b'|').filter_map(|row| {
        let [key, takes, ..] = row.as_bytes() else { return None };
        let (long, native) = crate::text::before(row.get(2..)?, b">");
        Some(Row { key: *key, takes: *takes, long, native: native.get(1..).unwrap_or_default() })
    })
}

/// Reads the words of `call` by `table`.
pub fn read(call: &Call<'_>, style: Style, table: &'static str) -> Result<Given, Wrong> {
    let mut given = Given { last: [None; 128], own: Vec::new(), operands: Vec::new() };
    let mut words = call.texts()?.into_iter();
    let mut operands = false;
    while let Some(word) = words.next() {
        let (mut long, mut rest) = match word {
            b"--" if !operands => {
                operands = true;
                continue;
            }
            [b'-', b'-', long @ ..] if !operands => (true, long),
            [b'-', rest @ ..] if !operands && !rest.is_empty() => (style == Style::Go, rest),
            operand => {
                if matches!(operand, b"||" | b"&&" | b"|") {
                    return Err(call.wrong(
                        operand,
                        "sh -c '...' around all of it, or nothing behind: no shell reads this",
                    ));
                }
                given.operands.push(operand);
                continue;
            }
        };
        while let [key, after @ ..] = rest {
            let (row, mut value) = if long {
                let at = rest.iter().position(|byte| *byte == b'=' && style != Style::Curl);
                let name = rest.get(..at.unwrap_or(rest.len())).unwrap_or_default();
                rest = b"";
                long = false;
                (named(table, name), at.and_then(|_| after_equals(word)))
            } else {
                rest = after;
                let row = rows(table).find(|row| row.key == *key);
                let attached =
                    !rest.is_empty() && row.as_ref().is_some_and(|row| row.takes != b'.');
                (row, attached.then(|| std::mem::take(&mut rest)))
            };
            let unknown = || call.wrong(word, &spelled(style, table));
            let row = row.ok_or_else(unknown)?;
            match (row.takes, value) {
                (b':' | b'&' | b'+', None) => value = words.next(),
                (b'.', Some(value)) if value != b"true" => return Err(unknown()),
                (b'.' | b'?', None) => value = Some(b""),
                _ => {}
            }
            let mut value = value.ok_or_else(|| call.wrong(word, "a value behind it"))?;
            if !row.native.is_empty() {
                given.give(row.native, if row.takes == b'.' { b"" } else { value });
            }
            let Some(last) = given.last.get_mut(usize::from(row.key)) else { continue };
            value = match (row.takes, *last) {
                (b'&', Some(before)) => join(&[before, b"&", value]),
                (b'+', Some(before)) => join(&[before, b"\n", value]),
                _ => value,
            };
            *last = Some(value);
        }
    }
    Ok(given)
}

/// What stands behind the first equals sign.
fn after_equals(word: Bytes) -> Option<Bytes> {
    word.get(word.iter().position(|byte| *byte == b'=')? + 1..)
}

/// The row of a long name, or of the only one that it abbreviates.
fn named(table: &'static str, name: &[u8]) -> Option<Row> {
    let mut found: Option<Row> = None;
    for row in rows(table).filter(|row| row.long.as_bytes().starts_with(name)) {
        if row.long.len() == name.len() {
            return Some(row);
        }
        // Two spellings of one thing are not ambiguous.
        if found.as_ref().is_some_and(|found| found.key != row.key || row.key == b'_') {
            return None;
        }
        found = Some(row);
    }
    found
}

/// The options of a table, for messages.
fn spelled(style: Style, table: &'static str) -> String {
    let mut text = String::from("one of");
    let mut before = 0;
    for Row { key, long, .. } in rows(table) {
        // One row of several that are the same.
        if key == std::mem::replace(&mut before, key) && key != b'_' {
            continue;
        }
        let short = key.is_ascii_alphanumeric() && style != Style::Go;
        text.push_str(if short || style == Style::Go { " -" } else { " --" });
        match short {
            true => text.push(char::from(key)),
            false => text.push_str(long),
        }
    }
    text
}
