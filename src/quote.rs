//! What others said, fit for one line: escaped, cut, and without the secrets of this run.

use std::sync::OnceLock;

use crate::text::{find, hex_digits};

/// At most this much of what a peer said is shown.
const QUOTED: usize = 200;

/// The credentials of this run: set once, before anybody is asked.
static SECRETS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// From here on, [`quote`] shows `***` in place of each of these.
pub fn hide(secrets: Vec<Vec<u8>>) {
    // A second set there is none: a process makes one run.
    let _ = SECRETS.set(secrets);
}

/// The first 200 bytes of what a peer said, fit for one line, without the secrets of this run.
pub fn quote(bytes: &[u8]) -> String {
    let secrets = SECRETS.get().map(Vec::as_slice).unwrap_or_default();
    // Before anything is cut off or escaped: half a secret is one too.
    let bytes = without(bytes, secrets);
    let shown = bytes.get(..QUOTED).unwrap_or(&bytes);
    let mut line = String::with_capacity(shown.len() + 4);
    for chunk in shown.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(c, &mut line));
        for byte in chunk.invalid() {
            hex(*byte, &mut line);
        }
    }
    if bytes.len() > QUOTED {
        line.push_str("...");
    }
    line
}

/// `bytes` with a mask for each of `secrets`, as far as [`quote`] shows them and can tell that there is more.
fn without(mut bytes: &[u8], secrets: &[Vec<u8>]) -> Vec<u8> {
    let mut shown = Vec::new();
    loop {
        // The first; where two begin at once, the longer.
        let (mut before, mut length) = (bytes, 0);
        for secret in secrets {
            // One that begins later is not shown: a body of a mebibyte is not searched, let alone copied.
            let near = bytes.get(..QUOTED + secret.len()).unwrap_or(bytes);
            if let Some(at) = find(near, secret)
                && (at < before.len() || at == before.len() && secret.len() > length)
            {
                (before, length) = (bytes.get(..at).unwrap_or_default(), secret.len());
            }
        }
        shown.extend_from_slice(before.get(..=QUOTED).unwrap_or(before));
        if shown.len() > QUOTED {
            return shown;
        }
        if length == 0 {
            // A peer may have been cut off in the middle of one. Three bytes end like one by chance.
            for at in 0..shown.len().saturating_sub(3) {
                let tail = shown.get(at..).unwrap_or_default();
                if secrets.iter().any(|secret| secret.starts_with(tail)) {
                    shown.truncate(at);
                    shown.extend_from_slice(b"***");
                    break;
                }
            }
            return shown;
        }
        shown.extend_from_slice(b"***");
        bytes = bytes.get(before.len() + length..).unwrap_or_default();
    }
}

/// `text` on one line of at most `most` bytes, with nothing in it that could forge another.
pub fn brief(text: &str, most: usize) -> String {
    // Nearly every line is plain and short: an eighth of a check's instructions were spent here.
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    text.chars().for_each(|c| escape(c, &mut line));
    if line.len() > most {
        let mut end = most.saturating_sub(3);
        while !line.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        line.truncate(end);
        line.push_str("...");
    }
    line
}

/// Appends `c`, or what stands for it, so that no peer and no argument can forge a line, move the
/// cursor or turn the reading direction: control characters (C0, C1, DEL), line and paragraph
/// separators and the bidirectional marks of Unicode are written as escapes.
pub fn escape(c: char, line: &mut String) {
    match c {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        '\0'..='\x1f' | '\x7f' => hex(c as u8, line),
        '\u{80}'..='\u{9f}'
        | '\u{61c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}' => {
            line.push_str("\\u");
            let [high, low] = (u32::from(c) as u16).to_be_bytes();
            hex_digits(high, line);
            hex_digits(low, line);
        }
        c => line.push(c),
    }
}

fn hex(byte: u8, line: &mut String) {
    line.push_str("\\x");
    hex_digits(byte, line);
}

/// A label with a colon behind it to come: `memory:` and `disk:` have theirs.
pub fn titled(label: &str) -> &str {
    label.strip_suffix(':').unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoed_secrets_are_masked() {
        let secrets = ["s3c", "s3cret", "to\"ken"].map(|secret| secret.as_bytes().to_vec());
        for (said, shown) in [
            ("ERR s3cret?", "ERR ***?"),
            ("s3crets3cret to\"ken", "****** ***"),
            ("s3crs3", "***rs3"),
            ("a to\"ke", "a ***"),
            ("a to\"", "a to\""),
            ("", ""),
        ] {
            assert_eq!(without(said.as_bytes(), &secrets), shown.as_bytes());
        }
        // The last that is shown, and no more than that.
        let long = ["x".repeat(QUOTED - 1), "s3cret".repeat(100_000)].concat();
        let shown = without(long.as_bytes(), &secrets);
        assert_eq!(shown, ["x".repeat(QUOTED - 1), "***".into()].concat().as_bytes());
        assert_eq!(without(long.as_bytes(), &[]).len(), QUOTED + 1);
        // Nothing was hidden here.
        assert_eq!(quote(b"s3cret"), "s3cret");
    }

    #[test]
    fn quoting_forges_no_line() {
        assert_eq!(quote(b"a\r\nb\0\x1b[2J\xff\x7f"), "a\\r\\nb\\x00\\x1b[2J\\xff\\x7f");
        assert_eq!(quote("\u{2028}\u{202e}\u{85}é".as_bytes()), "\\u2028\\u202e\\u0085é");
        assert_eq!(quote("\u{61c}".as_bytes()), "\\u061c");
        assert_eq!(quote(&[b'x'; 201]), "x".repeat(200) + "...");
        assert_eq!(quote(&[b'x'; 200]), "x".repeat(200));
        assert_eq!(brief("a\nbé", 6), "a\\nbé");
        assert_eq!(brief("a\nbé", 5), "a\\...");
        assert_eq!(brief("éé", 3), "...");
    }
}
