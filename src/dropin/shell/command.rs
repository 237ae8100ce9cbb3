//! One command of the shell: what is assigned, what is redirected, what the shell does itself.

use super::parser::{Node, Redirect, Simple};
use super::{Shell, State};
use crate::dropin::expr::{Expr, Output, Reads, Value, join};
use crate::dropin::nc::{address, escaped};
use crate::dropin::{World, call};
use crate::text::Wrong;

/// What a command comes to.
pub enum Leaf {
    /// A call.
    Reads(Reads),
    /// `exit`, with the code 0 or another.
    Exit(bool),
}

/// Words that only say how the next one is to be started.
const STARTS: [&[u8]; 6] =
    [b"exec", b"command", b"busybox", b"/bin/busybox", b"env", b"/usr/bin/env"];

impl Shell<'_> {
    /// One command, or several joined by pipes.
    pub fn leaf(
        &self,
        node: &Node<'_>,
        stdin: Option<Reads>,
        state: &mut State,
    ) -> Result<Leaf, Wrong> {
        match node {
            Node::Pipe(nodes) => {
                let mut stdin = None;
                for node in nodes {
                    // Each part has a process of its own: what it sets is gone with it.
                    stdin = Some(match self.leaf(node, stdin, &mut state.clone())? {
                        Leaf::Reads(reads) => reads,
                        Leaf::Exit(ok) => Reads::settled(ok, "exit"),
                    });
                }
                Ok(Leaf::Reads(stdin.unwrap_or_else(|| Reads::settled(true, ""))))
            }
            Node::Simple(simple) => self.simple(simple, stdin, state),
            _ => Err(self.of.refuse("a list in a pipe or in $( ) is not read here")),
        }
    }

    fn simple(
        &self,
        simple: &Simple<'_>,
        stdin: Option<Reads>,
        state: &mut State,
    ) -> Result<Leaf, Wrong> {
        let mut reads = Reads::settled(true, "");
        let mut own = state.clone();
        for (name, raw) in &simple.assigned {
            let value = self.value(raw, state)?;
            if let Value::Reads(found) = &value {
                reads = Reads { output: Output::Unknown, ..(**found).clone() };
            }
            own.set(name, value, !simple.words.is_empty());
        }
        let mut words = Vec::new();
        for raw in &simple.words {
            self.fields(raw, state, &mut words)?;
        }
        let starts =
            |word: &Value| matches!(word, Value::Text(text) if STARTS.contains(&text.as_slice()));
        let skipped = words.iter().take_while(|word| starts(word)).count();
        let words = words.get(skipped..).filter(|words| !words.is_empty()).unwrap_or(&words);
        let opened = self.redirected(&simple.redirects, state)?;
        if words.is_empty() {
            // Without a command, they are the shell's.
            state.variables = own.variables;
        } else {
            let stdin = stdin.or_else(|| heard(&simple.redirects, state));
            match self.command(words, stdin, state, &own)? {
                Leaf::Reads(found) => reads = found,
                exit @ Leaf::Exit(_) => return Ok(exit),
            }
        }
        if let Some(opened) = opened {
            reads.expr = opened.choose(reads.expr, Expr::Settled(false, String::new()));
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
        own: &State,
    ) -> Result<Leaf, Wrong> {
        let text = |at: usize| match words.get(at) {
            Some(Value::Text(text)) => text.as_slice(),
            _ => b"",
        };
        match text(0) {
            b"exit" => return self.exit(text(1), state),
            b"echo" | b"printf" => {
                let printed = printed(words).map_or(Output::Unknown, Output::Text);
                return Ok(Leaf::Reads(Reads { output: printed, ..Reads::settled(true, "echo") }));
            }
            b"set" => {
                let (sign, letters) = text(1).split_at_checked(1).unwrap_or_default();
                if !matches!(sign, b"-" | b"+") {
                    return Err(self.of.wrong(text(1), "set -e"));
                }
                let on = sign == b"-";
                if letters.contains(&b'e') || text(2) == b"errexit" {
                    state.exits = on;
                }
                if letters.contains(&b'u') || text(2) == b"nounset" {
                    state.strict = on;
                }
            }
            b"export" => {
                for word in words.get(1..).unwrap_or_default() {
                    state.export(word);
                }
            }
            b"exec" => {}
            _ => return self.called(words, stdin, own).map(Leaf::Reads),
        }
        Ok(Leaf::Reads(Reads::settled(true, "")))
    }

    fn exit(&self, code: &[u8], state: &mut State) -> Result<Leaf, Wrong> {
        if !code.iter().all(u8::is_ascii_digit) {
            return Err(self.of.wrong(code, "exit NUMBER"));
        }
        if code.is_empty() {
            return Ok(Leaf::Exit(state.last));
        }
        state.why = ["exit ", &String::from_utf8_lossy(code)].concat();
        Ok(Leaf::Exit(code.iter().all(|byte| *byte == b'0')))
    }

    /// A name, with the variables that its process would see.
    fn called(&self, words: &[Value], stdin: Option<Reads>, own: &State) -> Result<Reads, Wrong> {
        let variable = |name: &[u8]| {
            let known = own.variables.iter().find(|one| one.0 == name);
            let outer = (self.world.variable)(name);
            match known {
                // What the process was started with stays exported.
                Some((_, Value::Text(value), seen)) if *seen || outer.is_some() => {
                    Some(value.clone())
                }
                _ => outer,
            }
        };
        call(words, stdin, World { variable: &variable, ..self.world }, self.depth + 1)
    }

    /// The check that a redirection to or from `/dev/tcp/HOST/PORT` is.
    pub fn redirected(
        &self,
        redirects: &[Redirect<'_>],
        state: &mut State,
    ) -> Result<Option<Expr>, Wrong> {
        let mut found = None;
        for one in redirects {
            if one.socket {
                // To what nothing opened, nothing can be written.
                let open = state.socket.as_ref().map(|(to, _)| Expr::Native(vec![to.clone()]));
                let closed = || Expr::Settled(false, "a closed descriptor".into());
                found = Some(open.unwrap_or_else(closed));
            }
            if !one.tcp {
                continue;
            }
            state.stdin |= one.from == b"0";
            let to = self.text(one.to, state)?;
            let mut parts = to.splitn(5, |byte| *byte == b'/').skip(3);
            let (Some(host), Some(port)) = (parts.next(), parts.next()) else {
                return Err(self.of.wrong(&to, "/dev/tcp/HOST/PORT"));
            };
            let target = address(b"tcp://", host, port);
            found = Some(Expr::Native(vec![target.clone()]));
            state.socket = Some((target, Vec::new()));
        }
        Ok(found)
    }
}

/// What is read from `/dev/tcp`, after what was sent to it.
fn heard(redirects: &[Redirect<'_>], state: &State) -> Option<Reads> {
    let hears = redirects.iter().any(|one| one.socket && one.sign == b"<&");
    let (to, sent) = state.socket.as_ref().filter(|_| hears || state.stdin)?;
    let mut arguments = vec![to.clone()];
    if !sent.is_empty() {
        arguments.push(join(&[b"--send=", &escaped(sent)]));
    }
    Some(Reads { output: Output::Body(arguments.clone()), ..Reads::native(arguments) })
}

/// Puts an output where the redirections lead.
fn put(redirects: &[Redirect<'_>], reads: &mut Reads, state: &mut State) {
    // The head that wget puts to stderr may be the pipe's by then.
    let both = redirects.iter().any(|one| one.to == b"1");
    for one in redirects {
        if one.socket
            && one.sign == b">&"
            && let (Output::Text(text), Some((_, sent))) = (&reads.output, &mut state.socket)
        {
            sent.extend_from_slice(text);
        }
        if one.null && one.stdout() && !(both && matches!(reads.output, Output::Head(_))) {
            reads.output = Output::Text(Vec::new());
        }
    }
}

impl State {
    /// Sets a variable; those that were exported stay so.
    pub fn set(&mut self, name: &[u8], value: Value, seen: bool) {
        let seen = seen || self.variables.iter().any(|one| one.0 == name && one.2);
        self.variables.retain(|one| one.0 != name);
        self.variables.push((name.to_vec(), value, seen));
    }

    /// `export NAME`, `export NAME=text`.
    fn export(&mut self, word: &Value) {
        let Value::Text(word) = word else { return };
        match word.iter().position(|byte| *byte == b'=') {
            Some(at) => {
                let (name, value) = word.split_at_checked(at).unwrap_or_default();
                let value = value.get(1..).unwrap_or_default().to_vec();
                self.set(name, Value::Text(value), true);
            }
            None => {
                let known = self.variables.iter_mut().filter(|one| one.0 == *word);
                known.for_each(|one| one.2 = true);
            }
        }
    }
}

/// What `echo` and `printf` print; `None` when that is a check's output.
fn printed(words: &[Value]) -> Option<Vec<u8>> {
    let mut texts: Vec<&[u8]> = Vec::new();
    for word in words {
        let Value::Text(text) = word else { return None };
        texts.push(text);
    }
    let printf = texts.first() == Some(&&b"printf"[..]);
    let (mut escapes, mut newline) = (printf, !printf);
    let mut texts = texts.get(1..).unwrap_or_default();
    while let ([option @ (b"-n" | b"-e" | b"-ne" | b"-en"), rest @ ..], false) = (texts, printf) {
        escapes |= option.contains(&b'e');
        newline &= !option.contains(&b'n');
        texts = rest;
    }
    let mut out = match texts {
        // A format without a text, or one of the two that only take one.
        [b"%s\\n", text] if printf => join(&[text, b"\n"]),
        [b"%s", text] if printf => text.to_vec(),
        [format] if printf => format.to_vec(),
        _ if printf => return None,
        texts => texts.join(&b' '),
    };
    if escapes {
        out = unescaped(&out);
    }
    if newline {
        out.push(b'\n');
    }
    Some(out)
}

/// Text with its backslashes read.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let [first, more @ ..] = rest {
        let (byte, after) = match (first, more) {
            (b'\\', [b'n', after @ ..]) => (b'\n', after),
            (b'\\', [b'r', after @ ..]) => (b'\r', after),
            (b'\\', [b't', after @ ..]) => (b'\t', after),
            (b'\\', [b'\\', after @ ..]) => (b'\\', after),
            (b'%', [b'%', after @ ..]) => (b'%', after),
            (byte, after) => (*byte, after),
        };
        plain.push(byte);
        rest = after;
    }
    plain
}
