//! `sh -c TEXT`: what the list's value would be, with nothing started.
//!
//! The text is read into a tree, and the tree walked with what follows it in hand: every check leads
//! to one rest of the text where it is healthy and to another where it is not.

mod command;
mod lexer;
mod parser;
mod words;

use std::cell::Cell;

use super::expr::{Bytes, Expr, Output, Reads, Value};
use super::{Call, World};
use crate::text::Wrong;
use command::Leaf;
use parser::Node;

/// More ways through a text than this were not meant for a probe.
const WAYS: u32 = 256;

/// Reads the shell's own words, then its text. Operands behind it are ignored.
pub fn read(of: &Call<'_>) -> Result<Reads, Wrong> {
    let mut words = of.texts()?.into_iter();
    let mut state = State::default();
    let mut given = false;
    let text = loop {
        match words.next() {
            Some([b'-', b'-', ..]) => {}
            Some([b'-' | b'+', letters @ ..]) if !letters.is_empty() => {
                let has = |letter| letters.contains(&letter);
                given |= has(b'c');
                let name = if has(b'o') { words.next().unwrap_or_default() } else { b"" };
                state.exits |= has(b'e') || name == b"errexit";
                state.strict |= has(b'u') || name == b"nounset";
                if !letters.iter().all(|letter| b"celuxifo".contains(letter)) {
                    return Err(of.wrong(letters, "sh -c TEXT"));
                }
            }
            Some(text) if given => break text,
            Some(script) => return Err(of.wrong(script, "sh -c TEXT: no script file is read")),
            None => return Err(of.refuse("want sh -c TEXT")),
        }
    };
    let shell = Shell { world: of.world, ways: Cell::new(WAYS), of };
    let tree = parser::parse(text).map_err(|wrong| of.refuse(&wrong))?;
    let end: Then<'_> = &|state, ok| Ok(Expr::Settled(ok, state.why));
    let expr = shell.walk(tree, state, Way { tested: false, exit: end }, end)?;
    // Nothing that was asked for says that it is.
    if expr == Expr::Settled(true, b"") {
        return Err(of.refuse("want a check in it, or true"));
    }
    Ok(Reads { expr, output: Output::Unknown })
}

/// What the shell knows at one place of the text.
#[derive(Clone, Copy)]
struct State {
    variables: Option<&'static Variable>,
    /// `$?` is 0.
    last: bool,
    /// What settled it.
    why: Bytes,
    /// `set -e`.
    exits: bool,
    /// `set -u`.
    strict: bool,
    /// What `exec 3<>/dev/tcp/HOST/PORT` opened, and the text sent to it.
    socket: Option<(Bytes, Bytes)>,
    /// It is stdin as well: `0<>/dev/tcp/HOST/PORT`.
    stdin: bool,
}

impl Default for State {
    fn default() -> Self {
        let (last, exits, strict, stdin) = (true, false, false, false);
        Self { variables: None, last, why: b"", exits, strict, socket: None, stdin }
    }
}

/// A variable; those that were set before, one of the same name among them.
struct Variable {
    name: Bytes,
    value: Value,
    /// Whether what is called sees it.
    seen: bool,
    older: Option<&'static Variable>,
}

/// What follows, by whether what stands before was healthy.
type Then<'t> = &'t dyn Fn(State, bool) -> Result<Expr, Wrong>;

/// Where a node stands.
#[derive(Clone, Copy)]
struct Way<'t> {
    /// In front of `&&` or `||`, behind `!` or `if`: `set -e` does not end it.
    tested: bool,
    /// Where `exit` leads.
    exit: Then<'t>,
}

struct Shell<'s> {
    world: World<'s>,
    ways: Cell<u32>,
    of: &'s Call<'s>,
}

impl Shell<'_> {
    fn walk(
        &self,
        node: Node,
        mut state: State,
        way: Way<'_>,
        then: Then<'_>,
    ) -> Result<Expr, Wrong> {
        let tested = Way { tested: true, ..way };
        match node {
            Node::Empty => then(state, true),
            Node::Seq([a, b]) => {
                self.walk(*a, state, way, &|state, _| self.walk(*b, state, way, then))
            }
            Node::And([a, b]) | Node::Or([a, b]) => {
                let and = matches!(node, Node::And(_));
                self.walk(*a, state, tested, &|state, ok| match ok == and {
                    true => self.walk(*b, state, way, then),
                    false => then(state, ok),
                })
            }
            Node::Not(a) => self.walk(*a, state, tested, &|state, ok| then(state, !ok)),
            Node::If([a, yes, no]) => self.walk(*a, state, tested, &|state, ok| {
                self.walk(if ok { *yes } else { *no }, state, way, then)
            }),
            Node::Group(inner, redirects) | Node::Sub(inner, redirects) => {
                let outer = state;
                let sub = matches!(node, Node::Sub(..));
                // What a list in ( ) sets and where it exits ends with it.
                let back: Then<'_> = &|state, ok| {
                    let (why, last) = (state.why, ok);
                    then(if sub { State { why, last, ..outer } } else { state }, ok)
                };
                let exit = if sub { back } else { way.exit };
                let opened = self.redirected(redirects, &mut state)?;
                let opened = opened.unwrap_or(Expr::Settled(true, b""));
                self.fork(opened, state, tested, &|state, ok| match ok {
                    true => self.walk(*inner, state, Way { exit, ..way }, back),
                    false => then(state, false),
                })
            }
            Node::Pipe(_) | Node::Simple(_) => match self.leaf(node, None, &mut state)? {
                Leaf::Exit(code) => (way.exit)(state, code),
                // In the shell's place: nothing behind it is ever reached.
                Leaf::Reads(reads) if command::replaces(node) => {
                    self.fork(reads.expr, state, way, way.exit)
                }
                Leaf::Reads(reads) => self.fork(reads.expr, state, way, then),
            },
        }
    }

    /// Goes both ways from a check.
    fn fork(
        &self,
        expr: Expr,
        mut state: State,
        way: Way<'_>,
        then: Then<'_>,
    ) -> Result<Expr, Wrong> {
        let left = self.ways.get().checked_sub(1);
        self.ways.set(left.ok_or_else(|| self.of.refuse("want a shorter text"))?);
        let go = |mut state: State, ok| {
            state.last = ok;
            let then = if !ok && state.exits && !way.tested { way.exit } else { then };
            then(state, ok)
        };
        if let Expr::Settled(ok, why) = expr {
            state.why = why;
            return go(state, ok);
        }
        state.why = b"";
        Ok(expr.choose(go(state, true)?, go(state, false)?))
    }
}
