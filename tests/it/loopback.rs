//! The flavour `loopback-only`: whatever it is told, it talks to this machine alone.
//!
//! It runs `$HEALTHCHECK_LOOPBACK_BIN`, or `target/dist/healthcheck-loopback`, in network and mount
//! namespaces of its own and under strace, which sees what it tries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Folder, Run, exe, flavour, run};

fn loopback() -> PathBuf {
    flavour("loopback")
}

/// Names that lead outside, and one that leads to both sides.
const HOSTS: &str = "10.0.0.1 outside\n::ffff:10.0.0.1 mapped\n127.0.0.1 both\n10.0.0.1 both\n\
                     127.0.0.1 here\n";

/// What a run did, and the system calls with which it would have reached somebody.
struct Traced {
    run: Run,
    calls: Vec<String>,
}

impl Traced {
    fn only_to(&self, address: &str) {
        // What is sent without an address goes where the socket is connected to.
        let goes = |call: &String| call.contains(address) || call.contains(", NULL, 0) = ");
        assert!(self.calls.iter().all(goes), "{:?}", self.calls);
    }
}

/// Runs `exe` with `args`, once `before` has run in the shell.
fn traced(exe: &Path, before: &str, args: &str) -> Traced {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let n = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let folder = Folder::new(&format!("loopback-{n}"));
    std::fs::create_dir(folder.path("etc")).expect("a folder");
    std::fs::write(folder.path("etc/hosts"), HOSTS).expect("a file");
    std::fs::write(folder.path("etc/resolv.conf"), "nameserver 10.0.0.53\n").expect("a file");
    let (etc, trace) = (folder.path("etc"), folder.path("trace"));
    // A thread that ends is stopped at no other call, of which strace might not learn the name.
    let script = format!(
        "set -e; ip link set lo up; mount --bind {etc} /etc; {before} \
         strace -f --seccomp-bpf -qq -e trace=connect,sendto,sendmsg,sendmmsg -o {trace} \
         \"$X\" -t 2s {args}"
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--", "/bin/sh", "-c", &script]);
    let path = "/usr/sbin:/usr/bin:/sbin:/bin";
    let run = run(command.env_clear().env("PATH", path).env("X", exe));
    let calls = std::fs::read_to_string(folder.path("trace")).expect("a trace");
    let calls = calls.lines().filter(|line| !line.contains("+++") && !line.contains("---"));
    Traced { run, calls: calls.map(str::to_owned).collect() }
}

const REFUSED: &str = "this build of healthcheck connects to loopback addresses only";
const IN_FULL: &str = "want an IPv4 address in full, as 127.0.0.1";
const UNKNOWN: &str = "not in /etc/hosts, and this build of healthcheck asks no name server";

/// What is asked, and why it is refused; docs/intruder.md has the same rows.
const REFUSALS: &[(&str, &str)] = &[
    ("tcp://10.0.0.1:80", REFUSED),
    ("http://10.0.0.1/", REFUSED),
    ("https://10.0.0.1/ --insecure", REFUSED),
    ("redis://10.0.0.1", REFUSED),
    ("grpc://10.0.0.1:1", REFUSED),
    ("http://169.254.169.254/latest", REFUSED),
    // Other ways to write it.
    ("tcp://[::ffff:10.0.0.1]:80", REFUSED),
    ("tcp://[::ffff:a00:1]:80", REFUSED),
    ("tcp://[::10.0.0.1]:80", REFUSED),
    ("tcp://[64:ff9b::10.0.0.1]:80", REFUSED),
    ("tcp://[2001:db8::1]:80", REFUSED),
    ("tcp://[fe80::1]:80", REFUSED),
    ("http://167772161/", IN_FULL),
    ("http://0x0a000001/", UNKNOWN),
    ("http://10.1/", IN_FULL),
    ("http://012.0.0.1/", IN_FULL),
    ("http://here@10.0.0.1/", REFUSED),
    // Addresses that Linux takes for this machine, and those that are many.
    ("tcp://0.0.0.0:80", REFUSED),
    ("tcp://[::]:80", REFUSED),
    ("tcp://255.255.255.255:80", REFUSED),
    ("udp://224.0.0.1:53 --send x", REFUSED),
    // Without a connection.
    ("udp://10.0.0.1:53 --send x", REFUSED),
    ("udp://[::ffff:10.0.0.1]:53 --send x", REFUSED),
    ("dns://10.0.0.1/a.test", REFUSED),
    // In place of the target.
    ("http://localhost/ --connect-to 10.0.0.1:80", REFUSED),
    ("tcp://localhost:80 --connect-to outside:80", REFUSED),
    ("dns://localhost/a.test --connect-to 10.0.0.1:53", REFUSED),
    // By name: hosts(5) says what it likes, and no name server is asked.
    ("http://outside/", REFUSED),
    ("tcp://mapped:80", REFUSED),
    ("tcp://nowhere.test:80", UNKNOWN),
    ("dns://nowhere.test/a.test", UNKNOWN),
];

#[test]
fn no_way_leads_outside() {
    let exe = loopback();
    for &(args, words) in REFUSALS {
        let Traced { run, calls } = traced(&exe, "", args);
        match words {
            IN_FULL => run.usage(words),
            words => run.setup(words),
        };
        assert_eq!(calls, Vec::<String>::new(), "{args}");
    }
}

#[test]
fn the_page_on_intruders_has_each_refusal() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/intruder.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, table) = page.split_once("\n| asked | refused because |\n|---|---|\n").expect("it");
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let wanted = REFUSALS.iter().map(|(args, words)| format!("| `{args}` | `{words}` |"));
    assert_eq!(rows, wanted.collect::<Vec<_>>());
}

#[test]
fn what_is_here_is_reached() {
    let exe = loopback();
    for (args, address) in [
        ("tcp://127.0.0.1:9", "127.0.0.1"),
        ("tcp://127.9.9.9:9", "127.9.9.9"),
        ("tcp://localhost:9 -6", "::1"),
        ("tcp://[::ffff:127.0.0.1]:9", "::ffff:127.0.0.1"),
        ("tcp://here:9", "127.0.0.1"),
        ("http://outside/ --connect-to 127.0.0.1:9", "127.0.0.1"),
        ("dns://127.0.0.1:9/a.test", "127.0.0.1"),
        ("unix:///@nobody", "nobody"),
        ("http://outside/ --connect-to unix:@nobody", "nobody"),
    ] {
        let traced = traced(&exe, "", args);
        traced.run.unhealthy("Connection refused (os error 111)");
        assert!(!traced.calls.is_empty(), "{args}");
        traced.only_to(address);
    }
    // A name with two sides: this one is tried, and the other one is not.
    let traced = traced(&exe, "", "tcp://both:9");
    traced.run.unhealthy("Connection refused (os error 111)").unhealthy(REFUSED);
    traced.only_to("127.0.0.1");
}

#[test]
fn no_redirect_leads_outside() {
    let server = |to: &str| {
        format!(
            "python3 -c 'import socket,sys\ns=socket.create_server((\"127.0.0.1\",8080))\nprint(1,flush=True)\n\
             c=s.accept()[0]\nc.recv(4096)\ns.close()\n\
             c.sendall(b\"HTTP/1.1 302 Found\\r\\nLocation: {to}\\r\\n\\r\\n\")\nc.close()' >/tmp/$$ & \
             while ! test -s /tmp/$$; do sleep 0.05; done; rm /tmp/$$;"
        )
    };
    // Another host's redirects are judged and not followed.
    let there = traced(&loopback(), &server("http://10.0.0.1/"), "http://both:8080/ --follow");
    there.run.healthy("302 Found");
    there.only_to("127.0.0.1");
    // To the same name, which has no server on its near side any longer.
    let there = traced(&loopback(), &server("http://both:8080/x"), "http://both:8080/ --follow");
    there.run.unhealthy(REFUSED);
    there.only_to("127.0.0.1");
    assert!(there.calls.len() >= 2, "it was followed: {:?}", there.calls);
}

#[test]
fn the_ordinary_flavour_would_have_tried() {
    for args in ["tcp://10.0.0.1:80", "udp://10.0.0.1:53 --send x", "http://nowhere.test/"] {
        let Traced { run, calls } = traced(&exe(), "", args);
        run.unhealthy("Network unreachable (os error 101)");
        assert!(calls.iter().any(|call| call.contains("10.0.0.")), "{args}: {calls:?}");
    }
}
