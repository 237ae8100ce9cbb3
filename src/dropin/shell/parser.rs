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
use crate::text::Wrong;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Node<'t> {
    Empty,
    Simple(Simple<'t>),
    Pipe(Vec<Node<'t>>),
    Not(Box<Node<'t>>),
    And(Box<Node<'t>>, Box<Node<'t>>),
    Or(Box<Node<'t>>, Box<Node<'t>>),
    Seq(Box<Node<'t>>, Box<Node<'t>>),
    Group(Box<Node<'t>>, Vec<Redirect<'t>>),
    Sub(Box<Node<'t>>, Vec<Redirect<'t>>),
    If(Box<Node<'t>>, Box<Node<'t>>, Option<Box<Node<'t>>>),
}

/// A command: what is assigned, its words, its redirections.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Simple<'t> {
    pub assigned: Vec<(&'t [u8], &'t [u8])>,
    pub words: Vec<&'t [u8]>,
    pub redirects: Vec<Redirect<'t>>,
}

/// A redirection.
#[derive(Debug, PartialEq, Eq)]
pub struct Redirect<'t> {
    /// The descriptor in front; empty when none is.
    pub from: &'t [u8],
    /// `>`, `<&` and the like.
    pub sign: &'t [u8],
    /// Where it leads.
    pub to: &'t [u8],
    /// To or from /dev/null.
    pub null: bool,
    /// To or from /dev/tcp.
    pub tcp: bool,
    /// To or from what `exec` opened as /dev/tcp.
    pub socket: bool,
}

impl Redirect<'_> {
    /// Whether it concerns stdout.
    pub fn stdout(&self) -> bool {
        self.sign != b"<" && (self.from.is_empty() || self.from == b"1" || self.from == b"&")
    }
}

/// Lists in lists: more was written to be misread.
const DEPTH: u8 = 20;

/// Reads all of `text`.
pub fn parse(text: &[u8]) -> Result<Node<'_>, Wrong> {
    let mut parser = Parser { rest: text, depth: 0 };
    let list = parser.list()?;
    match parser.rest {
        [] => Ok(list),
        rest => Err(unread(rest)),
    }
}

struct Parser<'t> {
    rest: &'t [u8],
    depth: u8,
}

/// Words that begin or end what is no simple command.
const RESERVED: [&[u8]; 18] = [
    b"then",
    b"elif",
    b"else",
    b"fi",
    b"}",
    b"do",
    b"done",
    b"while",
    b"until",
    b"for",
    b"case",
    b"esac",
    b"function",
    b"select",
    b"return",
    b"eval",
    b".",
    b"source",
];

/// That this is not read, as far as its word goes.
fn unread(rest: &[u8]) -> Wrong {
    let end = rest.iter().position(|byte| b" \t\n".contains(byte)).unwrap_or(rest.len());
    let word = String::from_utf8_lossy(rest.get(..end.clamp(1, 40)).unwrap_or(rest));
    ["'", &word, "' is not read here, want commands with && || ; ! ( ) { } if and | grep"]
        .concat()
        .into()
}

impl<'t> Parser<'t> {
    /// Blanks, comments and continued lines.
    fn skip(&mut self) {
        loop {
            self.rest = match self.rest {
                [b' ' | b'\t', rest @ ..]
                | [b'\\', b'\n', rest @ ..]
                | [b'\\', b'\r', b'\n', rest @ ..] => rest,
                [b'#', rest @ ..] => {
                    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                    rest.get(end..).unwrap_or_default()
                }
                _ => return,
            }
        }
    }

    /// Takes `sign` if it is next.
    fn take(&mut self, sign: &[u8]) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The next word, if one is next; it stays.
    fn peek(&mut self) -> Result<&'t [u8], Wrong> {
        self.skip();
        let end = until(self.rest, ENDS, false, 0)?;
        Ok(self.rest.get(..end).unwrap_or(self.rest))
    }

    /// Takes a reserved word if it is next.
    fn word(&mut self, word: &[u8]) -> Result<bool, Wrong> {
        let next = self.peek()? == word;
        if next {
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
        }
        Ok(next)
    }

    fn lines(&mut self) {
        while self.take(b"\n") {}
    }

    fn list(&mut self) -> Result<Node<'t>, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("want fewer lists in lists".into());
        }
        let mut nodes = Vec::new();
        loop {
            while self.take(b"\n") || !self.rest.starts_with(b";;") && self.take(b";") {}
            if matches!(self.rest, [] | [b')', ..]) || self.ends()? {
                break;
            }
            nodes.push(self.and_or()?);
            if !matches!(self.rest, [b'\n' | b';', ..]) {
                break;
            }
        }
        self.depth -= 1;
        let seq = |next, node| Node::Seq(Box::new(node), Box::new(next));
        Ok(nodes.into_iter().rev().reduce(seq).unwrap_or(Node::Empty))
    }

    /// Whether what is next ends a list.
    fn ends(&mut self) -> Result<bool, Wrong> {
        let word = self.peek()?;
        Ok(RESERVED.get(..5).unwrap_or_default().contains(&word))
    }

    fn and_or(&mut self) -> Result<Node<'t>, Wrong> {
        let mut left = self.pipeline()?;
        loop {
            let and = self.take(b"&&");
            if !and && !self.take(b"||") {
                return Ok(left);
            }
            self.lines();
            let right = Box::new(self.pipeline()?);
            let joined = Box::new(left);
            left = if and { Node::And(joined, right) } else { Node::Or(joined, right) };
        }
    }

    fn pipeline(&mut self) -> Result<Node<'t>, Wrong> {
        let mut not = false;
        while self.word(b"!")? {
            not = !not;
        }
        let mut nodes = vec![self.command()?];
        while !{
            self.skip();
            self.rest
        }
        .starts_with(b"||")
            && self.take(b"|")
        {
            if self.take(b"&")
                && let Some(Node::Simple(simple)) = nodes.last_mut()
            {
                simple.redirects.push(Redirect {
                    from: b"2",
                    sign: b">&",
                    to: b"1",
                    null: false,
                    tcp: false,
                    socket: false,
                });
            }
            self.lines();
            nodes.push(self.command()?);
        }
        let node = match nodes.pop() {
            Some(one) if nodes.is_empty() => one,
            last => {
                nodes.extend(last);
                Node::Pipe(nodes)
            }
        };
        Ok(if not { Node::Not(Box::new(node)) } else { node })
    }

    fn command(&mut self) -> Result<Node<'t>, Wrong> {
        if self.take(b"(") {
            let inner = Box::new(self.list()?);
            self.close(b")")?;
            return Ok(Node::Sub(inner, self.redirects()?));
        }
        if self.word(b"{")? {
            let inner = Box::new(self.list()?);
            self.close(b"}")?;
            return Ok(Node::Group(inner, self.redirects()?));
        }
        if self.word(b"if")? {
            return self.condition();
        }
        self.simple()
    }

    fn condition(&mut self) -> Result<Node<'t>, Wrong> {
        let asked = Box::new(self.list()?);
        self.close(b"then")?;
        let yes = Box::new(self.list()?);
        let no = if self.word(b"elif")? {
            self.depth += 1;
            if self.depth > DEPTH {
                return Err("want fewer lists in lists".into());
            }
            let no = self.condition()?;
            self.depth -= 1;
            return Ok(Node::If(asked, yes, Some(Box::new(no))));
        } else if self.word(b"else")? {
            Some(Box::new(self.list()?))
        } else {
            None
        };
        self.close(b"fi")?;
        Ok(Node::If(asked, yes, no))
    }

    fn close(&mut self, with: &[u8]) -> Result<(), Wrong> {
        let closed = if with == b")" { self.take(with) } else { self.word(with)? };
        match (closed, self.rest) {
            (true, _) => Ok(()),
            (false, []) => Err(["want a closing ", &String::from_utf8_lossy(with)].concat().into()),
            (false, rest) => Err(unread(rest)),
        }
    }

    fn simple(&mut self) -> Result<Node<'t>, Wrong> {
        let mut simple = Simple::default();
        loop {
            let before = simple.redirects.len();
            simple.redirects.append(&mut self.redirects()?);
            let word = self.peek()?;
            if word.is_empty() {
                if simple.redirects.len() == before {
                    break;
                }
                continue;
            }
            if simple.words.is_empty() && RESERVED.contains(&word) {
                return Err(unread(self.rest));
            }
            self.rest = self.rest.get(word.len()..).unwrap_or_default();
            match assignment(word).filter(|_| simple.words.is_empty()) {
                Some(pair) => simple.assigned.push(pair),
                None => simple.words.push(word),
            }
        }
        let Simple { assigned, words, redirects } = &simple;
        match assigned.is_empty() && words.is_empty() && redirects.is_empty() {
            true if self.rest.is_empty() => Err("want a command behind the last sign".into()),
            true => Err(unread(self.rest)),
            // A lone `&` starts what nobody waits for.
            false if self.rest.starts_with(b"&") && !self.rest.starts_with(b"&&") => {
                Err(unread(self.rest))
            }
            false => Ok(Node::Simple(simple)),
        }
    }

    fn redirects(&mut self) -> Result<Vec<Redirect<'t>>, Wrong> {
        let mut all = Vec::new();
        loop {
            self.skip();
            let digits = self.rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(0);
            let (from, rest) = match self.rest {
                [b'&', rest @ ..] if rest.starts_with(b">") => {
                    (self.rest.get(..1).unwrap_or_default(), rest)
                }
                all => all.split_at_checked(digits).unwrap_or_default(),
            };
            let length = match rest {
                [b'>', b'>' | b'&' | b'|', ..] | [b'<', b'&' | b'>', ..] => 2,
                [b'<', b'<', ..] => return Err("a here-document is not read here".into()),
                [b'>' | b'<', ..] => 1,
                _ => return Ok(all),
            };
            let (sign, rest) = rest.split_at_checked(length).unwrap_or_default();
            self.rest = rest;
            let raw = self.peek()?;
            self.rest = self.rest.get(raw.len()..).unwrap_or_default();
            let to = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
            let copied = sign.ends_with(b"&");
            let (null, tcp) = (to == b"/dev/null", to.starts_with(b"/dev/tcp/"));
            let standard = copied && matches!(to, b"0" | b"1" | b"2" | b"-")
                || matches!(to, b"/dev/stdout" | b"/dev/stderr");
            let socket =
                copied && to.len() == 1 && to.iter().all(|byte| (b'3'..=b'9').contains(byte))
                    || copied && to == b"0";
            if !(null || tcp || standard || socket) {
                let to = String::from_utf8_lossy(to);
                return Err(["'", &to, "' is not read here behind a redirection, want /dev/null, &1 or &2: nothing is written"].concat().into());
            }
            all.push(Redirect { from, sign, to: raw, null, tcp, socket });
        }
    }
}

/// `NAME=word`.
fn assignment(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    let (name, value) = word.split_at_checked(at)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let first = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    (first && name.iter().all(fits)).then(|| (name, value.get(1..).unwrap_or_default()))
}
