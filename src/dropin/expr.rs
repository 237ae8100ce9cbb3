//! What a probe amounts to: an expression over native arguments; and what its words print, as far as
//! another word judges it.
//!
//! All of it is read once and kept until the process ends: nothing is copied, nothing is freed, and
//! the code for both is not there (24 KB).

use std::time::Duration;

use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// Bytes that stay.
pub type Bytes = &'static [u8];

/// The product's own arguments.
pub type Arguments = &'static [Bytes];

/// The parts as one.
pub fn join(parts: &[&[u8]]) -> Bytes {
    parts.concat().leak()
}

/// `one` where it stays.
pub fn keep<T>(one: T) -> &'static T {
    Box::leak(Box::new(one))
}

/// When a probe is healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expr {
    /// Settled by the text itself; in which of its words.
    Settled(bool, Bytes),
    /// When these arguments are.
    Native(Arguments),
    /// The same as they were given: this program called in a shell.
    Own(Arguments),
    /// When that is not.
    Not(&'static Expr),
    /// When both are; the second is looked at after the first.
    And(&'static [Expr; 2]),
    /// When one is; the second is looked at after the first.
    Or(&'static [Expr; 2]),
    /// When it is in this time.
    Within(Duration, &'static Expr),
}

use Expr::{And, Native, Not, Or, Settled, Within};

impl Expr {
    /// `yes` where this is healthy, else `no`.
    pub fn choose(self, yes: Expr, no: Expr) -> Expr {
        match (self, yes, no) {
            (Settled(true, _), ..) => yes,
            (Settled(false, _), ..) => no,
            _ if yes == no => yes,
            (_, Settled(true, _), Settled(true, why)) => {
                Settled(true, if why.starts_with(b"||") { why } else { join(&[b"|| ", why]) })
            }
            (_, Settled(false, _), Settled(false, _)) => no,
            (_, Settled(true, _), Settled(false, _)) => self,
            (_, Settled(false, _), Settled(true, _)) => self.negated(),
            (_, _, Settled(false, _)) => self.and(yes),
            (_, Settled(true, _), _) => Or(keep([self, no])),
            (_, Settled(false, _), _) => self.negated().and(no),
            (_, _, Settled(true, _)) => Or(keep([self.negated(), yes])),
            _ => Or(keep([self.and(yes), self.negated().and(no)])),
        }
    }

    /// When both are, or the second alone where that says all.
    fn and(self, then: Expr) -> Expr {
        match (self, then) {
            (_, And(pair)) if pair.first() == Some(&self) => then,
            // Over the same connection more is done.
            (Native(first), Native(more))
                if first.first().is_some_and(|target| target.starts_with(b"tcp:"))
                    && more.starts_with(first) =>
            {
                then
            }
            _ => And(keep([self, then])),
        }
    }

    /// The contrary.
    pub fn negated(self) -> Expr {
        match self {
            Settled(healthy, why) => Settled(!healthy, why),
            Not(inner) => *inner,
            other => Not(keep(other)),
        }
    }

    /// The same in at most `time`.
    pub fn within(self, time: Duration) -> Expr {
        match self {
            Settled(..) => self,
            other => Within(time, keep(other)),
        }
    }
}

/// What a call is: healthy when `expr` is, and what it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    /// Its exit code is 0.
    pub expr: Expr,
    /// Its stdout.
    pub output: Output,
}

/// What is known of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nothing that could be judged.
    Unknown,
    /// This.
    Text(Bytes),
    /// This, when healthy; else nothing.
    Says(&'static str),
    /// A line of whatever kind, when healthy; else nothing.
    Line,
    /// Such a line, this one, when the native arguments are healthy; else nothing.
    Found(Arguments, Bytes),
    /// How many such lines there are.
    Count,
    /// The lines that match of what the native arguments read.
    Lines(Arguments, &'static Pattern),
    /// The first line of what the native arguments read.
    First(Arguments),
    /// What the native arguments read.
    Body(Arguments),
    /// The status that the native arguments get, in this format; 000 without one, and this behind it.
    Status(Arguments, Bytes, Bytes),
    /// The head of the answer that the native arguments get.
    Head(Arguments),
}

impl Reads {
    /// Settled without a check, by `why`.
    pub fn settled(healthy: bool, why: &'static str) -> Self {
        Self { expr: Settled(healthy, why.as_bytes()), output: Output::Text(b"") }
    }

    /// Native arguments.
    pub fn native(arguments: Vec<Bytes>, output: Output) -> Self {
        Self { expr: Native(arguments.leak()), output }
    }
}

/// A word after expansion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Its bytes.
    Text(Bytes),
    /// What a check will find: `$(curl ...)`; whether in double quotes. Without them it is no word
    /// at all where nothing is put out.
    Reads(&'static Reads, bool),
}

impl Value {
    /// Its text; of what a check will find, nothing.
    pub fn text(self) -> Bytes {
        match self {
            Value::Text(text) => text,
            Value::Reads(..) => b"",
        }
    }
}

/// What is asked of an output.
#[derive(Debug)]
pub enum Asked {
    /// One of these matches: `grep`, `=`.
    Matches(Pattern),
    /// It is not empty: `test -n`.
    Filled,
    /// It is a number that compares so with this one: `-eq -ne -lt -le -gt -ge`.
    Number(Compares, i64),
}

/// How numbers compare.
pub type Compares = fn(&i64, &i64) -> bool;

/// A number, blanks around it.
pub fn number(text: &[u8]) -> Option<i64> {
    str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

impl Asked {
    fn of(&self, text: &[u8]) -> bool {
        match self {
            Asked::Matches(pattern) => pattern.matches(text),
            Asked::Filled => !text.is_empty(),
            Asked::Number(compares, with) => number(text).is_some_and(|n| compares(&n, with)),
        }
    }
}

/// When what `reads` prints is as `asked`.
pub fn judge(reads: Reads, asked: &Asked) -> Result<Expr, Wrong> {
    let settled = |text: &[u8]| Settled(asked.of(text), b"");
    let more = |arguments: Arguments, name: &[u8], value: &[u8]| {
        let last = keep([join(&[name, value])]);
        Native([arguments, last].concat().leak())
    };
    match (reads.output, asked) {
        (Output::Text(text), _) => Ok(settled(text)),
        (Output::Says(text), _) => Ok(reads.expr.choose(settled(text.as_bytes()), settled(b""))),
        (Output::Found(arguments, text), _) => {
            Ok(Native(arguments).choose(settled(text), settled(b"")))
        }
        (Output::Line | Output::Lines(..), Asked::Filled) => Ok(reads.expr),
        (Output::Line | Output::Lines(..), Asked::Matches(pattern))
            if pattern.given() == b"aF:" =>
        {
            Ok(reads.expr.negated())
        }
        // One or more; how many is not known.
        (Output::Count, Asked::Number(compares, with))
            if matches!(with, 0 | 1)
                && !compares(&0, with)
                && compares(&1, with)
                && compares(&2, with) =>
        {
            Ok(reads.expr)
        }
        (Output::Status(arguments, format, failed), _) => {
            let (none, list) = statuses(format, failed, asked);
            if list.is_empty() {
                return Ok(Settled(none, b""));
            }
            let check = more(arguments, b"--status=", list.as_bytes());
            Ok(if none { check.negated() } else { check })
        }
        (Output::Body(arguments), Asked::Matches(pattern)) => Ok(match pattern.plain() {
            Some(text) => more(arguments, b"--expect=", text),
            None => more(arguments, b"--grep=", pattern.given()),
        }),
        (Output::First(arguments), Asked::Matches(pattern)) => {
            Ok(more(arguments, b"--grep=1", pattern.given()))
        }
        (Output::Lines(arguments, before), Asked::Matches(pattern)) => {
            let both = before.both(pattern).ok_or("want texts of the same options in greps")?;
            Ok(more(arguments, b"--grep=", both.given()))
        }
        (Output::Head(arguments), Asked::Matches(pattern)) => {
            let wanted = pattern.status().ok_or("of a head want its status: '200 OK'")?;
            Ok(more(arguments, b"--status=", &wanted))
        }
        _ => Err(
            "what is put out here is not read; want a body, or -w with -o /dev/null, as a word \
                  of its own"
                .into(),
        ),
    }
}

/// Tries all statuses, and 000 for no answer, in place of understanding what is asked: what comes of
/// none, and the statuses that make a difference to it.
fn statuses(format: &[u8], failed: &[u8], asked: &Asked) -> (bool, String) {
    let mut text = format.to_vec();
    let at = format.iter().position(|byte| *byte == 0).unwrap_or(format.len());
    let mut of = |status: u16| {
        let digits = [status / 100, status / 10 % 10, status % 10];
        for (place, digit) in text.iter_mut().skip(at).zip(digits) {
            *place = digit as u8 + b'0';
        }
        match status {
            0 => asked.of(&[&text, failed].concat()),
            _ => asked.of(&text),
        }
    };
    let none = of(0);
    let mut list = String::new();
    let mut start = 0;
    for status in 100..=1000_u16 {
        let differs = status < 1000 && of(status) != none;
        match (differs, start) {
            (true, 0) => start = status,
            (false, 1..) => {
                if !list.is_empty() {
                    list.push(',');
                }
                list.push_str(&start.to_string());
                if start + 1 < status {
                    list.push('-');
                    list.push_str(&(status - 1).to_string());
                }
                start = 0;
            }
            _ => {}
        }
    }
    (none, list)
}
