//! `memory:`: the cgroup uses less than its limit; without a limit, the host.

use std::io;

use rustix::fs::stat;

use super::Size;
use super::procfs::{self, ROOT, Root, Version, field, number};
use crate::attempt::Attempt;
use crate::checks::Check;
use crate::input::value::Percent;
use crate::input::{Flag, Options, Target, Usage};
use crate::text::contains;
use crate::verdict::{Failure, Healthy, Step, Verdict};

/// How much of the memory may be in use.
#[derive(Debug)]
pub struct Memory {
    most: Percent,
}

/// What is in use of what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    used: u64,
    limit: u64,
}

/// The files of a cgroup.
struct Files {
    limit: &'static str,
    usage: &'static str,
    /// The fields of `memory.stat` that the kernel takes back before it kills anyone.
    reclaimable: &'static [&'static str],
}

const V1: Files = Files {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    reclaimable: &["total_active_file", "total_inactive_file"],
};

const V2: Files = Files {
    limit: "memory.max",
    usage: "memory.current",
    reclaimable: &["active_file", "inactive_file", "slab_reclaimable"],
};

impl Check for Memory {
    /// Takes `--max-used`.
    fn parse(target: &Target, options: &mut Options<'_>) -> Result<Self, Usage> {
        match target.rest.as_slice() {
            b"" | b"//" => {}
            _ => return Err(target.wrong("want memory: and nothing behind it")),
        }
        Ok(Self {
            most: options.last(Flag::MaxUsed, Percent::parse)?.unwrap_or(Percent::whole(95)),
        })
    }

    /// Reads the cgroup's files, or the host's.
    fn run(&self, attempt: &Attempt<'_>) -> Verdict {
        let most = self.most;
        let (Use { used, limit }, whose) = tightest(ROOT, attempt)?;
        let part = Percent::of(used, limit).unwrap_or(Percent::whole(100));
        let got = format!("{} of {} ({})", Size(used), Size(limit), part);
        match part <= most {
            true => Healthy::saw([&got, " used, ", whose].concat()),
            false => {
                let want = format!("at most {most}");
                Err(Failure::mismatch("used", &got, &want).with(whose))
            }
        }
    }
}

/// The fullest of the cgroups from this process's own up to the one that is mounted, since any of
/// their limits may strike; the host when none has a limit. And whose limit it is, in words.
fn tightest(root: Root<'_>, attempt: &Attempt<'_>) -> Result<(Use, &'static str), Failure> {
    /// Whose memory it is.
    const HOST: &str = "of the host: no cgroup of this process has a limit";
    let read = |path: &str| read(root, path, attempt);
    root.own_pid(attempt)?;
    let host = read("/proc/meminfo").map_err(|error| attempt.io(error))?;
    let kib = |name| field(&host, name).and_then(number).map(|kib| kib.saturating_mul(1024));
    let (Some(total), Some(available)) = (kib("MemTotal"), kib("MemAvailable")) else {
        return Err(attempt.protocol("want the fields MemTotal and MemAvailable"));
    };
    let host = (Use { used: total.saturating_sub(available), limit: total }, HOST);
    let own = match read("/proc/self/cgroup") {
        // A kernel without cgroups.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(host),
        own => own.map_err(|error| attempt.io(error))?,
    };
    let Some((version, path)) = procfs::cgroup(&own) else { return Ok(host) };
    let mounts = read("/proc/self/mountinfo").map_err(|error| attempt.io(error))?;
    let Some((at, mut below)) = procfs::mount(&mounts, version, path) else {
        let wrong = attempt.protocol(match contains(&mounts, b" /../") {
            true => {
                "the host's cgroups are mounted here, want this container's own: its limit cannot be seen"
            }
            false => "want the cgroups mounted on /sys/fs/cgroup: their limit cannot be seen",
        });
        return Err(wrong.setup());
    };
    let files = if version == Version::V1 { V1 } else { V2 };
    let mut fullest: Option<Use> = None;
    let part = |one: Use| Percent::of(one.used, one.limit).unwrap_or(Percent::BEYOND);
    loop {
        let folder = String::from_utf8_lossy(&[at, below].concat()).into_owned();
        let found = limited(root, &folder, total, &files, attempt)?;
        if found.is_some_and(|found| fullest.is_none_or(|other| part(found) > part(other))) {
            fullest = found;
        }
        let Some(slash) = below.iter().rposition(|byte| *byte == b'/') else { break };
        below = below.get(..slash).unwrap_or_default();
    }
    Ok(fullest.map_or(host, |fullest| (fullest, "of the cgroup's limit")))
}

/// One cgroup's use of its limit; `None` when it has none, or one of what the host has or more.
///
/// What the kernel can take back does not count: page cache and, where it is told, reclaimable
/// slabs. A container that has read a large file is not in danger of being killed. (`docker stats`
/// subtracts only the inactive part of the cache, so a file that was read twice would count.)
fn limited(
    root: Root<'_>,
    folder: &str,
    host: u64,
    files: &Files,
    attempt: &Attempt<'_>,
) -> Result<Option<Use>, Failure> {
    let read = |name: &str| read(root, &format!("{folder}/{name}"), attempt);
    let limit = match read(files.limit) {
        // The root cgroup has no limit, nor has one without the memory controller.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match stat(root.path(&format!("{folder}/cgroup.procs")).as_path()) {
                Ok(_) => Ok(None),
                Err(_) => Err(attempt.io(error)),
            };
        }
        limit => limit.map_err(|error| attempt.io(error))?,
    };
    if limit.trim_ascii() == b"max" {
        return Ok(None);
    }
    let a_number = || attempt.protocol("want a number of bytes");
    let limit = number(&limit).ok_or_else(a_number)?;
    if limit >= host {
        return Ok(None);
    }
    let usage = read(files.usage).map_err(|error| attempt.io(error))?;
    let usage = number(&usage).ok_or_else(a_number)?;
    let stat = read("memory.stat").map_err(|error| attempt.io(error))?;
    let cache = files.reclaimable.iter().filter_map(|name| field(&stat, name).and_then(number));
    let used = cache.fold(usage, u64::saturating_sub);
    Ok(Some(Use { used, limit }))
}

fn read(root: Root<'_>, path: &str, attempt: &Attempt<'_>) -> io::Result<Vec<u8>> {
    attempt.enter(Step::Open, path);
    root.read(path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tree, attempt, parsed};
    use super::*;

    const MIB: u64 = 1 << 20;

    fn tree(name: &str, cgroup: &str, mounts: &str) -> Tree {
        let tree = Tree::new(name);
        tree.write(
            "/proc/meminfo",
            "MemTotal: 1024000 kB\nMemFree: 1 kB\nMemAvailable: 512000 kB\n",
        );
        tree.write("/proc/self/cgroup", cgroup);
        tree.write("/proc/self/mountinfo", mounts);
        tree.write("/proc/self/stat", "7 (x) R");
        tree
    }

    fn cgroup(tree: &Tree, at: &str, max: &str, current: u64, stat: &str) {
        tree.write(&format!("{at}/cgroup.procs"), "1\n");
        tree.write(&format!("{at}/memory.max"), format!("{max}\n"));
        tree.write(&format!("{at}/memory.current"), format!("{current}\n"));
        tree.write(&format!("{at}/memory.stat"), stat);
    }

    fn say(tree: &Tree) -> Result<Use, String> {
        tightest(Root(&tree.0), &attempt())
            .map(|found| found.0)
            .map_err(|failure| failure.to_string())
    }

    const HOST: Use = Use { used: 512_000 * 1024, limit: 1_024_000 * 1024 };
    const V2: &str = "30 25 0:26 / /cg rw - cgroup2 cgroup rw\n";
    const V1: &str = "35 31 0:32 /docker/abc /cg ro - cgroup cgroup rw,memory\n";

    #[test]
    fn the_cgroups_of_the_host_tell_nothing_of_this_container() {
        // As a container with a cgroup namespace of its own sees the host's mount.
        let host = "30 25 0:26 /../.. /cg rw - cgroup2 cgroup rw\n";
        let behind = tree("memory-behind", "0::/\n", host);
        cgroup(&behind, "/cg", "max", 32 * MIB, "");
        let wrong = say(&behind).expect_err("the host's");
        assert!(wrong.ends_with(
            "the host's cgroups are mounted here, want this container's own: its limit cannot be seen"
        ));
        // Its own beside it is found.
        let own = "31 25 0:26 / /own rw - cgroup2 cgroup rw\n";
        let both = tree("memory-both", "0::/\n", &[host, own].concat());
        cgroup(&both, "/own", "67108864", 32 * MIB, "");
        assert_eq!(say(&both), Ok(Use { used: 32 * MIB, limit: 64 * MIB }));
    }

    #[test]
    fn a_container_of_the_unified_hierarchy() {
        let tree = tree("memory-v2", "0::/\n", V2);
        cgroup(
            &tree,
            "/cg",
            "33554432",
            32 * MIB,
            "anon 1048576\nactive_file 10485760\ninactive_file 10485760\nslab_reclaimable 1048576\n",
        );
        assert_eq!(say(&tree), Ok(Use { used: 11 * MIB, limit: 32 * MIB }));
        cgroup(&tree, "/cg", "33554432", 32 * MIB, "anon 33554432\n");
        assert_eq!(say(&tree), Ok(Use { used: 32 * MIB, limit: 32 * MIB }));
        // More cache than there is in all: the files are not read at one moment.
        cgroup(&tree, "/cg", "33554432", MIB, "active_file 2097152\n");
        assert_eq!(say(&tree), Ok(Use { used: 0, limit: 32 * MIB }));
        for max in ["max", "9223372036854771712"] {
            cgroup(&tree, "/cg", max, MIB, "");
            assert_eq!(say(&tree), Ok(HOST), "{max}");
        }
        cgroup(&tree, "/cg", "lots", MIB, "");
        assert_eq!(say(&tree), Err("opening /cg/memory.max: want a number of bytes".into()));
        cgroup(&tree, "/cg", "0", MIB, "");
        assert_eq!(say(&tree), Ok(Use { used: MIB, limit: 0 }));
    }

    #[test]
    fn the_fullest_of_nested_cgroups() {
        let tree = tree("memory-nested", "0::/pod/app\n", V2);
        tree.write("/cg/cgroup.procs", "");
        cgroup(&tree, "/cg/pod", "104857600", 90 * MIB, "");
        cgroup(&tree, "/cg/pod/app", "52428800", 10 * MIB, "");
        assert_eq!(say(&tree), Ok(Use { used: 90 * MIB, limit: 100 * MIB }));
        cgroup(&tree, "/cg/pod/app", "52428800", 49 * MIB, "");
        assert_eq!(say(&tree), Ok(Use { used: 49 * MIB, limit: 50 * MIB }));
        cgroup(&tree, "/cg/pod/app", "max", 49 * MIB, "");
        assert_eq!(say(&tree), Ok(Use { used: 90 * MIB, limit: 100 * MIB }));
        // The controller is not enabled further down.
        std::fs::remove_file(tree.path("/cg/pod/app/memory.max")).expect("a file");
        assert_eq!(say(&tree), Ok(Use { used: 90 * MIB, limit: 100 * MIB }));
        std::fs::remove_dir_all(tree.path("/cg/pod/app")).expect("a folder");
        assert_eq!(
            say(&tree),
            Err("opening /cg/pod/app/memory.max: No such file or directory (os error 2)".into())
        );
    }

    #[test]
    fn a_container_of_the_old_hierarchy() {
        let tree = tree("memory-v1", "4:memory:/docker/abc\n0::/docker/abc\n", V1);
        tree.write("/cg/memory.limit_in_bytes", "33554432\n");
        tree.write("/cg/memory.usage_in_bytes", "31457280\n");
        tree.write(
            "/cg/memory.stat",
            "cache 0\nactive_file 1\ntotal_active_file 5242880\ntotal_inactive_file 5242880\n",
        );
        assert_eq!(say(&tree), Ok(Use { used: 20 * MIB, limit: 32 * MIB }));
        // The number that means none.
        tree.write("/cg/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(say(&tree), Ok(HOST));
    }

    #[test]
    fn what_cannot_be_seen() {
        let tree = tree("memory-none", "0::/\n", "1 1 0:1 / / rw - ext4 /dev/sda rw\n");
        assert_eq!(
            say(&tree),
            Err("opening /proc/self/mountinfo: want the cgroups mounted on /sys/fs/cgroup: their limit cannot be seen".into())
        );
        tree.write("/proc/self/cgroup", "1:cpu:/\n");
        assert_eq!(say(&tree), Ok(HOST));
        std::fs::remove_file(tree.path("/proc/self/cgroup")).expect("a file");
        assert_eq!(say(&tree), Ok(HOST));
        tree.write("/proc/meminfo", "MemTotal: 1 kB\n");
        assert_eq!(
            say(&tree),
            Err("opening /proc/meminfo: want the fields MemTotal and MemAvailable".into())
        );
        std::fs::remove_file(tree.path("/proc/self/stat")).expect("a file");
        assert!(say(&tree).is_err_and(|wrong| wrong.ends_with("want proc(5) mounted on /proc")));
    }

    #[test]
    fn targets() {
        assert!(
            parsed(Memory::parse, "memory:", &[(Flag::MaxUsed, "80%")])
                .is_ok_and(|one| one.most == Percent::whole(80))
        );
        assert!(
            parsed(Memory::parse, "memory:", &[]).is_ok_and(|one| one.most == Percent::whole(95))
        );
        for (target, options) in [
            ("memory:x", &[][..]),
            ("memory:", &[(Flag::MaxUsed, "80")]),
            ("memory:", &[(Flag::MinFree, "5%")]),
        ] {
            assert!(parsed(Memory::parse, target, options).is_err(), "{target}");
        }
    }
}
