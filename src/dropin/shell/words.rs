//! Words of the shell: quotes taken away, variables and `$(...)` put in.

use super::command::Leaf;
use super::lexer::until;
use super::parser::{Node, parse};
use super::{Shell, State};
use crate::dropin::expr::{Expr, Output, Reads, Value, join};
use crate::text::Wrong;

/// The longest that a word may become, and the most words that a command may have.
const LONGEST: usize = 16_384;
const WORDS: usize = 1000;

/// Letters that a variable's name is of.
fn named(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// Words under construction.
struct Fields<'f> {
    /// The one that grows; `None` between two.
    open: Option<Vec<u8>>,
    done: &'f mut Vec<Value>,
    /// What a check is yet to find, when that is all of the word.
    whole: Option<Value>,
}

impl Fields<'_> {
    fn push(&mut self, text: &[u8]) {
        self.open.get_or_insert_default().extend_from_slice(text);
    }

    /// What a variable had, which parts words at blanks where it is not quoted.
    fn split(&mut self, text: &[u8]) {
        for (i, part) in text.split(|byte| b" \t\n".contains(byte)).enumerate() {
            if i > 0 {
                self.end();
            }
            if !part.is_empty() {
                self.push(part);
            }
        }
    }

    fn end(&mut self) {
        self.done.extend(self.open.take().map(Value::Text));
    }
}

impl Shell<'_> {
    /// Appends what a word becomes: one word mostly, none or more of a variable without quotes.
    pub fn fields(
        &self,
        raw: &[u8],
        state: &mut State,
        done: &mut Vec<Value>,
    ) -> Result<(), Wrong> {
        let mut fields = Fields { open: None, done, whole: None };
        self.expand(raw, state, &mut fields, false)?;
        match fields.whole.take() {
            Some(whole) => fields.done.push(whole),
            None => fields.end(),
        }
        Ok(())
    }

    /// What a word becomes that is never parted.
    pub fn value(&self, raw: &[u8], state: &mut State) -> Result<Value, Wrong> {
        let mut done = Vec::new();
        let mut fields = Fields { open: Some(Vec::new()), done: &mut done, whole: None };
        self.expand(raw, state, &mut fields, true)?;
        let text = fields.open.take().unwrap_or_default();
        Ok(fields.whole.take().unwrap_or(Value::Text(text)))
    }

    /// The same where it must be a text.
    pub fn text(&self, raw: &[u8], state: &mut State) -> Result<Vec<u8>, Wrong> {
        match self.value(raw, state)? {
            Value::Text(text) => Ok(text),
            Value::Reads(_) => Err(self.of.refuse("want text where a check's output stands")),
        }
    }

    /// Walks over a word.
    fn expand(
        &self,
        raw: &[u8],
        state: &mut State,
        fields: &mut Fields<'_>,
        whole: bool,
    ) -> Result<(), Wrong> {
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
                (b'`', _) => rest = self.put(here, state, fields, double, whole)?,
                (b'$', [next, ..]) if named(next) || b"({?@*#$!".contains(next) => {
                    rest = self.put(here, state, fields, double, whole)?;
                }
                (byte, _) => fields.push(&[*byte]),
            }
        }
        Ok(())
    }

    /// Adds what stands at a `$` or a backquote; what follows it.
    fn put<'t>(
        &self,
        here: &'t [u8],
        state: &mut State,
        fields: &mut Fields<'_>,
        double: bool,
        whole: bool,
    ) -> Result<&'t [u8], Wrong> {
        let (value, after) = self.dollar(here, state)?;
        match value {
            Value::Text(text) if double || whole => fields.push(&text),
            Value::Text(text) => fields.split(&text),
            reads => {
                let alone = fields.open.as_ref().is_none_or(Vec::is_empty);
                let end: &[u8] = if double { b"\"" } else { b"" };
                if !alone || after != end {
                    return Err(self.of.refuse("want what a check puts out as a word of its own"));
                }
                fields.whole = Some(reads);
            }
        }
        // Variables of variables would grow without end.
        if fields.open.as_ref().map_or(0, Vec::len) > LONGEST || fields.done.len() > WORDS {
            return Err(self.of.refuse("want shorter variables"));
        }
        Ok(after)
    }

    /// What stands at a `$` or a backquote, and what follows it.
    fn dollar<'t>(&self, text: &'t [u8], state: &mut State) -> Result<(Value, &'t [u8]), Wrong> {
        let (skip, end): (usize, &[u8]) = match text {
            [b'`', ..] => (1, b"`"),
            [b'$', b'(', b'(', ..] => {
                return Err(self
                    .of
                    .refuse("arithmetic is not read here, for a file's age want --max-age"));
            }
            [b'$', b'(', ..] => (2, b")"),
            [b'$', b'{', ..] => (2, b"}"),
            [_, first, ..] if named(first) && !first.is_ascii_digit() => {
                let name = text.get(1..).unwrap_or_default();
                let length = name.iter().position(|byte| !named(byte)).unwrap_or(name.len());
                let (name, after) = name.split_at_checked(length).unwrap_or_default();
                return Ok((self.set_one(self.variable(name, state), name, state)?, after));
            }
            [_, b'?', after @ ..] => {
                let last: &[u8] = if state.last { b"0" } else { b"1" };
                return Ok((Value::Text(last.to_vec()), after));
            }
            _ => {
                return Err(self
                    .of
                    .wrong(text.get(..2).unwrap_or(text), "$NAME, ${NAME:-x}, $(cat FILE)"));
            }
        };
        let inside = text.get(skip..).unwrap_or_default();
        let length = until(inside, end, end == b"`", 0)?;
        let (inside, after) = inside.split_at_checked(length).unwrap_or_default();
        let after = after.get(1..).unwrap_or_default();
        let value =
            if end == b"}" { self.braces(inside, state)? } else { self.output(inside, state)? };
        Ok((value, after))
    }

    /// A variable: the text's own, else the environment's.
    fn variable(&self, name: &[u8], state: &State) -> Option<Value> {
        let known = state.variables.iter().rev().find(|one| one.0 == name);
        match known {
            Some((_, value, _)) => Some(value.clone()),
            None => (self.world.variable)(name).map(Value::Text),
        }
    }

    /// What a variable has; with `set -u` it must have something.
    fn set_one(&self, found: Option<Value>, name: &[u8], state: &State) -> Result<Value, Wrong> {
        match found {
            None if state.strict => Err(self.of.wrong(name, "it set, as set -u has it")),
            found => Ok(found.unwrap_or(Value::Text(Vec::new()))),
        }
    }

    /// `${NAME}`, `${NAME:-x}` and the like.
    fn braces(&self, inside: &[u8], state: &mut State) -> Result<Value, Wrong> {
        let length = inside.iter().position(|byte| !named(byte)).unwrap_or(inside.len());
        let (name, more) = inside.split_at_checked(length).unwrap_or_default();
        let found = self.variable(name, state);
        let (colon, sign) = match more {
            [b':', sign @ ..] => (true, sign),
            sign => (false, sign),
        };
        let filled =
            found.as_ref().is_some_and(|value| !colon || *value != Value::Text(Vec::new()));
        match sign {
            _ if name.is_empty() => {}
            [] if !colon => return self.set_one(found, name, state),
            [b'+', word @ ..] if filled => return self.value(word, state),
            [b'+', ..] => return Ok(Value::Text(Vec::new())),
            [b'-' | b'=' | b'?', ..] if filled => {
                return Ok(found.unwrap_or(Value::Text(Vec::new())));
            }
            [sign @ (b'-' | b'='), word @ ..] => {
                let value = self.value(word, state)?;
                if *sign == b'=' {
                    state.set(name, value.clone(), false);
                }
                return Ok(value);
            }
            _ => {}
        }
        Err(self.of.wrong(
            &join(&[b"${", inside, b"}"]),
            "${NAME}, ${NAME:-x} or ${NAME:=x}, of a set one ${NAME:?x}",
        ))
    }

    /// `$(...)`: a file's content and what is echoed are texts, the rest is a check's output.
    fn output(&self, inside: &[u8], state: &State) -> Result<Value, Wrong> {
        let tree = parse(inside).map_err(|wrong| self.of.refuse(&wrong))?;
        let mut state = state.clone();
        if let Node::Simple(simple) = &tree {
            let mut words = Vec::new();
            for raw in &simple.words {
                self.fields(raw, &mut state, &mut words)?;
            }
            if let [Value::Text(name), Value::Text(path)] = words.as_slice()
                && matches!(name.as_slice(), b"cat" | b"/bin/cat" | b"/usr/bin/cat")
            {
                // What cannot be read is nothing, as a shell has it.
                return Ok(Value::Text(trimmed((self.world.file)(path).unwrap_or_default())));
            }
        }
        match self.leaf(&tree, None, &mut state)? {
            Leaf::Reads(Reads { expr: Expr::Settled(true, _), output: Output::Text(text) }) => {
                Ok(Value::Text(trimmed(text)))
            }
            Leaf::Reads(reads) => Ok(Value::Reads(Box::new(reads))),
            Leaf::Exit(_) => Ok(Value::Text(Vec::new())),
        }
    }
}

/// Without the newlines in the end.
fn trimmed(mut text: Vec<u8>) -> Vec<u8> {
    while text.last() == Some(&b'\n') {
        text.pop();
    }
    text
}
