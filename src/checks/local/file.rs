//! `file:///path`: it exists, and is as fresh, as large and of the content that is wanted.

use std::time::Duration;

use rustix::fs::{Access, FileType, access, lstat};
use rustix::io::Errno;

use super::{Size, age, ago, kind, look, look_for, path, word};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::file::{self, open_now};
use crate::input::pattern::Pattern;
use crate::input::{Flag, Options, Target, Usage, value};
use crate::text::{Wrong, found};
use crate::verdict::{Failure, Healthy, Span, Step, Verdict, quote};

/// A file, and what is wanted of it.
#[derive(Debug)]
pub struct File {
    path: Vec<u8>,
    wanted: Wanted,
}

#[derive(Debug)]
enum Wanted {
    /// `--absent`
    Absent,
    /// It is there.
    There {
        max_age: Option<Duration>,
        min_size: Option<u64>,
        kind: Option<FileType>,
        readable: bool,
        expect: Vec<Vec<u8>>,
        grep: Vec<Pattern>,
    },
}

/// A text is searched in this much of a file, and no further.
const SEARCHED: u64 = 16 << 20;

impl Check for File {
    /// Takes `--max-age`, `--min-size`, `--file-type`, `--readable`, `--expect`, `--grep`
    /// and `--reject`, or `--absent`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        let path = target.absolute_path()?.to_vec();
        let max_age = options.duration(Flag::MaxAge)?;
        let min_size = options.last(Flag::MinSize, value::size)?;
        let kind = options.last(Flag::FileType, file_type)?;
        let readable = options.has(Flag::Readable);
        let expect = options.each(Flag::Expect, value::text)?;
        let grep = Pattern::all(options, value::text)?;
        let asked = max_age.is_some()
            || min_size.is_some()
            || kind.is_some()
            || readable
            || !expect.is_empty()
            || !grep.is_empty();
        let wanted = match (options.has(Flag::Absent), asked) {
            (true, false) => Wanted::Absent,
            (true, true) => {
                return Err(target
                    .wrong("want --absent alone: what is not there has no age, size or content"));
            }
            (false, _) => Wanted::There { max_age, min_size, kind, readable, expect, grep },
        };
        Ok(Self { path, wanted })
    }

    /// Looks; opens the file for its content only.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        match &self.wanted {
            Wanted::Absent => self.absent(attempt),
            Wanted::There { max_age, min_size, kind: wanted, readable, expect, grep } => {
                let content = min_size.is_some() || !expect.is_empty() || !grep.is_empty();
                let wanted = wanted.or(content.then_some(FileType::RegularFile));
                let found = match wanted {
                    None => look(&self.path, attempt)?,
                    Some(kind) => look_for(kind, &self.path, attempt)?,
                };
                if *readable {
                    // As cat and test -r: nothing is opened.
                    access(path(&self.path), Access::READ_OK).map_err(|error| attempt.io(error))?;
                }
                // A date a little in the future is of a clock that was set back; one further away
                // than that would stay fresh for as long.
                let age = match age(&found) {
                    Ok(age) | Err(age) => age,
                };
                if let Some(most) = max_age.filter(|most| age > *most) {
                    let want = format!("at most {} ago", Span(most));
                    return Err(Failure::mismatch("modified", &ago(&found), &want));
                }
                let size = u64::try_from(found.st_size).unwrap_or(0);
                if let Some(least) = min_size.filter(|least| size < *least) {
                    let want = format!("at least {}", Size(least));
                    return Err(Failure::mismatch("size", &Size(size).to_string(), &want));
                }
                if !expect.is_empty() {
                    self.search(expect, attempt)?;
                }
                if !grep.is_empty() {
                    self.search_lines(grep, attempt)?;
                }
                let what = match kind(&found) {
                    FileType::RegularFile => Size(size).to_string(),
                    other => word(other).into(),
                };
                Healthy::saw(format!("{what}, modified {}", ago(&found)))
            }
        }
    }
}

impl File {
    /// Not even as a link to nothing: some programs lock with those.
    fn absent(&self, attempt: &Attempt<'_>) -> Verdict {
        attempt.enter(Step::Open, &quote(&self.path));
        // What is called `x/` is no folder where `x` is a file, but it is not absent (ENOTDIR).
        let mut named = self.path.as_slice();
        while let [more @ .., b'/'] = named
            && !more.is_empty()
        {
            named = more;
        }
        match lstat(path(named)) {
            Ok(found) => {
                let got = format!("is there, modified {}", ago(&found));
                Err(Failure::mismatch(word(kind(&found)), &got, "it absent"))
            }
            // Where a parent is missing or is a file, nothing can be.
            Err(Errno::NOENT | Errno::NOTDIR) => Healthy::saw("absent"),
            Err(error) => Err(attempt.io(error)),
        }
    }

    /// Reads all of it, as much as a body may be.
    fn search_lines(&self, grep: &[Pattern], attempt: &Attempt<'_>) -> Result<(), Failure> {
        let content = file::read(path(&self.path), 1 << 20).map_err(|error| attempt.io(error))?;
        match Pattern::unmatched(grep, &content) {
            None => Ok(()),
            Some(pattern) => {
                let got = format!("of {}", Size(content.len() as u64));
                Err(pattern.failure("content", &got, &content))
            }
        }
    }

    /// Reads until every text was seen. The file may shrink or grow meanwhile: its end is where
    /// nothing more can be read.
    fn search(&self, texts: &[Vec<u8>], attempt: &Attempt<'_>) -> Result<(), Failure> {
        let file = open_now(path(&self.path)).map_err(|error| attempt.io(error))?;
        attempt.enter(Step::Read, &quote(&self.path));
        let mut missing: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        // What is kept of the last piece: a text may lie across two; and what would be shown.
        let kept = texts.iter().fold(200, |most, text| most.max(text.len()));
        let mut window = vec![0; kept + 65_536];
        let (mut filled, mut total) = (0, 0_u64);
        loop {
            attempt.check_deadline()?;
            let n = rustix::io::read(&file, window.get_mut(filled..).unwrap_or_default())
                .map_err(|error| attempt.io(error))?;
            total += n as u64;
            filled += n;
            let seen = window.get(..filled).unwrap_or_default();
            found(&mut missing, seen);
            let Some(text) = missing.first() else { return Ok(()) };
            if n == 0 || total >= SEARCHED {
                let got = match n {
                    0 => format!("of {}", Size(total)),
                    _ => format!("searched for {}", Size(total)),
                };
                let shown = if total <= 200 { seen } else { &[] };
                return Err(Failure::lacks("content", &got, text, shown));
            }
            let from = filled.saturating_sub(kept);
            window.copy_within(from..filled, 0);
            filled -= from;
        }
    }
}

fn file_type(given: &[u8]) -> Result<FileType, Wrong> {
    match given {
        b"file" => Ok(FileType::RegularFile),
        b"directory" => Ok(FileType::Directory),
        b"socket" => Ok(FileType::Socket),
        b"fifo" => Ok(FileType::Fifo),
        _ => Err("file, directory, socket or fifo is wanted".into()), // not a verdict
    }
}
