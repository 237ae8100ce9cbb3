//! The one reader of options: short ones in clusters, long ones with `=` or a blank, abbreviations.

use super::Call;
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

/// What is done with an option's key and value; operands have the key 0.
pub type Take<'t> = &'t mut dyn FnMut(u8, &[u8]) -> Result<(), Wrong>;

/// One row of a table: the letter, which is the short option too where it is a letter or digit;
/// `.` for no value, `:` for one, `?` for one that is attached; the long name, which may be empty.
fn rows(table: &'static str) -> impl Iterator<Item = (u8, u8, &'static str)> {
    table.split(' ').filter_map(|row| {
        let [key, takes, ..] = row.as_bytes() else { return None };
        Some((*key, *takes, row.get(2..)?))
    })
}

/// Walks over the words of `call`. `table` has its rows separated by blanks: `o:output f.fail`.
pub fn read(
    call: &Call<'_>,
    style: Style,
    table: &'static str,
    take: Take<'_>,
) -> Result<(), Wrong> {
    let unknown = |word: &[u8]| call.wrong(word, &spelled(style, table));
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
                take(0, operand)?;
                continue;
            }
        };
        while !rest.is_empty() {
            let row;
            let mut value = None;
            if long {
                let equals = match style {
                    Style::Curl => None,
                    _ => rest.iter().position(|byte| *byte == b'='),
                };
                let name = rest.get(..equals.unwrap_or(rest.len())).unwrap_or_default();
                value = equals.and_then(|at| rest.get(at + 1..));
                row = named(table, name);
                rest = b"";
                long = false;
            } else if let [key, after @ ..] = rest {
                row = rows(table).find(|row| row.0 == *key);
                rest = after;
                if !rest.is_empty() && row.is_some_and(|row| row.1 != b'.') {
                    value = Some(std::mem::take(&mut rest));
                }
            } else {
                break;
            }
            let (key, takes, _) = row.ok_or_else(|| unknown(word))?;
            let value = match (takes, value) {
                (b':', None) => {
                    let missing = || call.wrong(word, "a value behind it");
                    words.next().ok_or_else(missing)?
                }
                (b'.', Some(value)) if value != b"true" => return Err(unknown(word)),
                (_, value) => value.unwrap_or_default(),
            };
            take(key, value)?;
        }
    }
    Ok(())
}

/// The row of a long name, or of the only one that it abbreviates.
fn named(table: &'static str, name: &[u8]) -> Option<(u8, u8, &'static str)> {
    if let Some(row) = rows(table).find(|row| row.2.as_bytes() == name) {
        return Some(row);
    }
    let mut starting = rows(table).filter(|row| row.2.as_bytes().starts_with(name));
    let first = starting.next()?;
    // Two spellings of one thing are not ambiguous.
    starting.all(|row| (row.0, row.1) == (first.0, first.1)).then_some(first)
}

/// The options of a table, for messages.
fn spelled(style: Style, table: &'static str) -> String {
    let mut text = String::from("one of");
    let mut before = 0;
    for (key, _, long) in rows(table) {
        // One row of several that are the same.
        if key == std::mem::replace(&mut before, key) && key != b'_' {
            continue;
        }
        let short = key.is_ascii_alphanumeric() && style != Style::Go;
        text.push_str(match (short, style) {
            (true, _) | (_, Style::Go) => " -",
            _ => " --",
        });
        match short {
            true => text.push(char::from(key)),
            false => text.push_str(long),
        }
    }
    text
}
