//! Words of the shell: quotes taken away, variables and `$(...)` put in.

use super::command::Leaf;
use super::lexer::until;
use super::parser::{Node, parse};
use super::{Shell, State};
use crate::dropin::expr::{Bytes, Expr, Output, Reads, Value, join, keep};
use crate::dropin::small::globs;
use crate::text::Wrong;

/// The longest that a word may become, and the most words that a command may have.
const LONGEST: usize = 16_384;
const WORDS: usize = 1000;

/// Letters that a variable's name is of.
fn named(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// A name, and what follows it.
fn name(text: Bytes) -> (Bytes, Bytes) {
    let length = text.iter().position(|byte| !named(byte)).unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or_default()
}

/// A variable that is not set.
const UNSET: Value = Value::Text(b"");

/// What is not known, as a word that has in it what a check is yet to find.
static UNKNOWN: Reads = Reads { expr: Expr::Settled(true, b""), output: Output::Unknown };

/// Words under construction.
struct Fields<'f> {
    /// The one that grows; `None` between two.
    open: Option<Vec<u8>>,
    done: &'f mut Vec<Value>,
    /// What a check is yet to find, when that is all of the word.
    whole: Option<Value>,
    /// Nothing parts it.
    one: bool,
}

impl Fields<'_> {
    #[inline(never)]
    fn push(&mut self, text: &[u8]) {
        self.open.get_or_insert_default().extend_from_slice(text);
    }

    fn end(&mut self) {
        if let Some(text) = self.open.take() {
            self.done.push(Value::Text(text.leak()));
        }
    }
}

impl Shell<'_> {
    /// Appends what a word becomes: one word mostly, none or more of a variable without quotes.
    pub fn fields(
        &self,
        raw: Bytes,
        state: &mut State,
        done: &mut Vec<Value>,
        one: bool,
    ) -> Result<(), Wrong> {
        let mut fields = Fields { open: one.then(Vec::new), done, whole: None, one };
        self.expand(raw, state, &mut fields)
    }

    /// What a word becomes that is never parted.
    pub fn value(&self, raw: Bytes, state: &mut State) -> Result<Value, Wrong> {
        let mut done = Vec::new();
        self.fields(raw, state, &mut done, true)?;
        Ok(done.pop().unwrap_or(UNSET))
    }

    /// Walks over a word.
    fn expand(&self, raw: Bytes, state: &mut State, fields: &mut Fields<'_>) -> Result<(), Wrong> {
        let mut double = false;
        let mut rest = raw;
        while let [first, more @ ..] = rest {
            let here = rest;
            rest = more;
            match (first, more) {
                (b'"', _) => {
                    double = !double;
                    fields.push(b"");
                }
                (b'\\', [b'\n', after @ ..]) => rest = after,
                (b'\\', [next, after @ ..]) => {
                    // Inside of quotes it is itself but before these (POSIX, XCU 2.2.3).
                    if double && !b"\\\"$`".contains(next) {
                        fields.push(b"\\");
                    }
                    fields.push(&[*next]);
                    rest = after;
                }
                (b'\'', _) if !double => {
                    let end = more.iter().position(|byte| *byte == b'\'').unwrap_or(more.len());
                    fields.push(more.get(..end).unwrap_or_default());
                    rest = more.get(end + 1..).unwrap_or_default();
                }
                (b'`', _) => rest = self.put(here, state, fields, double)?,
                (b'$', [next, ..]) if named(next) || b"({?@*#$!".contains(next) => {
                    rest = self.put(here, state, fields, double)?;
                }
                (byte, _) => fields.push(&[*byte]),
            }
        }
        match fields.whole.take() {
            Some(whole) => fields.done.push(whole),
            None => fields.end(),
        }
        Ok(())
    }

    /// Adds what stands at a `$` or a backquote; what follows it.
    fn put(
        &self,
        here: Bytes,
        state: &mut State,
        fields: &mut Fields<'_>,
        double: bool,
    ) -> Result<Bytes, Wrong> {
        let (value, after) = self.dollar(here, state)?;
        match value {
            Value::Text(text) if double || fields.one => fields.push(text),
            // Without quotes blanks part it.
            Value::Text(text) => {
                for (i, part) in text.split(|byte| b" \t\n".contains(byte)).enumerate() {
                    if i > 0 {
                        fields.end();
                    }
                    if !part.is_empty() {
                        fields.push(part);
                    }
                }
            }
            Value::Reads(reads, _) => {
                let alone =
                    fields.open.as_ref().is_none_or(Vec::is_empty) && fields.whole.is_none();
                let all = alone && after.len() <= 1 && double == (after == b"\"");
                if fields.one && !all {
                    return Err(self.of.refuse("want what a check puts out as a word of its own"));
                }
                // What is more than that may be put out, but not judged.
                let reads = if all { reads } else { &UNKNOWN };
                fields.whole = Some(Value::Reads(reads, double || fields.one));
            }
        }
        // Variables of variables would grow without end.
        if fields.open.as_ref().map_or(0, Vec::len) > LONGEST || fields.done.len() > WORDS {
            return Err(self.of.refuse("want shorter variables"));
        }
        Ok(after)
    }

    /// What stands at a `$` or a backquote, and what follows it.
    fn dollar(&self, text: Bytes, state: &mut State) -> Result<(Value, Bytes), Wrong> {
        let (skip, end): (usize, &[u8]) = match text {
            [b'`', ..] => (1, b"`"),
            [_, b'(', b'(', ..] => {
                return Err(self.of.refuse("for a file's age want --max-age, no arithmetic"));
            }
            [_, b'(', ..] => (2, b")"),
            [_, b'{', ..] => (2, b"}"),
            [_, b'?', after @ ..] => {
                return Ok((Value::Text(if state.last { b"0" } else { b"1" }), after));
            }
            [_, rest @ ..] if rest.first().is_some_and(|b| named(b) && !b.is_ascii_digit()) => {
                let (name, after) = name(rest);
                return Ok((self.set_one(name, state)?, after));
            }
            _ => {
                let sign = text.get(..2).unwrap_or(text);
                return Err(self.of.wrong(sign, "$NAME, ${NAME:-x}, $(cat FILE)"));
            }
        };
        let inside = text.get(skip..).unwrap_or_default();
        let length = until(inside, end, end == b"`", 0)?;
        let (inside, after) = inside.split_at_checked(length).unwrap_or_default();
        let value = match end {
            b"}" => self.braces(inside, state)?,
            _ => self.output(inside, *state)?,
        };
        Ok((value, after.get(1..).unwrap_or_default()))
    }

    /// A variable: the text's own, else the environment's.
    pub fn variable(&self, name: &[u8], state: &State) -> Option<Value> {
        if name == b"PWD" {
            // The shell's own.
            return Some(Value::Reads(&UNKNOWN, true));
        }
        match state.find(name) {
            Some(known) => Some(known.value),
            None => (self.world.variable)(name).map(|value| Value::Text(value.leak())),
        }
    }

    /// What a variable has; with `set -u` it must have something.
    fn set_one(&self, name: Bytes, state: &State) -> Result<Value, Wrong> {
        match self.variable(name, state) {
            None if state.strict => Err(self.of.wrong(name, "it set, as set -u has it")),
            found => Ok(found.unwrap_or(UNSET)),
        }
    }

    /// `${NAME}`, `${NAME:-x}` and the like.
    fn braces(&self, inside: Bytes, state: &mut State) -> Result<Value, Wrong> {
        let (name, more) = name(inside);
        let found = self.variable(name, state);
        let sign = more.strip_prefix(b":").unwrap_or(more);
        let filled = found.is_some_and(|value| sign.len() == more.len() || value != UNSET);
        match sign {
            _ if name.is_empty() => {}
            [] if more.is_empty() => return self.set_one(name, state),
            [b'+', word @ ..] if filled => return self.value(word, state),
            [b'+', ..] => return Ok(UNSET),
            [b'-' | b'=' | b'?', ..] if filled => return Ok(found.unwrap_or(UNSET)),
            [sign @ (b'-' | b'='), word @ ..] => {
                let value = self.value(word, state)?;
                if *sign == b'=' {
                    state.set(name, value, false);
                }
                return Ok(value);
            }
            _ => {}
        }
        let want = "${NAME}, ${NAME:-x} or ${NAME:=x}, of a set one ${NAME:?x}";
        Err(self.of.wrong(join(&[b"${", inside, b"}"]), want))
    }

    /// `$(...)`: a file's content and what is echoed are texts, the rest is a check's output.
    fn output(&self, inside: Bytes, mut state: State) -> Result<Value, Wrong> {
        let tree = parse(inside).map_err(|wrong| self.of.refuse(&wrong))?;
        let path: Option<Bytes> = match tree {
            Node::Simple(simple) => match simple.words.as_slice() {
                [b"cat" | b"/bin/cat" | b"/usr/bin/cat", path] => Some(path),
                [b"hostname"] => Some(b"/proc/sys/kernel/hostname"),
                _ => None,
            },
            _ => None,
        };
        if let Some(path) = path {
            // What cannot be read is nothing, as a shell has it.
            let Value::Text(path) = self.value(path, &mut state)? else {
                return Err(self.of.refuse("want the path of one file in $(cat FILE)"));
            };
            if globs(path) {
                return Err(self.of.wrong(path, "one file"));
            }
            return Ok(trimmed((self.world.file)(path).unwrap_or_default().leak()));
        }
        if let Node::Or([a, b]) = tree
            && let Leaf::Reads(Reads { expr, output }) = self.leaf(*a, None, &mut state)?
            && let Leaf::Reads(Reads { expr: Expr::Settled(true, why), output: Output::Text(more) }) =
                self.leaf(*b, None, &mut state)?
            && let Some(output) = fallen(expr, output, more)
        {
            return Ok(Value::Reads(keep(Reads { expr: Expr::Settled(true, why), output }), true));
        }
        match self.leaf(tree, None, &mut state)? {
            Leaf::Reads(Reads { expr: Expr::Settled(true, _), output: Output::Text(text) }) => {
                Ok(trimmed(text))
            }
            Leaf::Reads(reads) => Ok(Value::Reads(keep(reads), true)),
            Leaf::Exit(_) => Ok(UNSET),
        }
    }
}

/// What `$(... || echo more)` puts out; `None` where it is not known when `more` is.
fn fallen(expr: Expr, output: Output, more: Bytes) -> Option<Output> {
    match (expr, output) {
        (_, Output::Status(..) | Output::Body(_)) if more.is_empty() => Some(output),
        // Without -f, curl fails where there is no status.
        (Expr::Native([.., b"--status=100-999"]), Output::Status(arguments, format, _)) => {
            Some(Output::Status(arguments, format, more))
        }
        _ => None,
    }
}

/// Without the newlines in the end.
fn trimmed(text: Bytes) -> Value {
    let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |at| at + 1);
    Value::Text(text.get(..end).unwrap_or_default())
}
