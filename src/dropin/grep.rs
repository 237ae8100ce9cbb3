//! `grep`: a text in what a check read. No regular expression, and no `-v`.

use super::Call;
use super::cat::target;
use super::expr::{Asked, Output, Reads, join, judge};
use super::options::{self, Style};
use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// What is read of a pattern.
const TEXT: &str = "a text, with ^ and $ at its ends: no regular expression is read";

const OPTIONS: &str = "q.quiet q.silent s.no-messages F.fixed-strings E.extended-regexp x.line-regexp i.ignore-case \
    w.word-regexp e:regexp c.count o.only-matching m:max-count a.text n.line-number h.no-filename _?color G.basic-regexp y.";

/// Reads its words, and what a pipe brings.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut given = Vec::new();
    let mut files = Vec::new();
    let mut flags = match call.name {
        "fgrep" => b"F".to_vec(),
        "egrep" => b"E".to_vec(),
        _ => Vec::new(),
    };
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        match key {
            0 => files.push(value.to_vec()),
            b'e' => given.push(value.to_vec()),
            b'F' | b'E' | b'x' | b'w' | b'i' => flags.push(key),
            b'y' => flags.push(b'i'),
            _ => {}
        }
        Ok(())
    })?;
    if given.is_empty() {
        let text = files.first().cloned().ok_or_else(|| call.refuse("want a text"))?;
        given.push(text);
        files.remove(0);
    }
    let text = given.join(&b'\n');
    let pattern = Pattern::parse(&join(&[&flags, &b":"[..], &text]));
    let pattern = pattern.map_err(|_| call.wrong(&text, TEXT))?;
    let stdin = match (files.as_slice(), &call.stdin) {
        ([], Some(stdin)) => stdin.clone(),
        ([path], _) if path != b"-" => {
            let arguments = vec![target(path)];
            Reads { output: Output::Body(arguments.clone()), ..Reads::native(arguments) }
        }
        _ => return Err(call.refuse("want a pipe in front or one file")),
    };
    let expr = judge(stdin, &Asked::Matches(pattern)).map_err(|wrong| call.refuse(&wrong))?;
    Ok(Reads { expr, output: Output::Unknown })
}
