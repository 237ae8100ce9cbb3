//! `sh -c TEXT`: what the list's value would be, with nothing started.
//!
//! The text is read into a tree, and the tree walked with what follows it in hand: every check leads
//! to one rest of the text where it is healthy and to another where it is not.

mod command;
mod lexer;
mod parser;
mod words;

use std::cell::Cell;

use super::expr::{Expr, Output, Reads, Value};
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
            Some(b"--" | b"--login" | b"--norc" | b"--noprofile" | b"--posix") => {}
            Some([b'-' | b'+', letters @ ..]) if !letters.is_empty() => {
                given |= letters.contains(&b'c');
                state.exits |= letters.contains(&b'e');
                state.strict |= letters.contains(&b'u');
                if let Some(other) = letters.iter().find(|letter| !b"celuxifo".contains(letter)) {
                    return Err(of.wrong(&[b'-', *other], "sh -c TEXT"));
                }
                if letters.contains(&b'o') {
                    let name = words.next().unwrap_or_default();
                    state.exits |= name == b"errexit";
                }
            }
            Some(text) if given => break text,
            Some(script) => return Err(of.wrong(script, "sh -c TEXT: no script file is read")),
            None => return Err(of.refuse("want sh -c TEXT")),
        }
    };
    let shell = Shell { world: of.world, depth: of.depth, ways: Cell::new(WAYS), of };
    let tree = parser::parse(text).map_err(|wrong| of.refuse(&wrong))?;
    let end: Then<'_> = &|state: State, ok| Ok(Expr::Settled(ok, state.why));
    let expr = shell.walk(&tree, state, Way { tested: false, exit: end }, end)?;
    // Nothing that was asked for says that it is.
    if expr == Expr::Settled(true, String::new()) {
        return Err(of.refuse("want a check in it, or true"));
    }
    Ok(Reads { expr, output: Output::Unknown })
}

/// What the shell knows at one place of the text.
#[derive(Debug, Clone)]
pub struct State {
    /// Name, value, and whether what is called sees it.
    variables: Vec<(Vec<u8>, Value, bool)>,
    /// `$?` is 0.
    last: bool,
    /// What settled it.
    why: String,
    /// `set -e`.
    exits: bool,
    /// `set -u`.
    strict: bool,
    /// What `exec 3<>/dev/tcp/HOST/PORT` opened, and the text sent to it.
    socket: Option<(Vec<u8>, Vec<u8>)>,
    /// It is stdin as well: `0<>/dev/tcp/HOST/PORT`.
    stdin: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            variables: Vec::new(),
            last: true,
            why: String::new(),
            exits: false,
            strict: false,
            socket: None,
            stdin: false,
        }
    }
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
    depth: u8,
    ways: Cell<u32>,
    of: &'s Call<'s>,
}

impl Shell<'_> {
    fn walk(
        &self,
        node: &Node<'_>,
        state: State,
        way: Way<'_>,
        then: Then<'_>,
    ) -> Result<Expr, Wrong> {
        let tested = Way { tested: true, ..way };
        match node {
            Node::Seq(a, b) => self.walk(a, state, way, &|state, _| self.walk(b, state, way, then)),
            Node::And(a, b) => self.walk(a, state, tested, &|state, ok| match ok {
                true => self.walk(b, state, way, then),
                false => then(state, false),
            }),
            Node::Or(a, b) => self.walk(a, state, tested, &|state, ok| match ok {
                true => then(state, true),
                false => self.walk(b, state, way, then),
            }),
            Node::Not(a) => self.walk(a, state, tested, &|state, ok| then(state, !ok)),
            Node::If(a, yes, no) => self.walk(a, state, tested, &|state, ok| match (ok, no) {
                (true, _) => self.walk(yes, state, way, then),
                (false, Some(no)) => self.walk(no, state, way, then),
                (false, None) => then(state, true),
            }),
            Node::Group(inner, redirects) if redirects.is_empty() => {
                self.walk(inner, state, way, then)
            }
            Node::Sub(inner, redirects) if redirects.is_empty() => {
                let outer = state.clone();
                let back: Then<'_> = &|state: State, ok| {
                    then(State { why: state.why, last: ok, ..outer.clone() }, ok)
                };
                self.walk(inner, state, Way { exit: back, ..way }, back)
            }
            Node::Group(inner, redirects) | Node::Sub(inner, redirects) => {
                let mut state = state;
                let opened = self.redirected(redirects, &mut state)?;
                let way = Way { tested: true, ..way };
                match opened {
                    None => self.walk(inner, state, way, then),
                    Some(expr) => self.fork(expr, state, way, &|state, ok| match ok {
                        true => self.walk(inner, state, way, then),
                        false => then(state, false),
                    }),
                }
            }
            Node::Empty => then(state, true),
            Node::Pipe(_) | Node::Simple(_) => {
                let mut state = state;
                let found = self.leaf(node, None, &mut state)?;
                match found {
                    Leaf::Exit(code) => (way.exit)(state, code),
                    Leaf::Reads(reads) => self.fork(reads.expr, state, way, then),
                }
            }
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
        let go = |mut state: State, ok: bool| {
            state.last = ok;
            match !ok && state.exits && !way.tested {
                true => (way.exit)(state, false),
                false => then(state, ok),
            }
        };
        if let Expr::Settled(ok, why) = expr {
            state.why = why;
            return go(state, ok);
        }
        state.why = String::new();
        let yes = go(state.clone(), true)?;
        Ok(expr.choose(yes, go(state, false)?))
    }
}
