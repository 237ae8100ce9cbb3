//! Where words end: quotes, `$(...)`, `${...}` and backquotes are skipped as a whole.

use crate::text::Wrong;

/// What ends a word outside of quotes.
pub const ENDS: &[u8] = b" \t\n;&|<>()";

/// Quotes in quotes: more was written to be misread.
const DEPTH: u8 = 20;

/// How far `text` goes until one of `ends` stands outside of quotes; inside of double ones
/// (`double`) a single quote is itself. Without such an end: all of it.
pub fn until(text: &[u8], ends: &[u8], double: bool, depth: u8) -> Result<usize, Wrong> {
    if depth > DEPTH {
        return Err("want fewer quotes in quotes".into());
    }
    let mut at = 0;
    while let Some([first, rest @ ..]) = text.get(at..) {
        if ends.contains(first) {
            return Ok(at);
        }
        let (skip, end, quoted): (usize, &[u8], bool) = match (first, rest) {
            (b'\\', _) => {
                at += 2;
                continue;
            }
            (b'\'', _) if !double => {
                at += 2 + rest.iter().position(|byte| *byte == b'\'').ok_or("want a closing '")?;
                continue;
            }
            (b'"', _) => (1, b"\"", true),
            (b'`', _) => (1, b"`", true),
            (b'$', [b'\'', ..]) if !double => return Err("$'...' is not read here".into()),
            (b'$', [b'(', ..]) => (2, b")", false),
            (b'$', [b'{', ..]) => (2, b"}", double),
            (b'(', _) if ends == b")" => (1, b")", false),
            _ => {
                at += 1;
                continue;
            }
        };
        let inside = text.get(at + skip..).unwrap_or_default();
        let length = until(inside, end, quoted, depth + 1)?;
        if length >= inside.len() {
            let end = String::from_utf8_lossy(end);
            return Err(["want a closing ", &end].concat().into());
        }
        at += skip + length + 1;
    }
    Ok(text.len())
}
