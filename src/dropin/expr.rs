//! What a probe amounts to: an expression over native arguments; and what its words print, as far as
//! another word judges it.

use std::time::Duration;

use crate::input::pattern::Pattern;
use crate::text::Wrong;

/// The product's own arguments.
pub type Arguments = Vec<Vec<u8>>;

/// The parts as one.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Adds `name` with `value`, in place of one that was given before: options stand once, headers as
/// often as one likes.
pub fn give(own: &mut Arguments, name: &str, value: &[u8]) {
    if name != HEADER {
        own.retain(|one| !one.starts_with(name.as_bytes()));
    }
    own.push(join(&[name.as_bytes(), value]));
}

/// The one that repeats.
pub const HEADER: &str = "--header=";

/// When a probe is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Settled by the text itself; in which of its words.
    Settled(bool, String),
    /// When these arguments are.
    Native(Arguments),
    /// When that is not.
    Not(Box<Expr>),
    /// When both are; the second is looked at after the first.
    And(Box<[Expr; 2]>),
    /// When one is; the second is looked at after the first.
    Or(Box<[Expr; 2]>),
    /// When it is in this time.
    Within(Duration, Box<Expr>),
}

use Expr::{And, Native, Not, Or, Settled, Within};

impl Expr {
    /// `yes` where this is healthy, else `no`.
    pub fn choose(self, yes: Expr, no: Expr) -> Expr {
        match (self, yes, no) {
            (Settled(true, _), yes, _) => yes,
            (Settled(false, _), _, no) => no,
            (_, yes, no) if yes == no => yes,
            (_, Settled(true, _), Settled(true, why)) => Settled(true, or(why)),
            (_, Settled(false, _), Settled(false, why)) => Settled(false, why),
            (this, Settled(true, _), Settled(false, _)) => this,
            (this, Settled(false, _), Settled(true, _)) => this.negated(),
            (this, And(pair), Settled(false, _)) if pair.first() == Some(&this) => And(pair),
            (Native(first), Native(then), Settled(false, _)) if opened(&first, &then) => {
                Native(then)
            }
            (this, yes, Settled(false, _)) => And(Box::new([this, yes])),
            (this, Settled(true, _), no) => Or(Box::new([this, no])),
            (this, Settled(false, _), no) => And(Box::new([this.negated(), no])),
            (this, yes, Settled(true, _)) => Or(Box::new([this.negated(), yes])),
            (this, yes, no) => {
                let not = this.clone().negated();
                Or(Box::new([And(Box::new([this, yes])), And(Box::new([not, no]))]))
            }
        }
    }

    /// The contrary.
    pub fn negated(self) -> Expr {
        match self {
            Settled(healthy, why) => Settled(!healthy, why),
            Not(inner) => *inner,
            other => Not(Box::new(other)),
        }
    }

    /// The same in at most `time`.
    pub fn within(self, time: Duration) -> Expr {
        match self {
            Settled(..) => self,
            other => Within(time, Box::new(other)),
        }
    }
}

/// Whether `then` opens the same connection as `first`, and does more.
fn opened(first: &[Vec<u8>], then: &[Vec<u8>]) -> bool {
    first.first().is_some_and(|target| target.starts_with(b"tcp:")) && then.starts_with(first)
}

fn or(why: String) -> String {
    if why.starts_with("||") { why } else { ["|| ", &why].concat() }
}

/// What a call is: healthy when `expr` is, and what it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// Its exit code is 0.
    pub expr: Expr,
    /// Its stdout.
    pub output: Output,
}

/// What is known of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Nothing that could be judged.
    Unknown,
    /// This.
    Text(Vec<u8>),
    /// This, when healthy; else nothing.
    Says(&'static str),
    /// What the native arguments read.
    Body(Arguments),
    /// The status that the native arguments get, in this format; 000 without one.
    Status(Arguments, Vec<u8>),
    /// The head of the answer that the native arguments get.
    Head(Arguments),
}

impl Reads {
    /// Settled without a check, by `why`.
    pub fn settled(healthy: bool, why: &str) -> Self {
        Self { expr: Settled(healthy, why.into()), output: Output::Text(Vec::new()) }
    }

    /// A text, and healthy.
    pub fn text(text: Vec<u8>) -> Self {
        Self { expr: Settled(true, String::new()), output: Output::Text(text) }
    }

    /// Native arguments, whose output nobody judges.
    pub fn native(arguments: Arguments) -> Self {
        Self { expr: Native(arguments), output: Output::Unknown }
    }
}

/// A word after expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Its bytes.
    Text(Vec<u8>),
    /// What a check will find: `$(curl ...)`.
    Reads(Box<Reads>),
}

/// What is asked of an output.
#[derive(Debug, Clone)]
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

impl Asked {
    fn of(&self, text: &[u8]) -> bool {
        match self {
            Asked::Matches(pattern) => pattern.matches(text),
            Asked::Filled => !text.is_empty(),
            Asked::Number(compares, with) => {
                let number = str::from_utf8(text.trim_ascii()).ok().and_then(|t| t.parse().ok());
                number.is_some_and(|number| compares(&number, with))
            }
        }
    }
}

/// When what `reads` prints is as `asked`.
pub fn judge(reads: Reads, asked: &Asked) -> Result<Expr, Wrong> {
    let settled = |text: &[u8]| Settled(asked.of(text), String::new());
    match (reads.output, asked) {
        (Output::Text(text), _) => Ok(settled(&text)),
        (Output::Says(text), _) => Ok(reads.expr.choose(settled(text.as_bytes()), settled(b""))),
        (Output::Status(arguments, format), _) => Ok(status(arguments, &format, asked)),
        (Output::Body(mut arguments), Asked::Matches(pattern)) => {
            arguments.push(match pattern.plain() {
                Some(text) => join(&[b"--expect=", text]),
                None => join(&[b"--grep=", pattern.given()]),
            });
            Ok(Native(arguments))
        }
        (Output::Head(mut arguments), Asked::Matches(pattern)) => {
            let wanted =
                pattern.status().ok_or("of a head want a grep for its status: '200 OK'")?;
            arguments.push(join(&[b"--status=", &wanted]));
            Ok(Native(arguments))
        }
        _ => {
            Err("what is put out here is not read: natively --expect TEXT, --expect-json, --status"
                .into())
        }
    }
}

/// Tries all statuses, and 000 for no answer, in place of understanding what is asked.
fn status(mut arguments: Arguments, format: &[u8], asked: &Asked) -> Expr {
    let of = |status: u16| {
        let digits = [status / 100, status / 10 % 10, status % 10].map(|digit| digit as u8 + b'0');
        let mut text = Vec::new();
        let mut rest = format;
        while let [first, more @ ..] = rest {
            match first {
                0 => text.extend_from_slice(&digits),
                byte => text.push(*byte),
            }
            rest = more;
        }
        asked.of(&text)
    };
    let none = of(0);
    let mut list = String::from("--status=");
    let mut start = None;
    for status in 100..=1000 {
        match (status < 1000 && of(status) != none, start) {
            (true, None) => start = Some(status),
            (false, Some(first)) => {
                let between = if list.ends_with('=') { "" } else { "," };
                list += &[between, &first.to_string()].concat();
                if first + 1 < status {
                    list += &["-", &(status - 1).to_string()].concat();
                }
                start = None;
            }
            _ => {}
        }
    }
    let settled = |healthy| Settled(healthy, String::new());
    if list.ends_with('=') {
        return settled(none);
    }
    arguments.push(list.into_bytes());
    Native(arguments).choose(settled(!none), settled(none))
}
