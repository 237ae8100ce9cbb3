//! A text of the shell's language becomes a tree; words stay as they are written.
//!
//! ```text
//! list     = and-or { (';' | newline) and-or }
//! and-or   = pipeline { ('&&' | '||') pipeline }
//! pipeline = ['!'] command { '|' command }
//! command  = '(' list ')' | '{' list '}' | 'if' list 'then' list { 'elif' ... } ['else' list] 'fi'
//!          | { NAME=word } { word | redirection }
//! ```

use super::lexer::{ENDS, until};
use crate::dropin::expr::{Bytes, keep};
use crate::text::Wrong;
use crate::verdict::quote;

/// A part of a text.
#[derive(Debug, Clone, Copy)]
pub enum Node {
    Empty,
    Simple(&'static Simple),
    Pipe(&'static [Node]),
    Not(&'static Node),
    And(&'static [Node; 2]),
    Or(&'static [Node; 2]),
    Seq(&'static [Node; 2]),
    Group(&'static Node, &'static [Redirect]),
    Sub(&'static Node, &'static [Redirect]),
    If(&'static [Node; 3]),
}

/// A command: what is assigned, its words, its redirections.
#[derive(Debug, Default)]
pub struct Simple {
    pub assigned: Vec<(Bytes, Bytes)>,
    pub words: Vec<Bytes>,
    pub redirects: Vec<Redirect>,
}

impl Simple {
    /// Whether its first word is written so.
    #[inline(never)]
    pub fn calls(&self, name: &[u8]) -> bool {
        self.words.first() == Some(&name)
    }
}

/// Where a redirection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// `/dev/null`
    Null,
    /// `/dev/tcp/HOST/PORT`
    Tcp,
    /// What was opened as that: `&3`.
    Socket,
    /// `&1`
    Stdout,
    /// `&2`
    Stderr,
}

/// A redirection.
#[derive(Debug, Clone, Copy)]
pub struct Redirect {
    /// The descriptor in front, or the one that is meant.
    pub from: u8,
    /// It is read from.
    pub reads: bool,
    /// It is written to as well: `<>`.
    pub both: bool,
    pub to: To,
    /// As it is written.
    pub word: Bytes,
}

/// Lists in lists: more was written to be misread.
const DEPTH: u8 = 20;

/// Reads all of `text`.
pub fn parse(text: Bytes) -> Result<Node, Wrong> {
    let mut parser = Parser { rest: text, depth: 0 };
    let list = parser.list()?;
    match parser.rest {
        [] => Ok(list),
        _ => Err(parser.unread()),
    }
}

struct Parser {
    rest: Bytes,
    depth: u8,
}

/// Words that end a list, and those that begin what is not read.
const ENDING: [&[u8]; 5] = [b"then", b"elif", b"else", b"fi", b"}"];
const REFUSED: &str = " do done while until for case esac function select return eval . source ";

impl Parser {
    /// That this is not read, as far as its word goes.
    #[inline(never)]
    fn unread(&self) -> Wrong {
        let word = self.rest.split(|byte| b" \t\n".contains(byte)).next().unwrap_or_default();
        let want = "' is not read here, want commands with && || ; ! ( ) { } if and | grep";
        match word {
            b"" => "want a command behind the last sign".into(),
            word => ["'", &quote(word), want].concat().into(),
        }
    }

    /// Blanks, comments and continued lines.
    fn skip(&mut self) {
        loop {
            self.rest = match self.rest {
                [b' ' | b'\t', rest @ ..] | [b'\\', b'\n', rest @ ..] => rest,
                [b'#', rest @ ..] => {
                    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    rest.get(end..).unwrap_or_default()
                }
                _ => return,
            }
        }
    }

    /// Takes `sign` if it is next.
    #[inline(never)]
    fn take(&mut self, sign: &[u8]) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next word, if one is next; it stays.
    #[inline(never)]
    fn peek(&mut self) -> Result<Bytes, Wrong> {
        self.skip();
        let end = until(self.rest, ENDS, false, 0)?;
        Ok(self.rest.get(..end).unwrap_or(self.rest))
    }

    /// Takes a reserved word if it is next.
    #[inline(never)]
    fn word(&mut self, word: &[u8]) -> Result<bool, Wrong> {
        let next = self.peek()? == word;
        if next {
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
        }
        Ok(next)
    }

    /// A list, and the word behind it.
    #[inline(never)]
    fn list_to(&mut self, end: &[u8]) -> Result<Node, Wrong> {
        let list = self.list()?;
        match if end == b")" { self.take(end) } else { self.word(end)? } {
            true => Ok(list),
            false if self.rest.is_empty() => Err(["want a closing ", &quote(end)].concat().into()),
            false => Err(self.unread()),
        }
    }

    fn list(&mut self) -> Result<Node, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("want fewer lists in lists".into());
        }
        let mut nodes = Vec::new();
        loop {
            while self.take(b"\n") || !self.rest.starts_with(b";;") && self.take(b";") {}
            if matches!(self.rest, [] | [b')', ..]) || ENDING.contains(&self.peek()?) {
                break;
            }
            nodes.push(self.and_or()?);
            if !matches!(self.rest, [b'\n' | b';', ..]) {
                break;
            }
        }
        self.depth -= 1;
        let mut list = nodes.pop().unwrap_or(Node::Empty);
        while let Some(node) = nodes.pop() {
            list = Node::Seq(keep([node, list]));
        }
        Ok(list)
    }

    fn and_or(&mut self) -> Result<Node, Wrong> {
        let mut left = self.pipeline()?;
        loop {
            let and = self.take(b"&&");
            if !and && !self.take(b"||") {
                return Ok(left);
            }
            while self.take(b"\n") {}
            let pair = keep([left, self.pipeline()?]);
            left = if and { Node::And(pair) } else { Node::Or(pair) };
        }
    }

    fn pipeline(&mut self) -> Result<Node, Wrong> {
        let mut not = false;
        while self.word(b"!")? {
            not = !not;
        }
        let mut node = self.command()?;
        let mut nodes = vec![node];
        loop {
            self.skip();
            if self.rest.starts_with(b"||") || !self.take(b"|") {
                break;
            }
            // `|&`: what goes to stderr is not judged either way.
            self.take(b"&");
            while self.take(b"\n") {}
            nodes.push(self.command()?);
        }
        if nodes.len() > 1 {
            node = Node::Pipe(nodes.leak());
        }
        Ok(if not { Node::Not(keep(node)) } else { node })
    }

    fn command(&mut self) -> Result<Node, Wrong> {
        if self.take(b"(") {
            let inner = keep(self.list_to(b")")?);
            return Ok(Node::Sub(inner, self.redirects()?.leak()));
        }
        if self.word(b"{")? {
            let inner = keep(self.list_to(b"}")?);
            return Ok(Node::Group(inner, self.redirects()?.leak()));
        }
        match self.word(b"if")? {
            true => self.condition(),
            false => self.simple(),
        }
    }

    fn condition(&mut self) -> Result<Node, Wrong> {
        let asked = self.list_to(b"then")?;
        let yes = self.list()?;
        let no = if self.word(b"elif")? {
            self.depth += 1;
            let no = match self.depth > DEPTH {
                true => return Err("want fewer lists in lists".into()),
                false => self.condition()?,
            };
            self.depth -= 1;
            return Ok(Node::If(keep([asked, yes, no])));
        } else {
            self.word(b"else")?;
            // `fi` alone: an empty list in front of it.
            self.list_to(b"fi")?
        };
        Ok(Node::If(keep([asked, yes, no])))
    }

    fn simple(&mut self) -> Result<Node, Wrong> {
        let mut simple = Simple::default();
        loop {
            let mut more = self.redirects()?;
            let mut word = self.peek()?;
            // Of [[ they are its own.
            if word.is_empty()
                && simple.calls(b"[[")
                && let [b'&', b'&', ..] | [b'|', b'|', ..] = self.rest
                && simple.words.last() != Some(&&b"]]"[..])
            {
                word = self.rest.get(..2).unwrap_or_default();
            }
            let any = !more.is_empty() || !word.is_empty();
            simple.redirects.append(&mut more);
            if !any {
                break;
            }
            if simple.words.is_empty() && !word.is_empty() {
                let reserved = [b" ", word, b" "].concat();
                if ENDING.contains(&word) || crate::text::contains(REFUSED.as_bytes(), &reserved) {
                    return Err(self.unread());
                }
            }
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
            match assignment(word).filter(|_| simple.words.is_empty()) {
                Some(pair) => simple.assigned.push(pair),
                None if word.is_empty() => {}
                None => simple.words.push(word),
            }
        }
        let Simple { assigned, words, redirects } = &simple;
        let empty = assigned.is_empty() && words.is_empty() && redirects.is_empty();
        // A lone `&` starts what nobody waits for.
        let background = self.rest.starts_with(b"&") && !self.rest.starts_with(b"&&");
        match empty || background {
            true => Err(self.unread()),
            false => Ok(Node::Simple(keep(simple))),
        }
    }

    fn redirects(&mut self) -> Result<Vec<Redirect>, Wrong> {
        let mut all = Vec::new();
        loop {
            self.skip();
            let (from, rest) = match self.rest {
                [b'&', rest @ ..] if rest.starts_with(b">") => (b'1', rest),
                [digit @ b'0'..=b'9', rest @ ..] if matches!(rest, [b'<' | b'>', ..]) => {
                    (*digit, rest)
                }
                [b'<', ..] => (b'0', self.rest),
                rest => (b'1', rest),
            };
            let (copies, length) = match rest {
                [b'<', b'<', ..] => return Err("a here-document is not read here".into()),
                [b'>' | b'<', b'&', ..] => (true, 2),
                [b'>', b'>' | b'|', ..] | [b'<', b'>', ..] => (false, 2),
                [b'>' | b'<', ..] => (false, 1),
                _ => return Ok(all),
            };
            let (reads, both) = (rest.starts_with(b"<"), rest.starts_with(b"<>"));
            self.rest = rest.get(length..).unwrap_or_default();
            let word = self.peek()?;
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
            let to = match (copies, word.trim_ascii()) {
                (_, b"/dev/null") | (false, b"\"/dev/null\"") | (true, b"-") => To::Null,
                (true, b"1") | (false, b"/dev/stdout") => To::Stdout,
                (true, b"2") | (false, b"/dev/stderr") => To::Stderr,
                // The container's log is none of what is judged.
                (false, path) if path.starts_with(b"/proc/1/fd/") => To::Stderr,
                (true, [b'0' | b'3'..=b'9']) => To::Socket,
                (false, path)
                    if path.starts_with(b"/dev/tcp/") || path.starts_with(b"\"/dev/tcp/") =>
                {
                    To::Tcp
                }
                (_, to) => {
                    let want = "' is not read here behind a redirection, want /dev/null, /dev/tcp/HOST/PORT, &1, &2 or $(cat FILE): nothing is written";
                    return Err(["'", &quote(to), want].concat().into());
                }
            };
            all.push(Redirect { from, reads, both, to, word });
        }
    }
}

/// `NAME=word`.
fn assignment(word: Bytes) -> Option<(Bytes, Bytes)> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    let (name, value) = word.split_at_checked(at)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let first = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    (first && name.iter().all(fits)).then(|| (name, value.get(1..).unwrap_or_default()))
}
