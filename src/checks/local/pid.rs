//! `pid:1234` and `pid:///run/app.pid`: that process lives and is no zombie.
//!
//! That the number has passed to another process since cannot be seen from here (README.md).

use std::io;

use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::process::{Pid as ProcessId, test_kill_process};

use super::procfs::{ROOT, Root, field, lives, number};
use super::{ago, look_for, path};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::file;
use crate::input::{Options, Target, Usage, value};
use crate::text::Wrong;
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// A process by its number.
#[derive(Debug)]
pub enum Pid {
    /// `pid:1234`
    Number(u32),
    /// `pid:///run/app.pid`
    File(Vec<u8>),
}

/// The largest number a process can have (`PID_MAX_LIMIT`; proc_sys_kernel(5)).
const LARGEST: u64 = 1 << 22;

impl Check for Pid {
    /// Takes no options of its own.
    fn parse(target: &Target, _: &mut Options<'_>) -> Result<Self, Usage> {
        match target.rest.as_slice() {
            [b'/', ..] => Ok(Pid::File(target.absolute_path()?.to_vec())),
            given => match pid(given) {
                Ok(pid) => Ok(Pid::Number(pid)),
                // What `${...}` yields may be a secret: only what was typed is said again.
                Err(got) if target.label.as_bytes().ends_with(given) => {
                    // not a verdict
                    Err(target.wrong(&format!("{got}, want pid:1234 or pid:///path")))
                }
                Err(_) => Err(target.wrong("want pid:1234 or pid:///path")),
            },
        }
    }

    /// Reads the file, if any, then `/proc/PID/status`.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        match self {
            Pid::Number(pid) => alive(*pid, ROOT, attempt),
            Pid::File(path) => {
                let (pid, age) = in_file(path, attempt)?;
                // Left over by a run that did not end in order, most often.
                alive(pid, ROOT, attempt)
                    .map_err(|failure| failure.with(&["the pid file was written ", &age].concat()))
            }
        }
    }
}

/// The number in a pid file. As the Filesystem Hierarchy Standard (3.15.2) asks of readers, white
/// space around it, a missing newline, leading zeros and further lines do not matter.
///
/// Behind it, how long ago it was written.
fn in_file(at: &[u8], attempt: &Attempt<'_>) -> Result<(u32, String), Failure> {
    let found = look_for(FileType::RegularFile, at, attempt)?;
    let content = file::read(path(at), 4096).map_err(|error| attempt.io(error))?;
    let end = content.iter().position(|byte| *byte == b'\n').map_or(content.len(), |at| at + 1);
    pid(content.get(..end).unwrap_or_default())
        .map(|pid| (pid, ago(&found)))
        .map_err(|got| Failure::mismatch("pid file", &format!("with {got}"), "a process id"))
}

/// A process id, or what stands there instead.
pub fn pid(text: &[u8]) -> Result<u32, Wrong> {
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() {
        return Err(match text {
            [] => "nothing in it",
            [b'\n'] => "an empty first line",
            _ => "nothing but blanks in its first line",
        }
        .into());
    }
    let shown = quote(trimmed);
    let (negative, digits) = match trimmed {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match (value::number(digits), negative) {
        (Ok(0), _) => Err("0, which is no process".into()),
        (Ok(_), true) => Err(format!("the negative number {shown}").into()),
        (Ok(pid @ ..=LARGEST), false) => u32::try_from(pid).map_err(|_| shown.into()),
        (Ok(_), false) => Err(format!("{shown}, above the largest process id {LARGEST}").into()),
        (Err(_), _) => Err(format!("\"{shown}\"").into()),
    }
}

fn alive(pid: u32, root: Root<'_>, attempt: &Attempt<'_>) -> Verdict {
    // After a restart a pid file of the last run may name whoever got the number: this program too.
    if number(&root.own_pid(attempt)?) == Some(pid.into()) {
        let what = format!("process {pid}");
        return Err(Failure::mismatch(&what, "is this health check itself", "the service"));
    }
    let path = format!("/proc/{pid}/status");
    attempt.enter(Step::Open, &path);
    let status = match root.read(&path) {
        Ok(status) => status,
        // It ended before it was opened, or between that and the reading; or it is hidden, which denies
        // or conceals (proc(5), hidepid=1 and 2).
        Err(error) if gone(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(missing(pid, root, attempt));
        }
        Err(error) => return Err(attempt.io(error)),
    };
    let (Some(name), Some([state, ..]), Some(threads), Some(group)) = (
        field(&status, "Name"),
        field(&status, "State"),
        field(&status, "Threads").and_then(number),
        field(&status, "Tgid").and_then(number),
    ) else {
        return Err(attempt.protocol("want the fields Name, State, Tgid and Threads"));
    };
    let who = format!("process {pid} ({})", quote(name));
    if group != u64::from(pid) {
        // Such a number is not listed under /proc, but can be opened there.
        let got = format!("is a thread of process {group}");
        return Err(Failure::mismatch(&who, &got, "a process"));
    }
    if !lives(*state, threads) {
        return Err(Failure::mismatch(&who, "is a zombie", "it alive"));
    }
    Healthy::saw(who + " lives")
}

/// What opening and reading say of a process that is no more.
pub(super) fn gone(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOENT | Errno::SRCH))
}

fn missing(pid: u32, root: Root<'_>, attempt: &Attempt<'_>) -> Failure {
    if let Err(failure) = root.own_pid(attempt) {
        return failure;
    }
    let exists = i32::try_from(pid).ok().and_then(ProcessId::from_raw).is_some_and(|pid| {
        // Signal 0 is not sent: the system only says whether it could be.
        matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM))
    });
    let what = format!("process {pid}");
    match exists {
        true => Failure::mismatch(
            &what,
            "is hidden from this user (hidepid)",
            "to see whether it lives",
        ),
        false => Failure::mismatch(&what, "does not exist", "it alive"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tree, attempt, parsed};
    use super::*;

    #[test]
    fn each_wrong_number_has_a_message_of_its_own() {
        for text in ["1", "4194304", " 42 ", "0042", "42\n", "\t42\r\n"] {
            assert!(pid(text.as_bytes()).is_ok_and(|pid| pid > 0), "{text}");
        }
        for (text, message) in [
            ("", "nothing in it"),
            ("\n", "an empty first line"),
            ("  \n", "nothing but blanks in its first line"),
            ("nginx", "\"nginx\""),
            ("12x", "\"12x\""),
            ("1 2", "\"1 2\""),
            ("+1", "\"+1\""),
            ("1.0", "\"1.0\""),
            ("-5", "the negative number -5"),
            ("0", "0, which is no process"),
            ("-0", "0, which is no process"),
            ("4194305", "4194305, above the largest process id 4194304"),
            ("1099511627776", "1099511627776, above the largest process id 4194304"),
            ("99999999999999999999", "\"99999999999999999999\""),
            ("1\u{202e}", "\"1\\u202e\""),
        ] {
            assert_eq!(pid(text.as_bytes()), Err(message.into()), "{text}");
        }
    }

    #[test]
    fn files_of_processes() {
        let tree = Tree::new("pid");
        let file = |content: &str| {
            tree.write("/app.pid", content);
            in_file(tree.path("/app.pid").as_os_str().as_encoded_bytes(), &attempt())
                .map(|(pid, _)| pid)
                .map_err(|failure| failure.to_string())
        };
        assert_eq!(file("42\n"), Ok(42));
        assert_eq!(file(" 42 \n/var/lib/data\n5432\n"), Ok(42));
        assert_eq!(file(""), Err("pid file with nothing in it, want a process id".into()));
        assert_eq!(
            file("\n42"),
            Err("pid file with an empty first line, want a process id".into())
        );
        assert_eq!(file("x\n"), Err("pid file with \"x\", want a process id".into()));
        let folder = in_file(tree.0.as_bytes(), &attempt()).expect_err("a folder");
        assert_eq!(folder.to_string(), "file type directory, want regular file");
    }

    #[test]
    fn states() {
        let tree = Tree::new("pid-states");
        let root = Root(&tree.0);
        let say = |pid| match alive(pid, root, &attempt()) {
            Ok(healthy) => healthy.0,
            Err(failure) => failure.to_string(),
        };
        assert_eq!(
            say(42),
            "opening /proc/self/stat: No such file or directory (os error 2): want proc(5) mounted on /proc"
        );
        tree.write("/proc/self/stat", "7 (x) R");
        assert_eq!(say(4_194_303), "process 4194303 does not exist, want it alive");
        // This very process is not in that tree.
        assert_eq!(
            say(std::process::id()),
            format!(
                "process {} is hidden from this user (hidepid), want to see whether it lives",
                std::process::id()
            )
        );
        let status = |state: &str, group: u32, threads: u32| {
            tree.write(
                "/proc/42/status",
                format!("Name:\tmy app\nState:\t{state}\nTgid:\t{group}\nThreads:\t{threads}\n"),
            );
            say(42)
        };
        assert_eq!(status("S (sleeping)", 42, 1), "process 42 (my app) lives");
        assert_eq!(status("Z (zombie)", 42, 1), "process 42 (my app) is a zombie, want it alive");
        assert_eq!(status("Z (zombie)", 42, 2), "process 42 (my app) lives");
        assert_eq!(
            status("S (sleeping)", 40, 3),
            "process 42 (my app) is a thread of process 40, want a process"
        );
        tree.write("/proc/42/status", "Name:\tx\n");
        assert_eq!(
            say(42),
            "opening /proc/42/status: want the fields Name, State, Tgid and Threads"
        );
    }

    #[test]
    fn targets() {
        assert!(matches!(parsed(Pid::parse, "pid:1234", &[]), Ok(Pid::Number(1234))));
        assert!(
            matches!(parsed(Pid::parse, "pid:///run/a", &[]), Ok(Pid::File(path)) if path == b"/run/a")
        );
        for text in
            ["pid:", "pid:0", "pid:-1", "pid:x", "pid:1099511627776", "pid://run/a", "pid:/run/a"]
        {
            let wrong = parsed(Pid::parse, text, &[]).expect_err(text);
            assert!(wrong.starts_with(text) && wrong.contains("want pid:"), "{wrong}");
        }
    }
}
