//! Small files, read without ever waiting.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags, fstat, open, stat};

use crate::text::Wrong;

/// Opens for reading: a FIFO without a writer, or a device, holds up nobody.
pub fn open_now(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(open(path, flags, Mode::empty())?)
}

/// What one read yields of a file: all of most files under `/proc`, and the start of others.
pub fn start<'b>(path: &Path, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let n = rustix::io::read(open_now(path)?, &mut *buffer)?;
    Ok(buffer.get(..n).unwrap_or_default())
}

/// The content of a regular file of at most `most` bytes; larger ones and files of other kinds are
/// errors in words.
pub fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = open_now(path)?;
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Wrong::from("want a regular file").into());
    }
    let mut content = Vec::with_capacity(4096);
    while rustix::io::read(&file, spare_capacity(&mut content))? > 0 {
        if content.len() > most {
            let wrong = format!("want a file of at most {} KiB", most / 1024);
            return Err(Wrong::from(wrong).into());
        }
        if content.len() == content.capacity() {
            content.reserve(content.len().min(most));
        }
    }
    Ok(content)
}

/// Of a path where nothing is, whether its folder is there: what was not mounted and what was not
/// started look alike otherwise.
pub fn whereabouts(path: &[u8]) -> &'static str {
    let folder = path.iter().rposition(|byte| *byte == b'/').and_then(|at| path.get(..at));
    match folder {
        Some(folder @ [_, ..]) if stat(folder).is_err() => "its folder is missing too",
        _ => "its folder is there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_small_regular_file_is_refused_in_words() {
        let wrong = |path: &str, most| read(Path::new(path), most).expect_err(path).to_string();
        assert_eq!(wrong("/dev/zero", 10), "want a regular file");
        assert_eq!(wrong("/", 10), "want a regular file");
        assert_eq!(wrong("/proc/self/exe", 65_536), "want a file of at most 64 KiB");
        assert!(wrong("/none", 10).ends_with("(os error 2)"));
        assert!(read(Path::new("/proc/self/stat"), 65_536).is_ok_and(|stat| !stat.is_empty()));
    }
}
