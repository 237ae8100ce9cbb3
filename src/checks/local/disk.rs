//! `disk:///path`: the file system has room.

use rustix::fs::{StatVfs, statvfs};

use super::{Size, path, refused};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::value::{self, Percent};
use crate::input::{Flag, Options, Target, Usage};
use crate::text::Wrong;
use crate::verdict::{Failure, Healthy, Step, Verdict, quote};

/// A file system, and the room that it must have.
#[derive(Debug)]
pub struct Disk {
    path: Vec<u8>,
    free: Room,
    inodes: Option<Percent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Bytes(u64),
    Percent(Percent),
}

impl Check for Disk {
    /// Takes `--min-free` and `--min-free-inodes`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        Ok(Self {
            path: target.absolute_path()?.to_vec(),
            free: options.last(Flag::MinFree, room)?.unwrap_or(Room::Percent(Percent::whole(5))),
            inodes: options.last(Flag::MinFreeInodes, Percent::parse)?,
        })
    }

    /// Asks the file system; nothing is opened.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        attempt.enter(Step::Open, &quote(&self.path));
        let found =
            statvfs(path(&self.path)).map_err(|error| refused(&self.path, error, attempt))?;
        self.judge(&found)
    }
}

impl Disk {
    fn judge(&self, found: &StatVfs) -> Verdict {
        // What is left for users without privilege, of what they could have, as df(1) counts: the
        // blocks that are kept for root are nobody's.
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let used = found.f_blocks.saturating_sub(found.f_bfree);
        let total = used.saturating_add(found.f_bavail).saturating_mul(found.f_frsize);
        let Some(part) = Percent::of(free, total) else {
            return Err(Failure::mismatch("file system", "without a size", "one with room"));
        };
        let got = format!("{} of {} ({})", Size(free), Size(total), part);
        let want = match self.free {
            Room::Bytes(least) if free < least => Size(least).to_string(),
            Room::Percent(least) if part < least => least.to_string(),
            Room::Bytes(_) | Room::Percent(_) => return self.judge_inodes(found, got),
        };
        Err(Failure::mismatch("free", &got, &format!("at least {want}")))
    }

    fn judge_inodes(&self, found: &StatVfs, mut healthy: String) -> Verdict {
        healthy += " free";
        let Some(least) = self.inodes else {
            return Healthy::saw(healthy);
        };
        let used = found.f_files.saturating_sub(found.f_ffree);
        let total = used.saturating_add(found.f_favail);
        let got = match Percent::of(found.f_favail, total) {
            // btrfs and others make inodes as they are needed, and count none.
            None => return Healthy::saw(healthy + ", no limit of inodes"),
            Some(part) => {
                let got = format!("{} of {total} ({})", found.f_favail, part);
                if part >= least {
                    return Healthy::saw(healthy + ", inodes: " + &got);
                }
                got
            }
        };
        Err(Failure::mismatch("free inodes", &got, &format!("at least {least}")))
    }
}

fn room(given: &[u8]) -> Result<Room, Wrong> {
    match given.ends_with(b"%") {
        true => Percent::parse(given).map(Room::Percent),
        false => value::size(given)
            .map(Room::Bytes)
            // not a verdict
            .map_err(|_| "a size or percentage is wanted: 64KiB, 1GiB, 10MB, 5%".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::parsed;
    use super::*;

    fn say(options: &[(Flag, &str)], change: fn(&mut StatVfs)) -> String {
        let disk = parsed(Disk::parse, "disk:///data", options).expect("a check");
        // 1000 blocks of 4 KiB: 900 in use, 60 of the others for everyone.
        let mut found = statvfs("/").expect("a file system");
        (found.f_frsize, found.f_blocks, found.f_bfree, found.f_bavail) = (4096, 1000, 100, 60);
        (found.f_files, found.f_ffree, found.f_favail) = (1000, 50, 50);
        change(&mut found);
        match disk.judge(&found) {
            Ok(healthy) => format!("healthy: {}", healthy.0),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn room_is_what_is_left_for_everyone() {
        let (free, inodes) = (Flag::MinFree, Flag::MinFreeInodes);
        let same: fn(&mut StatVfs) = |_| {};
        assert_eq!(say(&[], same), "healthy: 240 KiB of 3.7 MiB (6.25%) free");
        assert_eq!(say(&[(free, "6.25%")], same), "healthy: 240 KiB of 3.7 MiB (6.25%) free");
        assert_eq!(
            say(&[(free, "6.26%")], same),
            "free 240 KiB of 3.7 MiB (6.25%), want at least 6.26%"
        );
        assert_eq!(say(&[(free, "240KiB")], same), "healthy: 240 KiB of 3.7 MiB (6.25%) free");
        assert_eq!(
            say(&[(free, "1GiB")], same),
            "free 240 KiB of 3.7 MiB (6.25%), want at least 1 GiB"
        );
        assert_eq!(
            say(&[], |found| found.f_bavail = 0),
            "free 0 bytes of 3.5 MiB (0%), want at least 5%"
        );
        assert_eq!(
            say(&[(free, "0")], |found| found.f_blocks = 0),
            "healthy: 240 KiB of 240 KiB (100%) free"
        );
        let none: fn(&mut StatVfs) =
            |found| (found.f_blocks, found.f_bfree, found.f_bavail) = (0, 0, 0);
        assert_eq!(say(&[], none), "file system without a size, want one with room");
        assert_eq!(
            say(&[(inodes, "5%")], same),
            "healthy: 240 KiB of 3.7 MiB (6.25%) free, inodes: 50 of 1000 (5%)"
        );
        assert_eq!(say(&[(inodes, "6%")], same), "free inodes 50 of 1000 (5%), want at least 6%");
        let btrfs: fn(&mut StatVfs) =
            |found| (found.f_files, found.f_ffree, found.f_favail) = (0, 0, 0);
        assert_eq!(
            say(&[(inodes, "6%")], btrfs),
            "healthy: 240 KiB of 3.7 MiB (6.25%) free, no limit of inodes"
        );
        // The room is judged first.
        assert!(say(&[(free, "50%"), (inodes, "99%")], same).starts_with("free 240 KiB"));
    }

    #[test]
    fn targets() {
        for (target, options) in [
            ("disk:", &[][..]),
            ("disk:data", &[]),
            ("disk:///", &[(Flag::MinFree, "x")]),
            ("disk:///", &[(Flag::MinFree, "101%")]),
            ("disk:///", &[(Flag::MinFreeInodes, "10")]),
            ("disk:///", &[(Flag::MaxAge, "3s")]),
        ] {
            assert!(parsed(Disk::parse, target, options).is_err(), "{target} {options:?}");
        }
    }
}
