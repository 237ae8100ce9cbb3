//! `process:NAME`: a process of that name lives.

use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use rustix::fs::RawDir;

use super::pid::gone;
use super::procfs::{self, ROOT, Root};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::deadline::Deadline;
use crate::file::open_now;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::parallel;
use crate::text::{Wrong, contains};
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// Processes by their name.
#[derive(Debug)]
pub struct Process {
    name: Vec<u8>,
    by: By,
    least: u64,
    most: Option<u64>,
}

/// What the name is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// All of the process's name.
    Name,
    /// A part of what the kernel calls it, 15 bytes at most.
    Part,
    /// A part of its arguments.
    Arguments,
}

/// What a walk over `/proc` found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Living processes of the name, this one not among them.
    living: u64,
    zombies: u64,
    /// Processes that may not be looked at.
    hidden: u64,
    /// All that were looked at.
    all: u64,
    /// Whether process 1 was listed.
    first: bool,
}

impl Check for Process {
    /// Takes `--match`, `--min-count` and `--max-count`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let name = target.rest.clone();
        let by = options.last(Flag::Match, by)?.unwrap_or(By::Name);
        let path = name.contains(&b'/') && by != By::Arguments;
        if name.is_empty() || path || name.contains(&0) {
            return Err(target.wrong("want process:NAME, a name without a path"));
        }
        let most = options.number(Flag::MaxCount)?;
        // With --max-count 0 none is wanted.
        let least = options.number(Flag::MinCount)?.unwrap_or(u64::from(most != Some(0)));
        if most.is_some_and(|most| most < least) {
            return Err(target.wrong("want --min-count to be at most --max-count"));
        }
        if (least, most) == (0, None) {
            return Err(target.wrong("want a --min-count of 1 or more, or a --max-count: any number of processes is 0 or more"));
        }
        Ok(Self { name, by, least, most })
    }

    /// Looks at every process.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let found = self.find(ROOT, attempt)?;
        self.judge(&found).map_err(|failure| match found.living + found.zombies {
            0 => failure.with(&self.others(ROOT)),
            _ => failure,
        })
    }
}

impl Process {
    fn judge(&self, found: &Found) -> Verdict {
        let Found { living, zombies, hidden, all, first } = *found;
        let mut got = format!("{living} alive");
        let enough = living >= self.least;
        if enough && self.most.is_none() {
            return Healthy::saw(got);
        }
        if zombies > 0 {
            got += &format!(" and {zombies} zombie(s)");
        }
        got += &format!(" among {all} processes");
        if hidden > 0 || !first {
            got += ", others are hidden from this user (hidepid)";
        }
        let want = match (self.least, self.most) {
            (least, None) => format!("at least {least}"),
            (least, Some(most)) if least == most => most.to_string(),
            (least, Some(most)) => format!("{least} to {most}"),
        };
        // How many there are at most can be said by those only who see all.
        let few = self.most.is_none_or(|most| living <= most && hidden == 0 && first);
        match enough && few {
            true => Healthy::saw(got),
            false => Err(Failure::mismatch("found", &got, &want)),
        }
    }

    fn find(&self, root: Root<'_>, attempt: &Attempt<'_>) -> Result<Found, Failure> {
        let own = procfs::number(&root.own_pid(attempt)?);
        attempt.enter(Step::Open, "/proc");
        let mut pids = listed(root).map_err(|error| attempt.io(error))?;
        let first = pids.contains(&1);
        pids.retain(|pid| own != Some(u64::from(*pid)));
        let mut found = Ok(Found { first, ..Found::default() });
        let deadline = attempt.deadline();
        for round in pids.chunks(PART * THREADS) {
            attempt.check_deadline()?;
            let parts: Vec<&[u32]> = round.chunks(PART).collect();
            let sum = Mutex::new(&mut found);
            parallel::for_each(parts.len(), &|i| {
                let pids = parts.get(i).copied().unwrap_or_default();
                let part = self.count(root, pids, deadline);
                let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                match (&mut **sum, part) {
                    (Ok(sum), Ok(part)) => sum.add(&part),
                    (sum, Err(error)) => *sum = Err(error),
                    (Err(_), _) => {}
                }
            });
            if found.as_ref().map_or(true, |found| self.suffices(found)) {
                break;
            }
        }
        found.map_err(|error| attempt.io(error))
    }

    /// What is compared, and whom there is to compare with.
    fn others(&self, root: Root<'_>) -> String {
        // Of very many processes the first will do.
        let mut names: Vec<String> = Vec::new();
        for pid in listed(root).unwrap_or_default().into_iter().take(64) {
            if names.len() == 5 {
                break;
            }
            let mut buffer = [0; 64];
            let comm = root.start(&format!("/proc/{pid}/comm"), &mut buffer).unwrap_or_default();
            let name = quote(comm.trim_ascii_end());
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        ["compared with comm and the file name of argv[0]; seen: ", &names.join(", ")].concat()
    }

    /// Whether more processes would not change the verdict.
    fn suffices(&self, found: &Found) -> bool {
        self.most.is_none() && found.living >= self.least
    }

    /// Looks at these processes, or at as many as suffice.
    fn count(&self, root: Root<'_>, pids: &[u32], deadline: Deadline) -> io::Result<Found> {
        let mut found = Found::default();
        for (i, pid) in pids.iter().enumerate() {
            // The time costs nothing beside six system calls, but not for each.
            if i % 64 == 63 && deadline.remaining().is_none() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.look(root, *pid, &mut found)?;
            if self.suffices(&found) {
                break;
            }
        }
        Ok(found)
    }

    /// Counts one process. Its name is the cheapest to ask for, and mostly the last.
    fn look(&self, root: Root<'_>, pid: u32, found: &mut Found) -> io::Result<()> {
        let mut buffer = [0; 4096];
        match root.start(&format!("/proc/{pid}/comm"), &mut buffer) {
            Ok(comm) => {
                found.all += 1;
                let comm = comm.strip_suffix(b"\n").unwrap_or(comm);
                let is_it = match self.by {
                    By::Name => comm == self.name || self.is_called(root, pid, comm),
                    By::Part => contains(comm, &self.name),
                    By::Arguments => self.is_in_arguments(root, pid, comm),
                };
                if !is_it {
                    return Ok(());
                }
            }
            // It ended after it was listed.
            Err(error) if gone(&error) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                found.hidden += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        match root.start(&format!("/proc/{pid}/stat"), &mut buffer) {
            Ok(stat) => match procfs::stat(stat) {
                Some(true) => found.living += 1,
                _ => found.zombies += 1,
            },
            Err(error) if gone(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether the arguments, blanks between them, hold the name; those of a thread of the kernel are
    /// its name.
    fn is_in_arguments(&self, root: Root<'_>, pid: u32, comm: &[u8]) -> bool {
        let mut buffer = [0; 4096];
        let read = root.start(&format!("/proc/{pid}/cmdline"), &mut buffer).unwrap_or_default();
        let mut line = read.to_vec();
        line.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        contains(if line.is_empty() { comm } else { &line }, &self.name)
    }

    /// Whether `argv[0]` names the program: by its path's last part. A blank before that may be a
    /// title that the program gave itself (`app: serving /srv/name`), which proves nothing unless
    /// the kernel's name for it agrees (`comm`, the first 15 bytes).
    fn is_called(&self, root: Root<'_>, pid: u32, comm: &[u8]) -> bool {
        let mut buffer = [0; 4096];
        let cmdline = root.start(&format!("/proc/{pid}/cmdline"), &mut buffer).unwrap_or_default();
        let end = cmdline.iter().position(|byte| *byte == 0).unwrap_or(cmdline.len());
        let program = cmdline.get(..end).unwrap_or_default();
        match program.strip_suffix(self.name.as_slice()) {
            None => false,
            Some([]) => true,
            Some(path) => {
                let cut = comm.len() == 15 && self.name.starts_with(comm);
                path.ends_with(b"/") && (cut || !path.contains(&b' '))
            }
        }
    }
}

fn by(given: &[u8]) -> Result<By, Wrong> {
    match given {
        b"name" => Ok(By::Name),
        b"part" => Ok(By::Part),
        b"arguments" => Ok(By::Arguments),
        _ => Err("name, part or arguments is wanted".into()), // not a verdict
    }
}

impl Found {
    /// Adds what another part of the list held.
    fn add(&mut self, other: &Found) {
        let Found { living, zombies, hidden, all, first } = other;
        self.living += living;
        self.zombies += zombies;
        self.hidden += hidden;
        self.all += all;
        self.first |= first;
    }
}

/// So many processes are one thread's at a time: six system calls each, 10 ms.
const PART: usize = 1024;

/// So many threads share the work where processes are that many.
const THREADS: usize = 4;

/// The processes that `/proc` lists.
fn listed(root: Root<'_>) -> io::Result<Vec<u32>> {
    let proc = open_now(&root.path("/proc"))?;
    let mut buffer = [MaybeUninit::uninit(); 32_768];
    let mut list = RawDir::new(&proc, &mut buffer);
    let mut pids = Vec::new();
    while let Some(entry) = list.next() {
        let entry = entry?;
        let pid = value::number(entry.file_name().to_bytes()).ok();
        pids.extend(pid.and_then(|pid| u32::try_from(pid).ok()));
    }
    Ok(pids)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::fixture::{Tree, attempt, parsed};
    use super::*;

    fn process(name: &str, options: &[(Flag, &str)]) -> Process {
        parsed(Process::parse, &format!("process:{name}"), options).expect(name)
    }

    fn put(tree: &Tree, pid: u32, comm: &str, state: char, cmdline: &str) {
        let tail = "1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100";
        tree.write(&format!("/proc/{pid}/stat"), format!("{pid} ({comm}) {state} {tail}\n"));
        tree.write(&format!("/proc/{pid}/cmdline"), cmdline);
        tree.write(&format!("/proc/{pid}/comm"), comm.to_owned() + "\n");
    }

    fn tree(name: &str) -> Tree {
        let tree = Tree::new(name);
        tree.write("/proc/self/stat", "7 (nginx) R");
        tree
    }

    #[test]
    fn names() {
        let tree = tree("process");
        put(&tree, 1, "init", 'S', "/sbin/init\0");
        // This program.
        put(&tree, 7, "nginx", 'R', "nginx\0");
        put(&tree, 20, "nginx", 'S', "nginx: master process nginx\0");
        put(&tree, 21, "nginx", 'Z', "");
        put(&tree, 22, "a-long-program-", 'S', "/opt/my/a-long-program-name\0--flag\0");
        put(&tree, 23, "python3", 'S', "gunicorn: serving /srv/backend\0");
        put(&tree, 24, "x) S 1 (nginx", 'S', "x\0");
        put(&tree, 25, "exe", 'S', "backup\0nginx\0");
        // It has ended since it was listed; it is something else altogether.
        std::fs::create_dir(tree.path("/proc/30")).expect("a folder");
        tree.write("/proc/version", "Linux");
        // With a largest number all are looked at.
        let most = [(Flag::MaxCount, "9")];
        let found = |name: &str| process(name, &most).find(Root(&tree.0), &attempt()).expect(name);
        let of = |living, zombies| Found { living, zombies, hidden: 0, all: 7, first: true };
        for (name, living, zombies) in [
            ("nginx", 1, 1),
            ("init", 1, 0),
            ("a-long-program-name", 1, 0),
            ("a-long-program-", 1, 0),
            ("backend", 0, 0),
            ("backup", 1, 0),
            ("x) S 1 (nginx", 1, 0),
            ("ngin", 0, 0),
            ("Nginx", 0, 0),
        ] {
            assert_eq!(found(name), of(living, zombies), "{name}");
        }
    }

    #[test]
    fn without_proc() {
        let tree = Tree::new("process-none");
        let failure = process("x", &[]).find(Root(&tree.0), &attempt()).expect_err("no /proc");
        assert!(
            failure.to_string().starts_with("opening /proc/self/stat: No such file"),
            "{failure}"
        );
    }

    #[test]
    fn verdicts() {
        let judge = |options: &[(Flag, &str)], living, zombies, hidden, first| {
            let found = Found { living, zombies, hidden, all: 9, first };
            match process("x", options).judge(&found) {
                Ok(healthy) => format!("healthy: {}", healthy.0),
                Err(failure) => failure.to_string(),
            }
        };
        let (min, max) = (Flag::MinCount, Flag::MaxCount);
        assert_eq!(judge(&[], 1, 0, 0, true), "healthy: 1 alive");
        assert_eq!(
            judge(&[], 0, 2, 0, true),
            "found 0 alive and 2 zombie(s) among 9 processes, want at least 1"
        );
        assert_eq!(
            judge(&[(min, "3")], 2, 0, 0, true),
            "found 2 alive among 9 processes, want at least 3"
        );
        assert_eq!(
            judge(&[(max, "3")], 4, 0, 0, true),
            "found 4 alive among 9 processes, want 1 to 3"
        );
        assert_eq!(judge(&[(max, "1")], 1, 0, 0, true), "healthy: 1 alive among 9 processes");
        assert_eq!(
            judge(&[(max, "0")], 0, 1, 0, true),
            "healthy: 0 alive and 1 zombie(s) among 9 processes"
        );
        assert_eq!(judge(&[(max, "0")], 1, 0, 0, true), "found 1 alive among 9 processes, want 0");
        // Those that cannot be seen might be one too many; enough is enough.
        let hidden = ", others are hidden from this user (hidepid)";
        assert_eq!(judge(&[], 1, 0, 3, true), "healthy: 1 alive");
        assert_eq!(
            judge(&[(max, "2")], 1, 0, 3, true),
            format!("found 1 alive among 9 processes{hidden}, want 1 to 2")
        );
        assert_eq!(
            judge(&[(max, "2")], 1, 0, 0, false),
            format!("found 1 alive among 9 processes{hidden}, want 1 to 2")
        );
    }

    #[test]
    fn ten_thousand() {
        let tree = tree("process-many");
        for pid in 1..=10_000 {
            put(&tree, pid, "worker", 'S', "/bin/worker\0");
        }
        let started = Instant::now();
        let found = process("nginx", &[]).find(Root(&tree.0), &attempt()).expect("a count");
        assert_eq!((found.living, found.all), (0, 9999));
        // A bound for a busy machine and a debug build; tests/it/local.rs has the real one.
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn options() {
        let wrong = |options: &[(Flag, &str)]| {
            parsed(Process::parse, "process:x", options).expect_err("refused")
        };
        let (min, max) = (Flag::MinCount, Flag::MaxCount);
        assert!(wrong(&[(min, "0")]).contains("a --min-count of 1 or more"));
        assert!(wrong(&[(min, "3"), (max, "2")]).contains("--min-count to be at most --max-count"));
        assert!(wrong(&[(min, "x")]).starts_with("--min-count: "));
        assert!(wrong(&[(Flag::MaxAge, "3s")]).contains("does not take --max-age"));
        for text in ["process:", "process:/bin/x", "process:a\0b"] {
            assert!(parsed(Process::parse, text, &[]).is_err(), "{text}");
        }
    }
}
