//! `test`, `[` and what of `[[` is like them.

use super::Call;
use super::cat::target;
use super::expr::{Asked, Expr, Reads, Value, join, judge};
use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// Reads an expression of POSIX's `test`.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let words = match (call.name, call.words) {
        ("[" | "[[", [words @ .., Value::Text(end)]) if matches!(end.as_slice(), b"]" | b"]]") => {
            words
        }
        ("[" | "[[", _) => return Err(call.refuse("want a ']' in the end")),
        (_, words) => words,
    };
    Ok(Reads { expr: expression(call, words)?, ..Reads::settled(true, "") })
}

fn expression(call: &Call<'_>, words: &[Value]) -> Result<Expr, Wrong> {
    let text = |value: &Value| match value {
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Value::Reads(_) => String::new(),
    };
    if let [left, sign, right] = words
        && let Some(found) = binary(call, left, &text(sign), right)
    {
        return found;
    }
    for joins in ["-o", "-a"] {
        let at = words.iter().position(|word| text(word) == joins).filter(|at| *at > 0);
        if let Some((left, [_, right @ ..])) = at.and_then(|at| words.split_at_checked(at)) {
            let (left, right) = (expression(call, left)?, expression(call, right)?);
            return Ok(match joins {
                "-o" => left.choose(settled(true), right),
                _ => left.choose(right, settled(false)),
            });
        }
    }
    match words {
        [] => Ok(settled(false)),
        [one] => filled(one),
        [first, rest @ ..] if text(first) == "!" => Ok(expression(call, rest)?.negated()),
        [first, inside @ .., last] if text(first) == "(" && text(last) == ")" => {
            expression(call, inside)
        }
        [sign, of] => match (text(sign).as_str(), of) {
            ("-n", of) => filled(of),
            ("-z", of) => Ok(filled(of)?.negated()),
            (sign, Value::Text(path)) => file(call, sign, path),
            (sign, _) => Err(call.wrong(sign.as_bytes(), "-n or -z of what a check puts out")),
        },
        [_, sign, ..] => Err(call.wrong(text(sign).as_bytes(), "= != -eq -ne -lt -le -gt -ge")),
    }
}

fn settled(healthy: bool) -> Expr {
    Expr::Settled(healthy, "test".into())
}

/// What is asked of a word.
fn asked(value: &Value, asked: &Asked) -> Result<Expr, Wrong> {
    match value {
        Value::Text(text) => Ok(match judge(Reads::text(text.clone()), asked)? {
            Expr::Settled(healthy, _) => settled(healthy),
            other => other,
        }),
        Value::Reads(reads) => judge((**reads).clone(), asked),
    }
}

fn filled(value: &Value) -> Result<Expr, Wrong> {
    asked(value, &Asked::Filled)
}

/// A comparison; `None` when `sign` is none.
fn binary(call: &Call<'_>, left: &Value, sign: &str, right: &Value) -> Option<Result<Expr, Wrong>> {
    let compares: fn(&i64, &i64) -> bool = match sign {
        "=" | "==" | "!=" => {
            let (left, right) =
                if matches!(left, Value::Text(_)) { (right, left) } else { (left, right) };
            let Value::Text(text) = right else { return Some(Err(call.refuse("want one check"))) };
            // In [[ a pattern: of these only *TEXT* is read.
            let inside = text.strip_prefix(b"*").and_then(|text| text.strip_suffix(b"*"));
            let wanted = match (call.name, inside) {
                ("[[", Some(text)) => join(&[b"F:", text]),
                _ => join(&[b"aF:", text]),
            };
            let found = Pattern::parse(&wanted).and_then(|p| asked(left, &Asked::Matches(p)));
            return Some(found.map(|expr| if sign == "!=" { expr.negated() } else { expr }));
        }
        "-eq" => i64::eq,
        "-ne" => i64::ne,
        "-lt" => i64::lt,
        "-le" => i64::le,
        "-gt" => i64::gt,
        "-ge" => i64::ge,
        _ => return None,
    };
    let Value::Text(text) = right else {
        return Some(Err(call.refuse("want a number on the right")));
    };
    let number = str::from_utf8(text.trim_ascii()).ok().and_then(|text| text.parse().ok());
    Some(match number {
        Some(number) => asked(left, &Asked::Number(compares, number)),
        // An error of test's is none of its healthy ends.
        None => Ok(settled(false)),
    })
}

fn file(call: &Call<'_>, sign: &str, path: &[u8]) -> Result<Expr, Wrong> {
    let wanted: &[u8] = match sign {
        "-e" | "-a" => b"",
        "-f" => b"--type=file",
        "-d" => b"--type=directory",
        "-S" => b"--type=socket",
        "-p" => b"--type=fifo",
        "-s" => b"--min-size=1",
        "-r" => b"--readable",
        sign => return Err(call.wrong(sign.as_bytes(), "-e -f -d -S -p -s -r -n -z !")),
    };
    if path.is_empty() {
        return Ok(settled(false));
    }
    let mut arguments = vec![target(path)];
    if !wanted.is_empty() {
        arguments.push(wanted.to_vec());
    }
    Ok(Expr::Native(arguments))
}
