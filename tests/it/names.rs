//! Name resolution in network and mount namespaces of the test's own: `/etc` is what it says.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::support::{Folder, Run, exe, run};

const SOON: Duration = Duration::from_secs(4);

/// Runs `script` as root of new user, network and mount namespaces, with `/etc` replaced by
/// `folder`'s and loopback up. `$X` is the executable. Needs the rights to make namespaces, which
/// a CI machine's root has.
fn alone(folder: &Folder, script: &str) -> Run {
    let prelude =
        format!("set -e; ip link set lo up; mount --bind {0} /etc; {script}", folder.path("etc"));
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--", "/bin/sh", "-c", &prelude]);
    run(command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("X", exe()))
}

fn etc(name: &str, files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new(name);
    fs::create_dir(folder.path("etc")).expect("a folder");
    for (file, content) in files {
        fs::write(folder.path("etc/") + file, content).expect("a file");
    }
    folder
}

#[test]
fn an_empty_etc_still_has_localhost_and_addresses() {
    let folder = etc("noetc", &[]);
    let run = alone(&folder, "\"$X\" tcp://localhost:1 tcp://127.0.0.1:2 tcp://[::1]:3");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(run.out.matches("Connection refused (os error 111)").count(), 3, "{run:?}");
    // Nobody listens on port 53: the refusal comes at once, not after seconds.
    alone(&folder, "\"$X\" http://api.test/")
        .unhealthy("resolving api.test by 127.0.0.1: Connection refused (os error 111)")
        .within(SOON);
}

#[test]
fn a_hosts_file_is_read() {
    let hosts = "127.0.0.9 api.test api # x\n127.0.0.9 localhost\n::1 both\n127.0.0.8 both\n";
    let folder = etc("hosts", &[("hosts", hosts)]);
    alone(&folder, "\"$X\" tcp://api:1").unhealthy("connecting to 127.0.0.9:1: Connection refused");
    alone(&folder, "\"$X\" tcp://API.test:1 -6").unhealthy("resolving api.test");
    // IPv4 comes first, wherever it stands; localhost is what it is, whatever stands there.
    alone(&folder, "\"$X\" tcp://both:1")
        .unhealthy("connecting to 127.0.0.8:1: Connection refused");
    alone(&folder, "\"$X\" tcp://localhost:1")
        .unhealthy("connecting to 127.0.0.1:1: Connection refused");
}

#[test]
fn a_name_server_that_never_answers_is_left_at_the_deadline() {
    let folder = etc("silentdns", &[("resolv.conf", "nameserver 127.0.0.53\n")]);
    let silent = "python3 -c 'import socket,time;s=socket.socket(2,2);s.bind((\"127.0.0.53\",53));print(1,flush=True);time.sleep(8)' > /tmp/$$ & P=$!; while ! test -s /tmp/$$; do sleep 0.05; done; rm /tmp/$$;";
    let script =
        format!("{silent} R=0; \"$X\" http://api.test:1/ -t 700ms || R=$?; kill $P; exit $R");
    alone(&folder, &script)
        .unhealthy("timed out after 700 ms while resolving api.test by 127.0.0.53\n")
        .within(SOON);
}

/// A real name server nobody here wrote: dnsmasq, on the namespace's own loopback.
fn with_dnsmasq(name: &str, conf: &str, options: &str, script: &str) -> Run {
    // dnsmasq wants to know root.
    let root = ("passwd", "root:x:0:0::/:/bin/sh\n");
    let folder = etc(name, &[("resolv.conf", conf), root, ("group", "root:x:0:\n")]);
    let start = format!(
        "dnsmasq --no-daemon --no-hosts --no-resolv --port=53 --listen-address=127.0.0.1 --bind-interfaces --user=root --group=root --pid-file= --conf-file=/dev/null {options} 2>/dev/null & P=$!; N=0; while ! \"$X\" -q -t 200ms dns://127.0.0.1/ready.test >/dev/null && test $N -lt 50; do N=$((N+1)); sleep 0.1; done; R=0; {{ {script}; }} || R=$?; kill $P; wait $P 2>/dev/null || true; exit $R"
    );
    alone(&folder, &start.replace("{options}", options))
}

const ZONE: &str = "--host-record=ready.test,127.0.0.7 --host-record=six.test,::1 --host-record=both.test,127.0.0.8,::1 --host-record=web.search.test,127.0.0.6 --cname=alias.test,ready.test --txt-record=ready.test,hello --txt-record=text.test,x --local=/test/";

#[test]
fn names_are_resolved_by_a_real_name_server() {
    let conf = "nameserver 127.0.0.1\nsearch none.test search.test\noptions ndots:2\n";
    for (target, part) in [
        ("tcp://ready.test:1", "connecting to 127.0.0.7:1: Connection refused"),
        ("tcp://alias.test.:1", "connecting to 127.0.0.7:1: Connection refused"),
        ("tcp://six.test:1", "connecting to [::1]:1: Connection refused"),
        ("tcp://both.test:1 -6", "connecting to [::1]:1: Connection refused"),
        ("tcp://both.test:1", "connecting to 127.0.0.8:1: Connection refused"),
        ("tcp://web:1", "connecting to 127.0.0.6:1: Connection refused"),
        (
            "tcp://nosuch.no.test:1",
            "resolving nosuch.no.test by 127.0.0.1: no such name (NXDOMAIN)",
        ),
        ("tcp://six.test:1 -4", "resolving six.test by 127.0.0.1: the name has no address"),
        ("tcp://text.test:1", "resolving text.test by 127.0.0.1: the name has no address"),
        ("tcp://a.example.:1", "resolving a.example. by 127.0.0.1: the name server says REFUSED"),
        // That there is no a.example.search.test says less than that.
        ("tcp://a.example:1", "resolving a.example by 127.0.0.1: the name server says REFUSED"),
        (&format!("tcp://{}:1", "a".repeat(64)), "want a name of labels up to 63 bytes"),
        ("dns://127.0.0.1/six.test", "A six.test NOERROR with no A record, want a record"),
        ("dns://127.0.0.1/nosuch.no.test", "A nosuch.no.test NXDOMAIN, want NOERROR"),
    ] {
        with_dnsmasq("dnsmasq", conf, ZONE, &format!("\"$X\" {target}")).unhealthy(part);
    }
    for (target, part) in [
        ("dns://127.0.0.1/ready.test", "NOERROR with 1 A record(s)"),
        ("dns://localhost/six.test. --type aaaa", "NOERROR with 1 AAAA record(s)"),
        ("dns://127.0.0.1:53/ready.test --type TXT -e", ""),
    ] {
        if !part.is_empty() {
            with_dnsmasq("dnsmasq-ok", conf, ZONE, &format!("\"$X\" {target}")).healthy(part);
        }
    }
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let long = "x".repeat(250);
    let zone = format!("{ZONE} --txt-record=long.test,{long},{long},{long} --edns-packet-max=512");
    with_dnsmasq("dnsmasq-tcp", "", &zone, "\"$X\" dns://127.0.0.1/long.test --type TXT")
        .healthy("NOERROR with 1 TXT record(s)");
}

/// Name servers in Python, each with its address, its way and its delay in milliseconds: `ok` has
/// an address for every name, `no` has none, `nx` knows no name, `fail` cannot say, `mute` is mute;
/// `owner` gives the address of another name, `class` one of CHAOS, `opcode` answers no query.
fn with_servers(name: &str, servers: &[(&str, &str, u32)], script: &str) -> Run {
    const SERVER: &str = r#"
import socket,sys,threading,time
def serve(s,way,delay):
    while True:
        d,a=s.recvfrom(2000); time.sleep(int(delay)/1000); q=d[12:]
        code={'nx':3,'fail':2}.get(way,0); has=way in ('ok','owner','class','opcode') and q[-3]==1
        op=0x91 if way=='opcode' else 0x81
        own=b'\1x\4test\0' if way=='owner' else b'\xc0\x0c'; cl=3 if way=='class' else 1
        r=d[:2]+bytes([op,0x80|code])+d[4:6]+bytes([0,has,0,0,0,0])+q
        if has: r+=own+bytes([0,1,0,cl])+b'\0\0\0\x3c\0\x04\x7f\0\0\x01'
        if way!='mute': s.sendto(r,a)
for arg in sys.argv[1:]:
    ip,way,delay=arg.split(','); s=socket.socket(2,2); s.bind((ip,53))
    threading.Thread(target=serve,args=(s,way,delay)).start()
print(1,flush=True)
"#;
    let mut conf = String::new();
    let mut args = String::new();
    for (ip, way, delay) in servers {
        conf += &format!("nameserver {ip}\n");
        // `none`: nobody is there.
        if *way != "none" {
            args += &format!(" {ip},{way},{delay}");
        }
    }
    conf += "search one.test two.test\n";
    let folder = etc(name, &[("resolv.conf", &conf), ("servers.py", SERVER)]);
    alone(
        &folder,
        &format!(
            "python3 /etc/servers.py{args} > /etc/up & P=$!; while ! test -s /etc/up; do sleep 0.05; done; R=0; {script} || R=$?; kill -9 $P; exit $R"
        ),
    )
}

#[test]
fn the_first_name_server_decides_what_does_not_exist() {
    let found = "connecting to 127.0.0.1:1: Connection refused";
    let ask = "\"$X\" tcp://api.test:1";
    for (servers, part) in [
        // A few milliseconds do not decide, who is listed first does.
        (&[("127.0.0.11", "ok", 50), ("127.0.0.12", "nx", 0)][..], found),
        (&[("127.0.0.11", "ok", 50), ("127.0.0.12", "no", 0)], found),
        (&[("127.0.0.11", "no", 50), ("127.0.0.12", "nx", 0)], "the name has no address"),
        (&[("127.0.0.11", "nx", 0), ("127.0.0.12", "ok", 300)], "no such name (NXDOMAIN)"),
        // An address counts, whoever gives it.
        (&[("127.0.0.11", "nx", 100), ("127.0.0.12", "ok", 0)], found),
        (&[("127.0.0.11", "mute", 0), ("127.0.0.12", "ok", 0)], found),
        (&[("127.0.0.11", "mute", 0), ("127.0.0.12", "nx", 0), ("127.0.0.13", "ok", 100)], found),
        // Who fails does not decide; who is left does, and after half a second anyone.
        (&[("127.0.0.11", "fail", 0), ("127.0.0.12", "nx", 50)], "no such name (NXDOMAIN)"),
        (&[("127.0.0.11", "none", 0), ("127.0.0.12", "nx", 50)], "no such name (NXDOMAIN)"),
        (&[("127.0.0.11", "nx", 50), ("127.0.0.12", "fail", 0)], "no such name (NXDOMAIN)"),
        (&[("127.0.0.11", "fail", 0), ("127.0.0.12", "fail", 0)], "the name server says SERVFAIL"),
    ] {
        with_servers("several", servers, ask).unhealthy(part).within(SOON);
    }
    // Half a second for each of the three names.
    let half = [("127.0.0.11", "mute", 0), ("127.0.0.12", "nx", 0)];
    let run = with_servers("half", &half, ask);
    assert!(run.out.contains("no such name (NXDOMAIN)") && run.took < SOON, "{run:?}");
    // At the deadline too.
    with_servers("early", &half, "\"$X\" tcp://api.test.:1 -t 300ms")
        .unhealthy("no such name (NXDOMAIN)");
}

#[test]
fn what_two_readers_would_understand_differently_is_no_answer() {
    for (way, words) in [
        ("owner", "a DNS record of another name"),
        ("class", "a DNS record of another class"),
        ("opcode", "a DNS message that answers no query (opcode)"),
    ] {
        let one = [("127.0.0.11", way, 0)];
        with_servers(way, &one, "\"$X\" dns://127.0.0.11/api.test").unhealthy(words).within(SOON);
        with_servers(way, &one, "\"$X\" tcp://api.test:1")
            .unhealthy(&format!("resolving api.test by 127.0.0.11: {words}"))
            .within(SOON);
        // Another server's answer counts all the same.
        let two = [("127.0.0.11", way, 0), ("127.0.0.12", "ok", 50)];
        with_servers(way, &two, "\"$X\" tcp://api.test:1")
            .unhealthy("connecting to 127.0.0.1:1: Connection refused");
    }
}

#[test]
fn names_below_localhost_are_this_machine() {
    let folder = etc("below", &[("hosts", "10.0.0.1 app.localhost\n")]);
    for name in ["app.localhost", "a.B.LocalHost", "localhost."] {
        alone(&folder, &format!("\"$X\" tcp://{name}:1"))
            .unhealthy("connecting to 127.0.0.1:1: Connection refused");
        alone(&folder, &format!("\"$X\" tcp://{name}:1 -6")).unhealthy("connecting to [::1]:1: ");
    }
    alone(&folder, "\"$X\" tcp://notlocalhost:1").unhealthy("resolving notlocalhost by 127.0.0.1");
}

#[test]
fn a_link_local_address_has_its_zone() {
    let hosts = "fe80::7%d0 link\nfe80::7%none astray\n";
    let folder = etc("zones", &[("hosts", hosts), ("resolv.conf", "nameserver fe80::7%d0\n")]);
    let link = "ip link add d0 index 70 type veth peer name d1; ip link set d0 up; \
                ip link set d1 up; sysctl -qw net.ipv6.conf.d0.accept_dad=0; ip -6 addr add fe80::7/64 dev d0 nodad;";
    let refused = "connecting to [fe80::7%70]:1: Connection refused";
    for host in ["[fe80::7%25d0]", "[fe80::7%d0]", "[fe80::7%70]", "link"] {
        alone(&folder, &format!("{link} \"$X\" tcp://{host}:1")).unhealthy(refused);
    }
    for host in ["[fe80::7%none]", "astray"] {
        alone(&folder, &format!("{link} \"$X\" tcp://{host}:1"))
            .unhealthy("resolving fe80::7%none: No such device (os error 19)");
    }
    alone(&folder, &format!("{link} \"$X\" tcp://api.test:1"))
        .unhealthy("resolving api.test by fe80::7%d0: Connection refused");
}

/// The kernel may pick the dialled port for the near end of the connection (simultaneous open).
#[test]
fn a_connection_to_itself_is_a_refused_one() {
    let folder = etc("itself", &[]);
    for target in [
        "tcp://127.0.0.1:50002",
        "tcp://[::1]:50002",
        "tcp://0.0.0.0:50002",
        "tcp://[::ffff:127.0.0.1]:50002",
        "udp://127.0.0.1:50003 --send ping",
        "udp://[::1]:50003 --send ping",
    ] {
        let script = format!(
            "echo 50000 50015 > /proc/sys/net/ipv4/ip_local_port_range; \
             for N in 1 2 3 4 5 6 7 8 9 10; do for M in 1 2 3 4 5 6 7 8; do \
             \"$X\" {target} -t 2s && exit 7; done; done; \
             python3 -c 'import socket; socket.create_server((\"127.0.0.1\", 50002))'"
        );
        let run = alone(&folder, &script);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{target}: {}", run.out);
        assert_eq!(run.out.matches("Connection refused (os error 111)").count(), 80, "{target}");
    }
}

#[test]
fn the_root_may_be_asked_for() {
    with_servers("root", &[("127.0.0.1", "ok", 0)], "\"$X\" dns://127.0.0.1/.")
        .healthy("NOERROR with 1 A record(s)");
    with_servers("root-ns", &[("127.0.0.1", "ok", 0)], "\"$X\" dns://127.0.0.1/. --type NS")
        .unhealthy("NS . NOERROR with no NS record, want a record");
}

#[test]
fn what_is_asked_for_must_make_sense() {
    for (target, part) in [
        ("dns://localhost", "want dns://server/name"),
        ("dns://localhost/", "want dns://server/name"),
        ("dns://localhost/..", "want dns://server/name"),
        ("dns://localhost/a..b", "want dns://server/name"),
        ("dns://localhost/a b", "want dns://server/name"),
    ] {
        crate::support::check(&[target]).usage(part);
    }
    crate::support::check(&["dns://localhost/a", "--type", "ANY"])
        .usage("--type: one of A NS CNAME");
}

#[test]
fn a_server_that_answers_nonsense_is_named() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 600];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(b"nonsense", from);
        }
    });
    crate::support::check(&[&format!("dns://127.0.0.1:{port}/a.test")])
        .unhealthy("8 bytes are no DNS message");
}
