//! A report as text or JSON, and the only writer to stdout and stderr.

use std::ffi::OsString;
use std::io::{IoSlice, IsTerminal};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, ReadWriteFlags, pwritev2, write};
use rustix::stdio;

use crate::cli::Output;
use crate::plan::{Outcome, Progress, Report};
use crate::text::{hex_digits, parts};
use crate::verdict::{Cause, Span, Step, brief, millis, titled};

/// All that Docker keeps of a probe's output (4,096 bytes), less a newline.
const OUTPUT: usize = 4095;

/// What may be taken of it by words about waiting, which come before the verdicts.
const NOTICES: usize = OUTPUT / 4;

/// So much was.
static NOTICED: AtomicUsize = AtomicUsize::new(0);

/// Polling without waiting.
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Sees to it that the descriptors 0, 1 and 2 are taken: what is opened next, a socket say, must not
/// become the stdout that the verdict is written to.
///
/// std does the same with `/dev/null`, and aborts where there is none; the small build leaves it to
/// this (`scripts/build-small`). What is put in their place can be neither read nor written.
///
/// Whether stdout or stderr may be a file, which has a limit: a pipe to write to is never readable.
pub fn take_standard_streams() -> bool {
    let mut streams = [stdio::stdin(), stdio::stdout(), stdio::stderr()]
        .map(|stream| PollFd::from_borrowed_fd(stream, PollFlags::IN));
    let open = poll(&mut streams, Some(&NOW)).is_ok()
        && streams.iter().all(|stream| !stream.revents().contains(PollFlags::NVAL));
    if open {
        let [_, out, err] = &streams;
        return [out, err].iter().any(|stream| stream.revents().contains(PollFlags::IN));
    }
    // The lowest number that is free is given first (open(2)).
    while let Ok(root) = openat(CWD, "/", OFlags::PATH, Mode::empty()) {
        if root.as_raw_fd() > 2 {
            break;
        }
        std::mem::forget(root);
    }
    true
}

/// Writes the report to stdout.
pub fn print(report: &Report, output: Output) {
    if output.quiet && report.healthy {
        return;
    }
    stdout(&if output.json { json(report) } else { text(report, output.quiet) });
}

/// Arguments as a JSON list, for HEALTHCHECK CMD and Compose; the program in front.
pub fn list(words: &[OsString]) -> String {
    let mut text = String::from("[\"/healthcheck\"");
    for word in words {
        text.push_str(", \"");
        for c in word.to_string_lossy().chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                '\0'..='\x1f' => {
                    text.push_str("\\u00");
                    hex_digits(c as u8, &mut text);
                }
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text + "]\n"
}

/// Writes to stdout. What becomes of it changes no verdict.
pub fn stdout(text: &str) {
    put(stdio::stdout(), text);
}

/// Writes a line to stderr, escaped and in one piece, so that lines of several checks do not mix.
pub fn stderr(line: &str) {
    put(stdio::stderr(), &(brief(line, OUTPUT) + "\n"));
}

/// As [`stderr`], for what a run without `--verbose` waits for: left out where it would take the
/// verdicts' room.
pub fn notice(line: &str) {
    let line = brief(line, NOTICES - 1) + "\n";
    if NOTICED.fetch_add(line.len(), Ordering::Relaxed) + line.len() <= NOTICES {
        put(stdio::stderr(), &line);
    } else {
        NOTICED.fetch_sub(line.len(), Ordering::Relaxed);
    }
}

/// Writes without ever waiting: a pipe that nobody reads must not hold up the exit code.
fn put(out: BorrowedFd<'_>, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let piece = rest.get(..4096).unwrap_or(rest);
        match write_now(out, piece) {
            Ok(n @ 1..) => rest = rest.get(n..).unwrap_or_default(),
            _ => return,
        }
    }
}

/// The kernel is asked not to wait (RWF_NOWAIT of pwritev2(2)), since between a poll and a write
/// another thread or process may fill the pipe. Where it cannot promise that, of a terminal or a
/// file or in older kernels, polling has to do: what is writable takes 4,096 bytes at once (pipe(7)).
fn write_now(out: BorrowedFd<'_>, piece: &[u8]) -> Result<usize, Errno> {
    /// Where the stream stands, as for write(2).
    const HERE: u64 = u64::MAX;
    /// Threads of this process take turns at least.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    pwritev2(out, &[IoSlice::new(piece)], HERE, ReadWriteFlags::NOWAIT).or_else(|_| {
        match poll(&mut [PollFd::from_borrowed_fd(out, PollFlags::OUT)], Some(&NOW))? {
            0 => Err(Errno::AGAIN),
            _ => write(out, piece),
        }
    })
}

/// One line per check, all together within what Docker keeps. Unhealthy ones come first, since
/// Podman keeps 500 characters; else they are in the order given. With `quiet` they stand alone.
fn text(report: &Report, quiet: bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for healthy in [false, true] {
        for outcome in &report.outcomes {
            if outcome.verdict.is_ok() == healthy && !(healthy && quiet) {
                lines.push(brief(&sentence(outcome), OUTPUT));
            }
        }
    }
    let most = share(&lines, OUTPUT - NOTICED.load(Ordering::Relaxed).min(NOTICES));
    let mut text = String::new();
    for line in &lines {
        text.push_str(&brief(line, most));
        text.push('\n');
    }
    text
}

/// The longest a line may be so that all fit into `left`: short lines leave their rest to the long
/// ones.
fn share(lines: &[String], mut left: usize) -> usize {
    let mut lengths: Vec<usize> = lines.iter().map(|line| line.len() + 1).collect();
    lengths.sort_unstable();
    for (i, length) in lengths.iter().enumerate() {
        let each = left / (lengths.len() - i);
        if *length > each {
            return each - 1;
        }
        left -= length;
    }
    OUTPUT
}

/// `healthy: http://localhost:8080/: 200 OK in 2 ms`.
fn sentence(outcome: &Outcome) -> String {
    let label = titled(outcome.label);
    match &outcome.verdict {
        Ok(seen) => format!("healthy: {label}: {} in {}", seen.0, Span(outcome.elapsed)),
        Err(failure) => {
            // Whose turn it is: of whoever runs the service, or of whoever wrote the command line.
            let setup = failure.cause() == Cause::Setup;
            let who = if setup { "healthcheck" } else { "unhealthy" };
            [who, ": ", label, ": ", failure.words()].concat()
        }
    }
}

/// One line of JSON. What does not fit is cut, then left out and counted as `omitted`: healthy checks
/// first, so that what is wrong is in it.
fn json(report: &Report) -> String {
    let mut text = format!(
        "{{\"healthy\":{},\"elapsed_ms\":{},\"checks\":[",
        report.healthy,
        millis(report.elapsed)
    );
    // What closes the line: `],"omitted":64}` and a newline.
    let room = OUTPUT.saturating_sub(text.len() + 18);
    let mut most = OUTPUT;
    let mut items: Vec<String> = loop {
        let items: Vec<String> =
            report.outcomes.iter().map(|outcome| item(outcome, most)).collect();
        let (mut all, mut wrong) = (0, 0);
        for (outcome, item) in report.outcomes.iter().zip(&items) {
            all += item.len() + 1;
            wrong += if outcome.verdict.is_ok() { 0 } else { item.len() + 1 };
        }
        // Below this, healthy checks go before the words of the others do.
        if all <= room || most <= SHORTEST || most <= 256 && wrong <= room {
            break items;
        }
        most /= 2;
    };
    let mut left = room;
    for healthy in [false, true] {
        for (outcome, item) in report.outcomes.iter().zip(&mut items) {
            if outcome.verdict.is_ok() != healthy {
                continue;
            }
            match left.checked_sub(item.len() + 1) {
                Some(rest) => left = rest,
                None => item.clear(),
            }
        }
    }
    items.retain(|item| !item.is_empty());
    text.push_str(&items.join(","));
    match report.outcomes.len() - items.len() {
        0 => text.push_str("]}\n"),
        omitted => text.push_str(&format!("],\"omitted\":{omitted}}}\n")),
    }
    text
}

/// To this length strings are cut where many have to fit.
const SHORTEST: usize = 16;

fn item(outcome: &Outcome, most: usize) -> String {
    let (step, cause, detail) = match &outcome.verdict {
        Ok(seen) => (Step::Judge, String::new(), &*seen.0),
        Err(failure) => {
            let cause = ["\"cause\":\"", failure.cause().word(), "\","].concat();
            (failure.step(), cause, failure.words())
        }
    };
    format!(
        "{{\"target\":{},\"kind\":{},\"healthy\":{},\"elapsed_ms\":{},\"step\":\"{}\",{cause}\"detail\":{}}}",
        string(outcome.label, most),
        string(outcome.kind, most),
        outcome.verdict.is_ok(),
        millis(outcome.elapsed),
        step.word(),
        string(detail, most),
    )
}

/// A JSON string (RFC 8259 section 7) of at most `most` bytes. Control characters are escaped
/// beforehand, so that quotes and backslashes alone are left to do.
fn string(text: &str, most: usize) -> String {
    let mut out = String::from("\"");
    for c in brief(text, most.max(SHORTEST)).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The progress of `--wait` on stderr: one line that is written over on a terminal, and gone in
/// the end; elsewhere a line whenever the reason changes.
pub struct OnStderr {
    quiet: bool,
    terminal: bool,
    last: String,
}

impl OnStderr {
    /// Without `wanted` nothing is written.
    pub fn new(wanted: bool) -> Self {
        Self { quiet: !wanted, terminal: false, last: String::new() }
    }
}

impl Progress for OnStderr {
    fn unhealthy(&mut self, report: &Report) {
        if self.quiet {
            return;
        }
        let mut line = String::from("waiting: ");
        for outcome in &report.outcomes {
            if let Err(failure) = &outcome.verdict {
                let between = if line.len() > 9 { "; " } else { "" };
                line += &format!("{between}{}: {failure}", outcome.label);
            }
        }
        let line = brief(&line, 512);
        self.terminal = stdio::stderr().is_terminal();
        if self.terminal {
            // A line that wrapped could not be written over: the terminal is told to cut it.
            let elapsed = Span(report.elapsed);
            put(stdio::stderr(), &format!("\r\x1b[K\x1b[?7l{elapsed} {line}\x1b[?7h"));
        } else {
            let reason = timeless(&line);
            if reason != self.last {
                stderr(&line);
            }
            self.last = reason;
        }
    }

    fn stopped(&mut self) {
        if !self.quiet {
            stderr(if self.terminal { "" } else { "stopped by a signal" });
        }
    }
}

impl Drop for OnStderr {
    fn drop(&mut self) {
        if self.terminal {
            put(stdio::stderr(), "\r\x1b[K");
        }
    }
}

/// `line` without its durations, without how many wait to be accepted, which each try makes one more, and
/// without who else listens: that a reason has grown older makes it no other.
fn timeless(line: &str) -> String {
    let mut words = parts(line, b' ').peekable();
    let mut out = String::new();
    while let Some(word) = words.next() {
        let digits = word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'('));
        let unit = words.peek().map(|unit| unit.trim_end_matches([',', ';', ':', ')']));
        if digits && matches!(unit, Some("s" | "ms" | "min" | "h" | "d" | "wait")) {
            words.next();
        } else {
            out.push_str(word);
        }
        // "listening here: 127.0.0.1:3000, [::]:9090, ...": others start and end meanwhile.
        while word == "here:" && words.next().is_some_and(|one| one.ends_with(',')) {}
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_grew_older_is_the_same() {
        for (one, other) in [
            ("timed out after 3 s while x", "timed out after 2.5 s while x"),
            ("modified 65 s ago, want at most 3 s ago", "modified 66 s ago, want at most 3 s ago"),
            ("modified 179 s (2 min) ago", "modified 180 s (3 min) ago"),
            ("a: timed out after 900 ms; b", "a: timed out after 1 s; b"),
            (
                "x: no connections: 1 wait to be accepted",
                "x: no connections: 2 wait to be accepted",
            ),
            ("a: listening here: 0.0.0.0:1; b", "a: listening here: [::]:2, 0.0.0.0:1, ... b"),
        ] {
            assert_eq!(timeless(one), timeless(other));
        }
        for (one, other) in [
            ("status 503, want 200", "status 502, want 200"),
            ("3 alive", "2 alive"),
            ("connecting to 10.0.0.1:80", "connecting to 10.0.0.2:80"),
        ] {
            assert_ne!(timeless(one), timeless(other));
        }
    }
}
