//! One command of the shell: what is assigned, what is redirected, what the shell does itself.

use std::cell::Cell;

use super::parser::{Node, Redirect, Simple, To};
use super::{Shell, State, Variable};
use crate::dropin::expr::{Bytes, Expr, Output, Reads, Value, join, keep};
use crate::dropin::services::{address, escaped};
use crate::dropin::small::globs;
use crate::dropin::test::PATTERN;
use crate::dropin::{World, base, call, find, unknown};
use crate::text::{Wrong, pieces};

/// What a command comes to.
pub enum Leaf {
    /// A call.
    Reads(Reads),
    /// `exit`, with the code 0 or another.
    Exit(bool),
}

/// Why a list is refused where its output is judged.
const LIST: &str = "a list in a pipe or in $( ) is not read here";

/// Whether a command takes the shell's place.
pub fn replaces(node: Node) -> bool {
    matches!(node, Node::Simple(simple) if simple.calls(b"exec") && simple.words.len() > 1)
}

/// Words that only say how the next one is to be started.
const STARTS: [&[u8]; 6] =
    [b"exec", b"command", b"busybox", b"/bin/busybox", b"env", b"/usr/bin/env"];

impl Shell<'_> {
    /// One command, or several joined by pipes.
    pub fn leaf(&self, node: Node, stdin: Option<Reads>, state: &mut State) -> Result<Leaf, Wrong> {
        match node {
            Node::Pipe(nodes) => {
                let mut found = Reads::settled(true, "");
                let mut stdin = None;
                for node in nodes {
                    // Each part has a process of its own: what it sets is gone with it.
                    found = match self.leaf(*node, stdin, &mut { *state })? {
                        Leaf::Reads(reads) => reads,
                        Leaf::Exit(ok) => Reads::settled(ok, "exit"),
                    };
                    stdin = Some(found);
                }
                Ok(Leaf::Reads(found))
            }
            Node::Simple(simple) => self.simple(simple, stdin, state),
            Node::Group(inner, []) | Node::Sub(inner, []) => self.leaf(*inner, stdin, state),
            // A sleep behind a text only keeps the pipe open.
            Node::Seq([Node::Simple(text), Node::Simple(more)])
                if (text.calls(b"echo") || text.calls(b"printf")) && more.calls(b"sleep") =>
            {
                self.simple(text, None, state)
            }
            _ => Err(self.of.refuse(LIST)),
        }
    }

    fn simple(
        &self,
        simple: &Simple,
        stdin: Option<Reads>,
        state: &mut State,
    ) -> Result<Leaf, Wrong> {
        let mut reads = Reads::settled(true, "");
        let mut own = *state;
        for (name, raw) in &simple.assigned {
            let value = self.value(raw, state)?;
            if let Value::Reads(found, _) = value {
                reads = Reads { output: Output::Unknown, ..*found };
            }
            own.set(name, value, !simple.words.is_empty());
        }
        let mut words = Vec::new();
        let condition = simple.calls(b"[[");
        for raw in &simple.words {
            self.fields(raw, state, &mut words, condition)?;
            // A star that was in quotes, or in a variable, is no pattern, or not surely.
            let bare = matches!(raw, [b'*', .., b'*']) && !raw.ends_with(b"\\*");
            let word = words.last().map_or(&b""[..], |word| word.text());
            if condition && !bare && word != *raw && globs(word) {
                return Err(self.of.wrong(raw, PATTERN));
            }
        }
        let mut words = words.as_slice();
        while let [first, rest @ ..] = words
            && rest.first().is_some_and(|next| next.text() != b"-v")
            && STARTS.contains(&first.text())
        {
            words = rest;
        }
        let opened = self.redirected(&simple.redirects, state)?;
        if words.is_empty() {
            // Without a command, they are the shell's.
            state.variables = own.variables;
        } else {
            let stdin = stdin.or_else(|| heard(&simple.redirects, state));
            match self.command(words, stdin, state, own)? {
                Leaf::Reads(found) => reads = found,
                exit @ Leaf::Exit(_) => return Ok(exit),
            }
        }
        if let Some(opened) = opened {
            reads.expr = opened.choose(reads.expr, Expr::Settled(false, b""));
        }
        put(&simple.redirects, &mut reads, state);
        Ok(Leaf::Reads(reads))
    }

    /// What the shell does itself, else a name's.
    fn command(
        &self,
        words: &[Value],
        stdin: Option<Reads>,
        state: &mut State,
        own: State,
    ) -> Result<Leaf, Wrong> {
        let text = |at: usize| words.get(at).map_or(&b""[..], |word| word.text());
        let option = text(1);
        match text(0) {
            b"exit" | b"export" if words.iter().any(|word| matches!(word, Value::Reads(..))) => {
                return Err(self.of.refuse("what a check puts out is no word of exit or export"));
            }
            b"exit" => return self.exit(option, state),
            // What is read here is there.
            name if name == b"which" || name == b"command" && option == b"-v" => {
                let from = if name == b"which" { 1 } else { 2 };
                for word in words.get(from..).unwrap_or_default() {
                    if find(base(word.text())).is_none() {
                        return Err(unknown(word.text()));
                    }
                }
                let output = Output::Unknown;
                return Ok(Leaf::Reads(Reads { output, ..Reads::settled(true, "") }));
            }
            b"echo" | b"printf" => {
                let output = match words {
                    // A variable that a check fills is put out as it was; a body only where nothing
                    // parts it.
                    [_, Value::Reads(Reads { output, .. }, quoted)]
                        if text(0) == b"echo"
                            && (matches!(output, Output::Status(..))
                                || *quoted && matches!(output, Output::Body(_))) =>
                    {
                        *output
                    }
                    words => printed(words).map_or(Output::Unknown, Output::Text),
                };
                return Ok(Leaf::Reads(Reads { output, ..Reads::settled(true, "echo") }));
            }
            b"set" => {
                if !matches!(option, [b'-' | b'+', ..]) {
                    return Err(self.of.wrong(option, "set -e"));
                }
                let on = option.starts_with(b"-");
                if option.contains(&b'e') || text(2) == b"errexit" {
                    state.exits = on;
                }
                if option.contains(&b'u') || text(2) == b"nounset" {
                    state.strict = on;
                }
            }
            b"export" => {
                for word in words.get(1..).unwrap_or_default() {
                    let word = word.text();
                    let at = word.iter().position(|byte| *byte == b'=');
                    let (name, value) =
                        word.split_at_checked(at.unwrap_or(word.len())).unwrap_or_default();
                    let known = self.variable(name, state).unwrap_or(Value::Text(b""));
                    let value = value.get(1..).map_or(known, Value::Text);
                    state.set(name, value, true);
                }
            }
            b"exec" => {}
            _ => return self.called(words, stdin, own).map(Leaf::Reads),
        }
        Ok(Leaf::Reads(Reads::settled(true, "")))
    }

    fn exit(&self, code: Bytes, state: &mut State) -> Result<Leaf, Wrong> {
        let digits = code.strip_prefix(b"-").unwrap_or(code);
        // What is below 0 is none of the codes that are 0.
        if !digits.iter().all(u8::is_ascii_digit) || code == b"-" {
            return Err(self.of.wrong(code, "exit NUMBER"));
        }
        if code.is_empty() {
            return Ok(Leaf::Exit(state.last));
        }
        state.why = join(&[b"exit ", code]);
        Ok(Leaf::Exit(code.iter().all(|byte| *byte == b'0')))
    }

    /// A name, with the variables that its process would see.
    fn called(&self, words: &[Value], stdin: Option<Reads>, own: State) -> Result<Reads, Wrong> {
        let checked = Cell::new(false);
        let variable = |name: &[u8]| {
            let outer = (self.world.variable)(name);
            match own.find(name) {
                // What the process was started with stays exported.
                Some(known) if known.seen || outer.is_some() => {
                    checked.set(checked.get() || matches!(known.value, Value::Reads(..)));
                    Some(known.value.text().to_vec())
                }
                _ => outer,
            }
        };
        let world = World { variable: &variable, ..self.world };
        let called = call(words, stdin, world, self.of.depth + 1);
        match checked.get() {
            true => Err(self.of.refuse("what a check puts out is no variable of a command")),
            false => called,
        }
    }

    /// The check that a redirection to or from `/dev/tcp/HOST/PORT` is.
    pub fn redirected(
        &self,
        redirects: &[Redirect],
        state: &mut State,
    ) -> Result<Option<Expr>, Wrong> {
        let mut found = None;
        for one in redirects {
            if one.to == To::Tcp {
                let to = self.value(one.word, state)?.text();
                let mut parts = pieces(to, b'/').skip(3);
                let (Some(host), Some(port)) = (parts.next(), parts.next()) else {
                    return Err(self.of.wrong(to, "/dev/tcp/HOST/PORT"));
                };
                state.socket = Some((address("tcp", host, port), b""));
                state.stdin |= one.from == b'0' && one.both;
            }
            if matches!(one.to, To::Tcp | To::Socket) {
                found = Some(match state.socket {
                    Some((to, _)) => Expr::Native(keep([to])),
                    // To what nothing opened, nothing can be written.
                    None => Expr::Settled(false, b"a closed descriptor"),
                });
            }
        }
        Ok(found)
    }
}

/// What is read from `/dev/tcp`, after what was sent to it.
fn heard(redirects: &[Redirect], state: &State) -> Option<Reads> {
    let hears = redirects.iter().any(|one| one.to == To::Socket && one.reads);
    let (to, sent) = state.socket.filter(|_| hears || state.stdin)?;
    let mut arguments = vec![to];
    if !sent.is_empty() {
        arguments.push(join(&[b"--send=", escaped(sent)]));
    }
    let arguments: &'static [Bytes] = arguments.leak();
    Some(Reads { expr: Expr::Native(arguments), output: Output::Body(arguments) })
}

/// Puts an output where the redirections lead.
fn put(redirects: &[Redirect], reads: &mut Reads, state: &mut State) {
    // The head that wget puts to stderr may be the pipe's by then.
    let both = redirects.iter().any(|one| one.to == To::Stdout);
    for one in redirects {
        match (one.to, reads.output, &mut state.socket) {
            (To::Socket, Output::Text(text), Some((_, sent))) if !one.reads => {
                *sent = join(&[sent, text]);
            }
            (To::Null, Output::Head(_), _) if both => {}
            (To::Null | To::Stderr, ..) if one.from == b'1' => reads.output = Output::Text(b""),
            _ => {}
        }
    }
}

impl State {
    /// Sets a variable; those that were exported stay so.
    pub fn set(&mut self, name: Bytes, value: Value, seen: bool) {
        let seen = seen || self.find(name).is_some_and(|known| known.seen);
        self.variables = Some(keep(Variable { name, value, seen, older: self.variables }));
    }

    /// A variable of the text's own.
    pub fn find(&self, name: &[u8]) -> Option<&'static Variable> {
        let mut next = self.variables;
        while let Some(one) = next.filter(|one| one.name != name) {
            next = one.older;
        }
        next
    }
}

/// What `echo` and `printf` print; `None` when that is a check's output, or a format with values.
fn printed(words: &[Value]) -> Option<Bytes> {
    let mut texts = Vec::new();
    for word in words {
        match word {
            Value::Text(text) => texts.push(*text),
            Value::Reads(..) => return None,
        }
    }
    let (name, mut texts) = texts.split_first()?;
    let printf = *name == b"printf";
    let (mut escapes, mut newline) = (printf, !printf);
    while let [option @ (b"-n" | b"-e" | b"-ne" | b"-en"), rest @ ..] = texts
        && !printf
    {
        escapes |= option.contains(&b'e');
        newline &= !option.contains(&b'n');
        texts = rest;
    }
    let text = match texts {
        [b"%s\\n", text] if printf => join(&[text, b"\\n"]),
        [b"%s", text] | [text] if printf => *text,
        _ if printf => return None,
        texts => texts.join(&b' ').leak(),
    };
    let mut out = Vec::new();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        let (byte, after) = match (first, more) {
            (b'\\', _) => escape(more, escapes, printf)?,
            (b'%', [b'%', after @ ..]) if printf => (b'%', after),
            (byte, after) => (*byte, after),
        };
        out.push(byte);
        rest = after;
    }
    if newline {
        out.push(b'\n');
    }
    Some(out.leak())
}

/// What a backslash and these put out, and what follows; `None` where shells disagree, as about all of
/// an `echo` without `-e`.
fn escape(text: Bytes, escapes: bool, printf: bool) -> Option<(u8, Bytes)> {
    let (letter, after) = text.split_first().unwrap_or((&b' ', text));
    let byte = match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'\\' => b'\\',
        // More digits than that are another byte.
        b'0' if !after.first().is_some_and(u8::is_ascii_digit) => 0,
        b'a'..=b'f' | b'v' | b'x' | b'0'..=b'7' => return None,
        _ if printf => return None,
        _ => return Some((b'\\', text)),
    };
    Some((byte, after)).filter(|_| escapes)
}
