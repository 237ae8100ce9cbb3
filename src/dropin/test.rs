//! `test`, `[` and what of `[[` is like them.

use super::Call;
use super::expr::{Asked, Bytes, Compares, Expr, Output, Reads, Value, join, judge, number};
use super::small::{file, globs};
use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// Reads an expression of POSIX's `test`.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut words = call.words;
    if call.name != "test" {
        match words.split_last() {
            Some((last, inside)) if matches!(last.text(), b"]" | b"]]") => words = inside,
            _ => return Err(call.refuse("want a ']' in the end")),
        }
    }
    Ok(Reads { expr: expression(call, words)?, output: Output::Text(b"") })
}

const NO: Expr = Expr::Settled(false, b"test");
const YES: Expr = Expr::Settled(true, b"test");

fn expression(call: &Call<'_>, words: &[Value]) -> Result<Expr, Wrong> {
    if let [left, sign, right] = words
        && let Some(found) = binary(call, *left, sign.text(), *right)?
    {
        return Ok(found);
    }
    let (or, and) = if call.name == "[[" { (b"||", b"&&") } else { (b"-o", b"-a") };
    for joins in [or, and].into_iter().filter(|_| words.len() > 2) {
        let at = words.iter().position(|word| word.text() == joins).filter(|at| *at > 0);
        if let Some((left, [_, right @ ..])) = at.and_then(|at| words.split_at_checked(at)) {
            let (left, right) = (expression(call, left)?, expression(call, right)?);
            return Ok(if joins == or { left.choose(YES, right) } else { left.choose(right, NO) });
        }
    }
    match words {
        [] => Ok(NO),
        [one] => asked(*one, &Asked::Filled),
        [first, rest @ ..] if first.text() == b"!" => Ok(expression(call, rest)?.negated()),
        [first, inside @ .., last] if first.text() == b"(" && last.text() == b")" => {
            expression(call, inside)
        }
        [sign, of] => unary(call, sign.text(), *of),
        [_, sign, ..] => Err(call.wrong(sign.text(), "= != -eq -ne -lt -le -gt -ge")),
    }
}

/// What is asked of a word.
fn asked(value: Value, asked: &Asked) -> Result<Expr, Wrong> {
    let found = match value {
        Value::Text(text) => judge(Reads { expr: YES, output: Output::Text(text) }, asked)?,
        Value::Reads(reads, _) => judge(*reads, asked)?,
    };
    Ok(found.choose(YES, NO))
}

/// A comparison; `None` when `sign` is none.
fn binary(call: &Call<'_>, left: Value, sign: &[u8], right: Value) -> Result<Option<Expr>, Wrong> {
    let (left, right, sign) = match (left, right) {
        (left, Value::Text(text)) => (left, text, sign),
        (Value::Text(text), check) => (check, text, mirrored(sign)),
        _ => return Err(call.refuse("want a text on one side")),
    };
    let compares: Compares = match sign {
        b"=" | b"==" | b"!=" => {
            let found = asked(left, &Asked::Matches(Pattern::parse(wanted(call, right)?)?))?;
            let unlike = sign == b"!=";
            let found = if unlike { found.negated() } else { found };
            if let Value::Reads(_, false) = left
                && (unlike || right.is_empty())
            {
                // Where nothing is put out, a shell has no word there, and test an error.
                let filled = asked(left, &Asked::Filled);
                let quoted = "want $(...) in double quotes: without them it may be no word";
                let filled = filled.map_err(|_| call.refuse(quoted))?;
                return Ok(Some(filled.choose(found, NO)));
            }
            return Ok(Some(found));
        }
        b"-eq" => i64::eq,
        b"-ne" => i64::ne,
        b"-lt" => i64::lt,
        b"-le" => i64::le,
        b"-gt" => i64::gt,
        b"-ge" => i64::ge,
        _ => return Ok(None),
    };
    match number(right) {
        Some(number) => asked(left, &Asked::Number(compares, number)).map(Some),
        // An error of test's is none of its healthy ends.
        None => Ok(Some(NO)),
    }
}

/// The same of the other side.
fn mirrored(sign: &[u8]) -> &[u8] {
    match sign {
        b"-lt" => b"-gt",
        b"-le" => b"-ge",
        b"-gt" => b"-lt",
        b"-ge" => b"-le",
        sign => sign,
    }
}

/// What is read of a pattern in `[[`.
pub const PATTERN: &str = "TEXT or *TEXT*";

/// The pattern of what stands behind a comparison.
fn wanted(call: &Call<'_>, right: Bytes) -> Result<Bytes, Wrong> {
    let inside = right.strip_prefix(b"*").and_then(|text| text.strip_suffix(b"*"));
    let (flags, text) = match inside {
        Some(text) if call.name == "[[" => (b"F:".as_slice(), text),
        _ => (b"aF:".as_slice(), right),
    };
    match call.name == "[[" && globs(text) {
        true => Err(call.wrong(right, PATTERN)),
        false => Ok(join(&[flags, text])),
    }
}

fn unary(call: &Call<'_>, sign: &[u8], of: Value) -> Result<Expr, Wrong> {
    let option: &'static [u8] = match sign {
        b"-n" => return asked(of, &Asked::Filled),
        b"-z" => return Ok(asked(of, &Asked::Filled)?.negated()),
        b"-e" | b"-a" => b"",
        b"-f" => b"--file-type=file",
        b"-d" => b"--file-type=directory",
        b"-S" => b"--file-type=socket",
        b"-p" => b"--file-type=fifo",
        b"-s" => b"--min-size=1",
        b"-r" => b"--readable",
        sign => return Err(call.wrong(sign, "-e -f -d -S -p -s -r -n -z !")),
    };
    let mut arguments = vec![file(of.text())];
    match (of, option) {
        (Value::Text(b""), _) => return Ok(NO),
        (Value::Reads(..), _) => return Err(call.refuse("want -n or -z of what a check puts out")),
        (_, b"") => {}
        (_, option) => arguments.push(option),
    }
    Ok(Expr::Native(arguments.leak()))
}
