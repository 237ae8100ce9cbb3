//! What a check found: healthy with what was seen, or why not, step by step.

use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::text::{find, hex_digits};

/// The answer of one check.
pub type Verdict = Result<Healthy, Failure>;

/// What was seen, for the line of a healthy check: `204 No Content`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthy(pub String);

impl Healthy {
    /// A healthy verdict that saw `what`.
    pub fn saw(what: impl Into<String>) -> Verdict {
        Ok(Self(what.into()))
    }
}

/// What a check is doing; with what it does it to, a [`Stage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A name is looked up.
    Resolve,
    /// A connection is being opened.
    Connect,
    /// TLS is being agreed upon.
    Handshake,
    /// The request is on its way.
    Send,
    /// The answer is awaited or read.
    Read,
    /// A file, or something under `/proc`, is opened or read.
    Open,
    /// Everything was read and is weighed.
    Judge,
}

impl Step {
    /// The word for JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Step::Resolve => "resolve",
            Step::Connect => "connect",
            Step::Handshake => "handshake",
            Step::Send => "send",
            Step::Read => "read",
            Step::Open => "open",
            Step::Judge => "judge",
        }
    }
}

/// A step and its object: an address, a name, a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What is being done.
    pub step: Step,
    /// To what: `127.0.0.1:6379`, `api`, `/run/app.pid`.
    pub at: String,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.step {
            Step::Resolve => "resolving ",
            Step::Connect => "connecting to ",
            Step::Handshake => "TLS handshake with ",
            Step::Send => "sending to ",
            Step::Read => "reading from ",
            Step::Open => "opening ",
            Step::Judge => "judging ",
        })?;
        f.write_str(&self.at)
    }
}

/// Why a check is unhealthy: the step that did not succeed, and the words for it. No two causes
/// share a message. Boxed, since it is passed up through every call and hardly ever made.
#[derive(Debug)]
pub struct Failure(Box<(Step, String)>);

impl Failure {
    /// `stage` went wrong in this way: the peer broke its protocol, or a limit, or named a fault
    /// of its own.
    pub fn at(stage: &Stage, wrong: &str) -> Self {
        Self(Box::new((stage.step, format!("{stage}: {wrong}"))))
    }

    /// The system refused; its own words and number are kept.
    pub fn io(stage: &Stage, source: &io::Error) -> Self {
        Self::at(stage, &source.to_string())
    }

    /// The deadline came first, `after` this long; without a time, a signal did.
    pub fn timed_out(stage: &Stage, after: Option<Duration>) -> Self {
        let words = match after {
            Some(after) => format!("timed out after {} while {stage}", Span(after)),
            None => format!("stopped by a signal while {stage}"),
        };
        Self(Box::new((stage.step, words)))
    }

    /// Something was found that is not what was wanted: `status 503, want 200-399`.
    pub fn mismatch(what: &str, got: &str, want: &str) -> Self {
        Self(Box::new((Step::Judge, format!("{what} {got}, want {want}"))))
    }

    /// Something was found without a `text`; the start of it is shown.
    pub fn lacks(what: &str, got: &str, text: &[u8], seen: &[u8]) -> Self {
        Self::mismatch(what, got, &format!("\"{}\" in it", quote(text))).with(&quote(seen))
    }

    /// Adds more words behind a colon; none when they are empty.
    pub fn with(mut self, more: &str) -> Self {
        if !more.is_empty() {
            self.0.1.push_str(": ");
            self.0.1.push_str(more);
        }
        self
    }

    /// The step that did not succeed.
    pub fn step(&self) -> Step {
        self.0.0
    }

    /// The words.
    pub fn words(&self) -> &str {
        &self.0.1
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A duration as people write it: `3 s`, `1.5 s`, `250 ms`.
#[derive(Debug, Clone, Copy)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = millis(self.0);
        if ms < 1000 {
            return write!(f, "{ms} ms");
        }
        let (seconds, tenths) = (ms / 1000, ms % 1000 / 100);
        if tenths == 0 || seconds >= 60 {
            write!(f, "{seconds} s")
        } else {
            write!(f, "{seconds}.{tenths} s")
        }
    }
}

/// Whole milliseconds, in the 64 bits that they fit into.
pub fn millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000).saturating_add(time.subsec_millis().into())
}

/// At most this much of what a peer said is shown.
const QUOTED: usize = 200;

/// The credentials of this run: set once, before anybody is asked.
static SECRETS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// From here on, [`quote`] shows `***` in place of each of these.
pub fn hide(secrets: Vec<Vec<u8>>) {
    *SECRETS.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
}

/// The first 200 bytes of what a peer said, fit for one line, without the secrets of this run.
pub fn quote(bytes: &[u8]) -> String {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    // Before anything is cut off or escaped: half a secret is one too.
    let bytes = without(bytes, &secrets);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(step: Step, at: &str) -> Stage {
        Stage { step, at: at.into() }
    }

    #[test]
    fn each_failure_reads_as_the_specification_says() {
        let io = Failure::io(
            &stage(Step::Connect, "127.0.0.1:6379"),
            &io::Error::from_raw_os_error(111),
        );
        assert_eq!(io.words(), "connecting to 127.0.0.1:6379: Connection refused (os error 111)");
        assert_eq!(io.step(), Step::Connect);
        let status = Failure::mismatch("status", "503", "200-399");
        assert_eq!(
            status.with(&quote(br#"{"db":"timeout"}"#)).with("").words(),
            r#"status 503, want 200-399: {"db":"timeout"}"#
        );
        let late = Failure::timed_out(&stage(Step::Resolve, "api"), Some(Duration::from_secs(3)));
        assert_eq!(late.words(), "timed out after 3 s while resolving api");
        let odd = Failure::at(&stage(Step::Read, "[::1]:80"), "not HTTP");
        assert_eq!(odd.to_string(), "reading from [::1]:80: not HTTP");
    }

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
    fn spans() {
        for (ms, text) in
            [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (1500, "1.5 s"), (61_900, "61 s")]
        {
            assert_eq!(Span(Duration::from_millis(ms)).to_string(), text);
        }
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

    #[test]
    fn each_step_has_its_word_and_its_phrase() {
        use Step::*;
        let steps = [Resolve, Connect, Handshake, Send, Read, Open, Judge];
        let words = steps.map(Step::word);
        assert_eq!(words, ["resolve", "connect", "handshake", "send", "read", "open", "judge"]);
        let late = steps.map(|step| Failure::timed_out(&stage(step, "x"), None).to_string());
        let mut distinct = late.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), steps.len(), "{late:?}");
    }
}
