//! `grep`: a text in what a check read. No regular expression, and no `-v`.

use super::Call;
use super::expr::{Asked, Output, Reads, join, judge, keep};
use super::options::{self, Style};
use super::small::file;
use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// What is read of a pattern.
const TEXT: &str = "a text, with ^ and $ at its ends: no regular expression is read";

const OPTIONS: &str = "q.quiet|q.silent|s.no-messages|F.fixed-strings|E.extended-regexp\
    |x.line-regexp|i.ignore-case|w.word-regexp|e+regexp|c.count|o.only-matching|m:max-count|a.text\
    |n.line-number|h.no-filename|_?color|G.basic-regexp|y.";

/// Reads its words, and what a pipe brings.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let mut flags = match call.name {
        "fgrep" => b"F".to_vec(),
        "egrep" => b"E".to_vec(),
        _ => Vec::new(),
    };
    for (key, flag) in
        [(b'F', b'F'), (b'E', b'E'), (b'x', b'x'), (b'w', b'w'), (b'i', b'i'), (b'y', b'i')]
    {
        if given.has(key) {
            flags.push(flag);
        }
    }
    let text = match given.has(b'e') {
        true => given.get(b'e'),
        false if given.operands.is_empty() => return Err(call.refuse("want a text")),
        false => given.operands.remove(0),
    };
    let pattern = Pattern::parse(join(&[&flags, b":", text]));
    let pattern = pattern.map_err(|_| call.wrong(text, TEXT))?;
    let empty = pattern.matches(b"\n");
    let stdin = match (given.operands.as_slice(), call.stdin) {
        ([], Some(stdin)) => stdin,
        ([path], _) if *path != b"-" => {
            let arguments = vec![file(path)];
            let body = Output::Body(arguments.clone().leak());
            Reads::native(arguments, body)
        }
        _ => return Err(call.refuse("want a pipe in front or one file")),
    };
    let asked = Asked::Matches(pattern.clone());
    let expr = judge(stdin, &asked).map_err(|wrong| call.refuse(&wrong))?;
    // What an empty line matches may be one that is put out.
    let lines = !given.has(b'q') && !empty;
    // Not more than these lines, nor less, goes to a second grep.
    let whole = !b"omn".iter().any(|key| given.has(*key));
    let output = match stdin.output {
        _ if given.has(b'c') && !given.has(b'q') => Output::Count,
        _ if !lines => Output::Unknown,
        Output::Body(arguments) if whole => Output::Lines(arguments, keep(pattern)),
        Output::Lines(arguments, before) if whole => {
            before.both(&pattern).map_or(Output::Line, |both| Output::Lines(arguments, keep(both)))
        }
        _ => Output::Line,
    };
    Ok(Reads { expr, output })
}
