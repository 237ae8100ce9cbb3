//! `--install PATH`: a copy of this executable, for images without `cp`.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, fchmod, fsync, linkat, open, rename, stat, unlink,
};
use rustix::io::Errno;

use crate::file::open_now;
use crate::net::unpredictable;
use crate::verdict::quote;

/// This executable as the kernel knows it: right even if its file was removed or replaced since.
const SELF: &str = "/proc/self/exe";

/// Copies this executable to `path`; in words what was done, or what is in the way.
///
/// The copy is written beside `path` and renamed: whoever looks sees the old file or the whole new
/// one, and a program that runs from the old one keeps running. A link at `path` is replaced, not
/// followed. When it fails, nothing is left behind. Its caller has signals deferred.
pub fn install(path: &Path) -> Result<String, String> {
    let bytes = path.as_os_str().as_bytes();
    let wrong = |step: &str, at: &[u8], error: &str| {
        Err(format!("--install: {step} {}: {error}", quote(at)))
    };
    if bytes.starts_with(b"-") {
        // An option that was meant, or a file that every other command takes for one.
        return wrong("path", bytes, "want ./ in front of a '-'");
    }
    let there = stat(path).map(|at| FileType::from_raw_mode(at.st_mode));
    if there == Ok(FileType::Directory) || bytes.ends_with(b"/") {
        return wrong("directory", bytes, "want the path of a file in it");
    }
    if there.is_ok_and(|kind| kind != FileType::RegularFile) {
        // /dev/null would be a file from then on, for everybody.
        return wrong("path", bytes, "want a regular file");
    }
    let from = match open_now(Path::new(SELF)) {
        Ok(from) => from,
        Err(error) => return wrong("opening", SELF.as_bytes(), &error.to_string()),
    };
    let new = beside(bytes);
    let beside = Path::new(OsStr::from_bytes(&new));
    let (to, named) = match create(beside) {
        Ok(created) => created,
        Err(error) => return wrong("creating", &new, &io::Error::from(error).to_string()),
    };
    let done = copy(&from, &to).and_then(|total| {
        fchmod(&to, Mode::from_raw_mode(0o755))?;
        fsync(&to)?;
        if !named {
            let open = format!("/proc/self/fd/{}", to.as_raw_fd());
            linkat(CWD, open.as_bytes(), CWD, beside, AtFlags::SYMLINK_FOLLOW)?;
        }
        Ok(total)
    });
    let (step, at, error) = match done {
        Err(error) => ("writing", new.as_slice(), error),
        Ok(total) => match rename(beside, path) {
            Ok(()) => return Ok(format!("installed: {}: {total} bytes", quote(bytes))),
            Err(error) => ("renaming to", bytes, error),
        },
    };
    // Why it failed is worth more than that it could not be removed either.
    let _ = unlink(beside);
    wrong(step, at, &io::Error::from(error).to_string())
}

/// A new file, for nobody but this user until it is complete, whatever the umask; and whether it has
/// its name `new` yet. Where the file system can, it has none before it is complete, so that not even
/// SIGKILL leaves a part of it behind (O_TMPFILE of open(2)).
fn create(new: &Path) -> Result<(OwnedFd, bool), Errno> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let folder = match folder(new.as_os_str().as_bytes()) {
        b"" => b".",
        folder => folder,
    };
    if let Ok(file) = open(folder, flags | OFlags::TMPFILE, Mode::RWXU) {
        return Ok((file, false));
    }
    open(new, flags | OFlags::CREATE | OFlags::EXCL, Mode::RWXU).map(|file| (file, true))
}

/// A name in the same folder that nobody else has: another container may install into the same
/// volume at the same time, with the same process number.
fn beside(path: &[u8]) -> Vec<u8> {
    let unique = format!(".healthcheck.{}", unpredictable());
    [folder(path), unique.as_bytes()].concat()
}

/// All of a path up to its last slash, with it; of a bare name nothing.
fn folder(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    path.get(..end).unwrap_or_default()
}

/// Copies all that `from` has.
fn copy(from: &OwnedFd, to: &OwnedFd) -> Result<u64, Errno> {
    let mut buffer = vec![0; 65_536];
    let mut total = 0;
    loop {
        let n = rustix::io::read(from, &mut buffer)?;
        let mut rest = buffer.get(..n).unwrap_or_default();
        if n == 0 {
            return Ok(total);
        }
        while !rest.is_empty() {
            let written = rustix::io::write(to, rest)?;
            total += written as u64;
            rest = rest.get(written..).unwrap_or_default();
        }
    }
}
