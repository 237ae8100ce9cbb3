//! Local checks: nothing is connected to, nothing is started.

pub mod disk;
pub mod file;
pub mod listen;
pub mod memory;
pub mod pid;
pub mod process;
pub mod procfs;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{FileType, Stat, lstat, stat};
use rustix::io::Errno;

use crate::attempt::Attempt;
use crate::file::whereabouts;
use crate::verdict::{Failure, Span, Step, quote};

/// The path that is meant; any bytes.
fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// What is at `at`, links followed; nothing is opened.
fn look(at: &[u8], attempt: &Attempt<'_>) -> Result<Stat, Failure> {
    attempt.enter(Step::Open, &quote(at));
    match stat(path(at)) {
        Ok(found) => Ok(found),
        // A link to nothing and nothing at all are the same error to stat(2).
        Err(Errno::NOENT) if lstat(path(at)).is_ok() => {
            Err(attempt.protocol("a link to what does not exist"))
        }
        Err(error) => Err(refused(at, error, attempt)),
    }
}

/// The system's refusal; of what is not there, whether its folder is.
fn refused(at: &[u8], error: Errno, attempt: &Attempt<'_>) -> Failure {
    let missing = error == Errno::NOENT;
    attempt.io(error).with(if missing { whereabouts(at) } else { "" })
}

/// As [`look`], and it is of that kind. A regular file can be opened and read without waiting for
/// anybody, and without an effect on a device.
fn look_for(wanted: FileType, at: &[u8], attempt: &Attempt<'_>) -> Result<Stat, Failure> {
    let found = look(at, attempt)?;
    match kind(&found) {
        is if is == wanted => Ok(found),
        is => Err(Failure::mismatch("file type", word(is), word(wanted))),
    }
}

fn kind(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "link",
        FileType::Fifo => "FIFO",
        FileType::Socket => "socket",
        FileType::CharacterDevice => "character device",
        FileType::BlockDevice => "block device", // not a verdict: part of one
        _ => "unknown",
    }
}

/// How long ago it was modified; as an error, in how long it will have been.
fn age(found: &Stat) -> Result<Duration, Duration> {
    let nanos = u32::try_from(found.st_mtime_nsec).unwrap_or(0);
    let modified = Duration::new(u64::try_from(found.st_mtime).unwrap_or(0), nanos);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.checked_sub(modified).ok_or_else(|| modified.saturating_sub(now))
}

/// The same in words.
fn ago(found: &Stat) -> String {
    match age(found) {
        Ok(age) => format!("{} ago", Span(age)),
        Err(ahead) => format!("{} in the future", Span(ahead)),
    }
}

/// A number of bytes as people write it: `512 bytes`, `1.5 MiB`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = "bytes";
        let (mut whole, mut below) = (self.0, 0);
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
            if whole < 1024 {
                break;
            }
            (whole, below, unit) = (whole / 1024, whole % 1024, next);
        }
        match below * 10 / 1024 {
            0 => write!(f, "{whole} {unit}"),
            tenths => write!(f, "{whole}.{tenths} {unit}"),
        }
    }
}

/// What the unit tests of these checks share.
#[cfg(test)]
mod fixture {
    use std::path::PathBuf;
    use std::time::Duration;

    use crate::attempt::{Attempt, Log};
    use crate::checks::kinds;
    use crate::input::options::given;
    use crate::input::{Flag, Options, Target, Text, Usage};

    /// A folder that is removed in the end.
    pub(super) struct Tree(pub(super) String);

    impl Tree {
        pub(super) fn new(name: &str) -> Self {
            // In memory, where there is such a place: some of these trees are large.
            let shm = PathBuf::from("/dev/shm");
            let parent = if shm.is_dir() { shm } else { std::env::temp_dir() };
            let root = parent.join(format!("{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(&root).expect("a folder");
            Self(root.to_str().expect("UTF-8").into())
        }

        pub(super) fn path(&self, path: &str) -> PathBuf {
            PathBuf::from(format!("{}{path}", self.0))
        }

        pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
            let path = self.path(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, content).expect("a file");
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    pub(super) fn attempt() -> Attempt<'static> {
        let log = Log { line: |_| {}, verbose: false, waiting: false };
        Attempt::new("x", Duration::from_secs(30), log)
    }

    /// Parses one check; an option that it does not take is an error too.
    pub(super) fn parsed<T>(
        parse: fn(&Target, &mut Options<'_>) -> Result<T, Usage>,
        target: &str,
        options: &[(Flag, &str)],
    ) -> Result<T, String> {
        let own = given(options);
        let mut options = Options::new(&own, &[]);
        let parsed = kinds::read(&Text::plain(target)).and_then(|(_, target)| {
            let check = parse(&target, &mut options)?;
            options.finish(&target.label)?;
            Ok(check)
        });
        parsed.map_err(|wrong| wrong.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_people_write_them() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (10 << 30, "10 GiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
