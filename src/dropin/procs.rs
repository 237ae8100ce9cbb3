//! `pgrep`, `pidof` and `kill -0`: a process lives. Nothing is signalled.

use super::Call;
use super::expr::{Arguments, Expr, Output, Reads, join};
use super::options::{self, Style};
use crate::text::Wrong;

/// What is no part of a regular expression.
fn literal(call: &Call<'_>, name: &[u8]) -> Result<(), Wrong> {
    match name.is_empty() || name.iter().any(|byte| b"^$*+?()[]{}|\\".contains(byte)) {
        true => Err(call.wrong(name, "a name: no regular expression is read")),
        false => Ok(()),
    }
}

/// A part of the name; with `-x` all of it, with `-f` of the command line.
pub fn pgrep(call: &Call<'_>) -> Result<Reads, Wrong> {
    let (mut exact, mut full, mut name) = (false, false, None);
    const OPTIONS: &str =
        "x.exact f.full l.list-name a.list-full c.count o.oldest n.newest q.quiet";
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        match key {
            0 if name.is_none() => name = Some(value.to_vec()),
            0 => return Err(call.wrong(value, "one name")),
            b'x' => exact = true,
            b'f' => full = true,
            _ => {}
        }
        Ok(())
    })?;
    let name = name.unwrap_or_default();
    literal(call, &name)?;
    let mut arguments = vec![join(&[b"process:", &name])];
    arguments.extend(match (exact, full) {
        (true, true) => return Err(call.refuse("want -x or -f, not both")),
        (true, false) => None,
        (false, true) => Some(b"--match=arguments".to_vec()),
        (false, false) => Some(b"--match=part".to_vec()),
    });
    Ok(Reads { expr: Expr::Native(arguments), output: Output::Says("1") })
}

/// One of these names.
pub fn pidof(call: &Call<'_>) -> Result<Reads, Wrong> {
    let names = operands(call, "s. q. x.")?;
    any(call, names, |name| join(&[b"process:", name]))
}

/// `kill -0`: these numbers.
pub fn kill(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut pids: Arguments = Vec::new();
    let mut asks = false;
    options::read(call, Style::Getopt, "0. s:signal n:", &mut |key, value| {
        match (key, value) {
            (0, pid) => pids.push(pid.to_vec()),
            (b'0', _) | (_, b"0") => asks = true,
            _ => {}
        }
        Ok(())
    })?;
    if !asks {
        return Err(call.refuse("want -0: nothing is signalled"));
    }
    any(call, pids, |pid| join(&[b"pid:", pid.trim_ascii()]))
}

fn operands(call: &Call<'_>, table: &'static str) -> Result<Arguments, Wrong> {
    let mut operands: Arguments = Vec::new();
    options::read(call, Style::Getopt, table, &mut |key, value| {
        if key == 0 {
            operands.push(value.to_vec());
        }
        Ok(())
    })?;
    Ok(operands)
}

/// One of the targets is healthy.
fn any(call: &Call<'_>, names: Arguments, target: fn(&[u8]) -> Vec<u8>) -> Result<Reads, Wrong> {
    let one = |name: &Vec<u8>| Expr::Native(vec![target(name)]);
    let or = |first, next| Expr::Or(Box::new([first, next]));
    match names.iter().map(one).reduce(or) {
        Some(expr) => Ok(Reads { expr, output: Output::Says("1") }),
        None => Err(call.refuse("want a process")),
    }
}
