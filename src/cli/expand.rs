//! `${...}`, since there is no shell: one pass, whose yield is not expanded again.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::file;
use crate::input::target::authority_start;
use crate::input::{Text, Usage, Yielded};
use crate::text::{Wrong, contains, find, hex_digits, piece};

/// Looks up an environment variable.
pub type Env<'a> = &'a dyn Fn(&OsStr) -> Option<OsString>;

/// The most that is read of a `${file:...}`.
const FILE: usize = 65_536;

/// Where an image or an operator puts the arguments when the command has none.
const VARIABLE: &str = "HEALTHCHECK_ARGS";

/// Expands an option's value.
pub fn text(typed: &[u8], env: Env<'_>) -> Result<Text, Usage> {
    expand(typed, env, typed.len()..typed.len(), typed.len())
}

/// Expands a target. What an expansion yields inside the userinfo is taken literally
/// (percent-encoded here), so that a password may hold `/`, `@` and `%`.
pub fn target(typed: &[u8], env: Env<'_>) -> Result<Text, Usage> {
    let start = authority_start(typed);
    let mut end = start;
    let mut at = start;
    while let Some(byte) = typed.get(at) {
        match byte {
            b'@' => end = at,
            b'/' | b'?' | b'#' => break,
            _ => {}
        }
        at += typed.get(at..).map_or(1, piece);
    }
    expand(typed, env, start..end, at)
}

/// Expands what is `typed`: taken literally within `literal`, part of a path from `path` on.
fn expand(
    typed: &[u8],
    env: Env<'_>,
    literal: std::ops::Range<usize>,
    path: usize,
) -> Result<Text, Usage> {
    let mut meant = Vec::with_capacity(typed.len());
    let mut yielded = Vec::new();
    let mut rest = typed;
    while let [first, more @ ..] = rest {
        let at = typed.len() - rest.len();
        if rest.starts_with(b"$${") {
            meant.extend_from_slice(b"${");
            rest = rest.get(3..).unwrap_or_default();
        } else if rest.starts_with(b"${") {
            let length = piece(rest);
            // What follows is not shown: it may be the rest of a password.
            if length == 1 {
                return Err(Usage::new(format!(
                    "want a '}}' after the '${{' at byte {at} of an argument; $${{ is a literal ${{"
                )));
            }
            let inside = rest.get(2..length - 1).unwrap_or_default();
            let bytes = look_up(inside, env)?;
            match literal.contains(&at) {
                true => bytes.iter().for_each(|byte| percent_encode(*byte, &mut meant)),
                false => meant.extend_from_slice(&bytes),
            }
            let file = inside.starts_with(b"file:");
            yielded.push(Yielded { bytes, file, in_path: at >= path });
            rest = rest.get(length..).unwrap_or_default();
        } else {
            meant.push(*first);
            rest = more;
        }
    }
    Ok(Text { typed: typed.to_vec(), meant, yielded })
}

/// A colon stays: it parts user and password only the first time, and a user has none.
fn percent_encode(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'%' | b'/' | b'?' | b'#' | b'@' | b'[' | b']' => {
            let mut code = String::from("%");
            hex_digits(byte, &mut code);
            out.extend_from_slice(code.as_bytes());
        }
        plain => out.push(plain),
    }
}

/// What stands between the braces: `NAME`, `NAME:-text`, `file:/path`.
fn look_up(inside: &[u8], env: Env<'_>) -> Result<Vec<u8>, Usage> {
    if let Some(path) = inside.strip_prefix(b"file:") {
        let shown = String::from_utf8_lossy(inside);
        return secret(path).map_err(|wrong| Usage::new(format!("${{{shown}}}: {wrong}")));
    }
    let (name, default) = match find(inside, b":-") {
        Some(at) => (inside.get(..at).unwrap_or_default(), inside.get(at + 2..)),
        None => (inside, None),
    };
    let fits = |(i, byte): (usize, &u8)| {
        byte.is_ascii_alphabetic() || *byte == b'_' || i > 0 && byte.is_ascii_digit()
    };
    // The default may be a secret.
    let shown = String::from_utf8_lossy(name);
    let nested = default.is_some_and(|text| contains(text, b"${"));
    if nested || name.is_empty() || !name.iter().enumerate().all(fits) {
        return Err(Usage::new(format!(
            "${{{shown}}}: want ${{NAME}}, ${{NAME:-text}} or ${{file:/path}}, none in another; $${{ is a literal ${{"
        )));
    }
    let value = env(OsStr::from_bytes(name)).filter(|value| !value.is_empty());
    match (value, default) {
        (Some(value), _) => Ok(value.into_vec()),
        (None, Some(default)) => Ok(default.to_vec()),
        (None, None) => Err(Usage::new(format!(
            "${{{shown}}}: the variable is unset or empty; want it set, or ${{{shown}:-text}}"
        ))),
    }
}

/// A file's content without one trailing newline.
fn secret(path: &[u8]) -> Result<Vec<u8>, Wrong> {
    if !path.starts_with(b"/") {
        return Err("want an absolute path after 'file:'".into());
    }
    let content = file::read(Path::new(OsStr::from_bytes(path)), FILE);
    let mut content = content.map_err(|error| match error.kind() {
        ErrorKind::NotFound => [&error.to_string(), ": ", file::whereabouts(path)].concat(),
        _ => error.to_string(),
    })?;
    if content.last() == Some(&b'\n') {
        content.pop();
    }
    Ok(content)
}

/// The arguments in `HEALTHCHECK_ARGS`, split as a shell splits words: at blanks, with '...',
/// "..." and backslashes; nothing is expanded at this point.
pub fn from_variable(env: Env<'_>) -> Result<Vec<OsString>, Usage> {
    let text = env(OsStr::new(VARIABLE)).unwrap_or_default();
    split(text.as_bytes()).map_err(|wrong| Usage::new(format!("{VARIABLE}: {wrong}")))
}

fn split(text: &[u8]) -> Result<Vec<OsString>, &'static str> {
    /// Where the next byte stands.
    #[derive(PartialEq)]
    enum In {
        Blank,
        Word,
        Single,
        Double,
    }
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut state = In::Blank;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        state = match (state, byte) {
            (In::Single, b'\'') | (In::Double, b'"') => In::Word,
            (In::Single, byte) => {
                word.push(byte);
                In::Single
            }
            (quoted, b'\\') => {
                let next = bytes.next().ok_or("want a character after the last backslash")?;
                // Inside "..." a backslash is itself but before these (POSIX, XCU 2.2.3).
                if quoted == In::Double && !b"\\\"$`\n".contains(&next) {
                    word.push(b'\\');
                }
                // A backslash and a newline are a line continued, wherever it was.
                if next != b'\n' {
                    word.push(next);
                }
                if quoted == In::Blank && next != b'\n' { In::Word } else { quoted }
            }
            (In::Double, byte) => {
                word.push(byte);
                In::Double
            }
            (_, b'\'') => In::Single,
            (_, b'"') => In::Double,
            (In::Blank, b' ' | b'\t' | b'\n') => In::Blank,
            (_, b' ' | b'\t' | b'\n') => {
                words.push(OsString::from_vec(std::mem::take(&mut word)));
                In::Blank
            }
            (_, byte) => {
                word.push(byte);
                In::Word
            }
        };
    }
    match state {
        In::Single | In::Double => Err("want a closing quote"),
        In::Word => {
            words.push(OsString::from_vec(word));
            Ok(words)
        }
        In::Blank => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &OsStr) -> Option<OsString> {
        match name.to_str()? {
            "PORT" | "_A1" => Some("8080".into()),
            "EMPTY" => Some("".into()),
            "NESTED" => Some("${PORT}".into()),
            "PASS" => Some("p/w@x%y:z".into()),
            _ => None,
        }
    }

    fn expanded(typed: &str) -> Result<String, String> {
        text(typed.as_bytes(), &env)
            .map(|text| String::from_utf8(text.meant).expect("text"))
            .map_err(|usage| usage.to_string())
    }

    #[test]
    fn the_table_of_the_specification() {
        for (typed, meant) in [
            ("http://localhost:${PORT}/x", "http://localhost:8080/x"),
            ("${PORT}${PORT}", "80808080"),
            ("${_A1}", "8080"),
            ("${NONE:-7}", "7"),
            ("${EMPTY:-7}", "7"),
            ("${NONE:-}", ""),
            ("${PORT:-7}", "8080"),
            ("${NESTED}", "${PORT}"),
            ("$${PORT}", "${PORT}"),
            ("$PORT $ $$ }", "$PORT $ $$ }"),
            ("$$${PORT}", "$${PORT}"),
        ] {
            assert_eq!(expanded(typed).as_deref(), Ok(meant), "{typed}");
        }
        for (typed, part) in [
            ("${NONE}", "${NONE}: the variable is unset or empty"),
            ("${EMPTY}", "${EMPTY}: the variable is unset or empty"),
            ("${PORT", "want a '}'"),
            ("${}", "want ${NAME}"),
            ("${1X}", "want ${NAME}"),
            ("${A-B}", "want ${NAME}"),
            (
                "${A:-x${PORT}}",
                "${A}: want ${NAME}, ${NAME:-text} or ${file:/path}, none in another",
            ),
            ("${file:x}", "want an absolute path"),
            ("${file:/none}", "No such file or directory (os error 2): its folder is there"),
            ("${file:/none/x}", "(os error 2): its folder is missing too"),
            ("${file:/dev/zero}", "want a regular file"),
        ] {
            let wrong = expanded(typed).expect_err(typed);
            assert!(wrong.contains(part), "{typed}: {wrong}");
        }
    }

    #[test]
    fn userinfo_takes_what_it_gets_literally() {
        let meant =
            |typed: &str| String::from_utf8(target(typed.as_bytes(), &env).expect(typed).meant);
        assert_eq!(
            meant("redis://:${PASS}@h/${PORT}"),
            Ok("redis://:p%2fw%40x%25y:z@h/8080".into())
        );
        assert_eq!(meant("redis://:${PASS}$${x@h"), Ok("redis://:p%2fw%40x%25y:z${x@h".into()));
        assert_eq!(meant(":${PASS}@h/?http://x"), Ok(":p%2fw%40x%25y:z@h/?http://x".into()));
        assert_eq!(meant("http://h/${PASS}@x"), Ok("http://h/p/w@x%y:z@x".into()));
    }

    #[test]
    fn what_is_sent_in_a_path_is_told_from_the_rest() {
        let sent = |typed: &str| {
            let yielded = target(typed.as_bytes(), &env).expect(typed).yielded;
            yielded.iter().map(|part| part.in_path).collect::<Vec<_>>()
        };
        assert_eq!(
            sent("http://u:${PASS}@${_A1}:${PORT}/${PASS}?${PORT}"),
            [false, false, false, true, true]
        );
        assert_eq!(sent("http://h?${PORT}"), [true]);
        assert_eq!(sent("${PORT}"), [false]);
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        assert_eq!(
            expanded("http://u:pa${ss@h/"),
            Err("want a '}' after the '${' at byte 11 of an argument; $${ is a literal ${".into())
        );
        let wrong = expanded("${A-B:-secret}").expect_err("no name");
        assert!(wrong.starts_with("${A-B}: want ${NAME}"), "{wrong}");
    }

    #[test]
    fn files() {
        let path = std::env::temp_dir().join(format!("healthcheck-expand-{}", std::process::id()));
        let typed = format!("${{file:{}}}", path.display());
        for (content, meant) in [("secret\n", "secret"), ("a\n\n", "a\n"), ("", ""), ("x", "x")] {
            std::fs::write(&path, content).expect("a file");
            assert_eq!(expanded(&typed).as_deref(), Ok(meant));
        }
        std::fs::write(&path, vec![b'x'; FILE]).expect("a file");
        assert_eq!(expanded(&typed).map(|text| text.len()), Ok(FILE));
        std::fs::write(&path, vec![b'x'; FILE + 1]).expect("a file");
        assert!(expanded(&typed).is_err());
        std::fs::remove_file(&path).expect("removed");
    }

    #[test]
    fn words() {
        let words = |text: &str| {
            split(text.as_bytes()).map(|words| {
                words.into_iter().map(|w| w.into_string().expect("text")).collect::<Vec<_>>()
            })
        };
        for (text, want) in [
            ("", vec![]),
            (" a  b\tc\n", vec!["a", "b", "c"]),
            ("'a b' \"c d\" e\\ f", vec!["a b", "c d", "e f"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            ("'' \"\"", vec!["", ""]),
            (r#""\"\\\$\x" '\n'"#, vec![r#""\$\x"#, r"\n"]),
            ("a\\\nb", vec!["ab"]),
            ("a \\\n b \\\n", vec!["a", "b"]),
            ("\"a\\\nb\"", vec!["ab"]),
        ] {
            assert_eq!(words(text), Ok(want.iter().map(|w| (*w).to_owned()).collect()), "{text:?}");
        }
        for text in ["'a", "\"a", "a\\"] {
            assert!(words(text).is_err(), "{text}");
        }
        let given = |text: &'static str| {
            from_variable(&move |name| (name == "HEALTHCHECK_ARGS").then(|| text.into()))
        };
        assert_eq!(given("-q x").ok(), Some(vec!["-q".into(), "x".into()]));
        assert_eq!(from_variable(&|_| None).ok(), Some(vec![]));
        let wrong = given("'x").expect_err("no end");
        assert_eq!(wrong.to_string(), "HEALTHCHECK_ARGS: want a closing quote");
    }
}
