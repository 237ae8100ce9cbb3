//! The small ones: `pgrep`, `pidof` and `kill -0` (a process lives; nothing is signalled), `cat`,
//! `timeout`.

use super::expr::{Bytes, Expr, Output, Reads, Value, join, keep};
use super::options::{self, Style};
use super::{Call, call};
use crate::input::value;
use crate::text::Wrong;

/// A part of the name; with `-x` all of it, with `-f` of the command line.
pub fn pgrep(call: &Call<'_>) -> Result<Reads, Wrong> {
    const OPTIONS: &str =
        "x.exact|f.full|l.list-name|a.list-full|c.count|o.oldest|n.newest|q.quiet";
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let name = match given.operands.as_slice() {
        [name] if !name.is_empty() => *name,
        _ => return Err(call.refuse("want one name")),
    };
    if name.iter().any(|byte| b"^$*+?()[]{}|\\".contains(byte)) {
        return Err(call.wrong(name, "a name: no regular expression is read"));
    }
    match (given.has(b'x'), given.has(b'f')) {
        (true, true) => return Err(call.refuse("want -x or -f, not both")),
        (true, false) => {}
        (false, true) => given.give("--match=", b"arguments"),
        (false, false) => given.give("--match=", b"part"),
    }
    let output = if given.has(b'c') { Output::Count } else { Output::Line };
    Ok(Reads::native(given.with(join(&[b"process:", name])), output))
}

/// One of these names.
pub fn pidof(call: &Call<'_>) -> Result<Reads, Wrong> {
    let given = options::read(call, Style::Getopt, "s.|q.|x.")?;
    any(call, &given.operands, b"process:")
}

/// `kill -0`: one of these numbers.
pub fn kill(call: &Call<'_>) -> Result<Reads, Wrong> {
    let given = options::read(call, Style::Getopt, "0.|s:signal|n:")?;
    if !given.has(b'0') && given.get(b's') != b"0" && given.get(b'n') != b"0" {
        return Err(call.refuse("want -0: nothing is signalled"));
    }
    any(call, &given.operands, b"pid:")
}

/// One of the targets is healthy.
fn any(call: &Call<'_>, names: &[Bytes], scheme: &[u8]) -> Result<Reads, Wrong> {
    let mut expr = Expr::Settled(false, b"");
    for name in names {
        let one = Expr::Native(vec![join(&[scheme, name.trim_ascii()])].leak());
        expr = expr.choose(Expr::Settled(true, b""), one);
    }
    match names {
        [] => Err(call.refuse("want a process")),
        _ => Ok(Reads { expr, output: Output::Line }),
    }
}

/// `cat FILE`: it can be read. Without one, what a pipe brings. And `head`, which is another spelling.
pub fn cat(call: &Call<'_>) -> Result<Reads, Wrong> {
    match call.name {
        "head" => head(call),
        _ => found(call, &call.texts()?),
    }
}

/// `find FILE -mmin -N`: its name is put out while it is not that old; the code is 0 either way.
pub fn find(call: &Call<'_>) -> Result<Reads, Wrong> {
    match call.texts()?.as_slice() {
        [path, b"-mmin", [b'-', minutes @ ..]]
        | [path, b"-type", b"f", b"-mmin", [b'-', minutes @ ..]]
        | [path, b"-mmin", [b'-', minutes @ ..], b"-type", b"f"]
            if !path.starts_with(b"-") && minutes.first().is_some_and(u8::is_ascii_digit) =>
        {
            let age = join(&[b"--max-age=", minutes, b"m"]);
            let fresh = keep([file(path), b"--file-type=file", age]);
            Ok(Reads::native(vec![file(path)], Output::Found(fresh, path)))
        }
        _ => Err(call.refuse("want FILE -mmin -N")),
    }
}

/// `head -1 FILE`: as `cat`, and of that the first line.
fn head(call: &Call<'_>) -> Result<Reads, Wrong> {
    let given = options::read(call, Style::Getopt, "n:lines|1.|q.quiet")?;
    if !given.has(b'1') && given.get(b'n') != b"1" {
        return Err(call.refuse("want -1: the first line"));
    }
    let Reads { expr, output } = found(call, &given.operands)?;
    let output = match output {
        Output::Body(arguments) => Output::First(arguments),
        // They are one line, or asked for it.
        Output::Head(_) | Output::Says(_) | Output::First(_) => output,
        _ => Output::Unknown,
    };
    Ok(Reads { expr, output })
}

fn found(call: &Call<'_>, texts: &[Bytes]) -> Result<Reads, Wrong> {
    match (texts, call.stdin) {
        ([] | [b"-"], stdin) => Ok(stdin.unwrap_or(Reads::settled(true, "cat"))),
        ([path], _) if !path.starts_with(b"-") => {
            let arguments: Vec<Bytes> = vec![file(path), b"--file-type=file", b"--readable"];
            let body = Output::Body(arguments.clone().leak());
            Ok(Reads::native(arguments, body))
        }
        _ => Err(call.refuse("want one file")),
    }
}

/// `file:///PATH`; a relative one from the working directory.
pub fn file(path: &[u8]) -> Bytes {
    let here: &[u8] = if path.starts_with(b"/") { b"" } else { b"/proc/self/cwd/" };
    join(&[b"file://", here, path])
}

/// Whether a shell might put names of files in its place.
#[inline(never)]
pub fn globs(word: &[u8]) -> bool {
    word.iter().any(|byte| b"*?[".contains(byte))
}

/// `timeout N WORDS`: GNU's and BusyBox's, which had the time as an option once.
pub fn timeout(of: &Call<'_>) -> Result<Reads, Wrong> {
    let mut words = of.words;
    let mut time: Bytes = b"";
    while let [Value::Text(word), rest @ ..] = words {
        words = rest;
        match *word {
            b"-s" | b"--signal" | b"-k" | b"--kill-after" => {
                words = words.get(1..).unwrap_or_default();
            }
            [b'-', ..] => {}
            given => {
                time = given;
                break;
            }
        }
    }
    if words.is_empty() {
        return Err(of.refuse("want a time and a command"));
    }
    let mut reads = call(words, of.stdin, of.world, of.depth + 1)?;
    if !time.iter().all(|byte| b"0s".contains(byte)) {
        let time = value::duration(time).map_err(|_| of.wrong(time, "a time: 3, 3s, 2m"))?;
        reads.expr = reads.expr.within(time);
    }
    Ok(reads)
}
