//! Postfix, Exim, Dovecot and vsftpd, which write down who left without a word: `--bye` takes leave.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use crate::support::{Folder, Server, check, eventually, free_port, from_debian, has};

/// A server that must be root, which ends with its stdin.
fn as_root(line: &str) -> Server {
    let sudo: &[&str] = if geteuid().is_root() { &[] } else { &["sudo", "-n"] };
    let script = format!("{line} & read _; kill $!; wait");
    let words = [sudo, &["sh", "-c", &script]].concat();
    let mut command = Command::new(words[0]);
    Server::to_talk_to(command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// What it wrote once `last` is in it.
fn log(path: &str, last: &str) -> String {
    eventually(last, || {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains(last).then_some(text)
    })
}

#[test]
fn postfix_is_left_in_order() {
    let folder = Folder::new("postfix");
    let port = free_port();
    let (queue, data) = (folder.folder("queue"), folder.folder("data"));
    fs::create_dir(folder.path("etc")).expect("a folder");
    let all = folder.path("");
    folder.file(
        "etc/main.cf",
        &format!(
            "compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n\
             maillog_file = {all}log\nmaillog_file_prefixes = {all}\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmyhostname = mail.test\nmydestination =\nalias_maps =\n\
             alias_database =\n"
        ),
    );
    folder.file(
        "etc/master.cf",
        &format!(
            "127.0.0.1:{port} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\n\
             anvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n\
             rewrite unix - - n - - trivial-rewrite\ncleanup unix n - n - 0 cleanup\n"
        ),
    );
    let line = format!(
        "chown root {all} {all}etc {queue}; chmod 755 {all} {queue}; chown postfix {data}; chmod 755 {data}; \
         trap 'postfix -c {all}etc stop; rm -rf {all}*' EXIT; postfix -c {all}etc start-fg"
    );
    let _server = as_root(&line).on_port(port);
    let target = format!("tcp://127.0.0.1:{port}");
    // The positive twin: without leave it is a lost connection.
    check(&[&target, "--expect", "220 "]).healthy("answered 220 mail.test ESMTP");
    let lost = |text: &str| text.matches("lost connection after CONNECT").count();
    // Its own, and that of whoever waited for the port.
    eventually("two lost connections", || {
        let text = fs::read_to_string(folder.path("log")).unwrap_or_default();
        (lost(&text) == 2).then_some(())
    });
    check(&[&target, "--expect", "220 ", "--bye", r"QUIT\r\n"]).healthy("220 mail.test ESMTP");
    let text = log(&folder.path("log"), "disconnect from localhost[127.0.0.1] quit=1 commands=1");
    assert_eq!(lost(&text), 2, "{text}");
    assert!(!text.contains("warning"), "{text}");
}

/// It cannot be installed beside Postfix: its files are run from a folder, and its user is one of a view of /etc
/// that nobody else has.
#[test]
fn exim_is_left_in_order() {
    let exim = from_debian("exim", &["exim4-daemon-light", "libidn12"]);
    let exim = exim.display();
    let (folder, port) = (Folder::new("exim"), free_port());
    let all = folder.path("");
    let (spool, logs) = (folder.folder("spool"), folder.folder("logs"));
    for (name, line) in [
        ("passwd", "Debian-exim:x:65534:65534::/:/bin/false\n"),
        ("group", "Debian-exim:x:65534:\n"),
    ] {
        let known = fs::read_to_string(format!("/etc/{name}")).expect("accounts");
        folder.file(name, &(known + line));
    }
    let conf = folder.file(
        "conf",
        &format!(
            "exim_user = nobody\nexim_group = nogroup\nspool_directory = {spool}\n\
             log_file_path = {logs}/%s\nlog_selector = +smtp_connection\nkeep_environment =\n\
             local_interfaces = <; 127.0.0.1\ndaemon_smtp_ports = {port}\npid_file_path = {all}pid\n\
             primary_hostname = mail.test\ntls_advertise_hosts =\n"
        ),
    );
    let line = format!(
        "cp {exim}/usr/sbin/exim4 {all}exim; chown root {all}exim {conf}; chmod 755 {all} {all}exim; \
         chown -R nobody:nogroup {spool} {logs}; trap 'rm -rf {all}*' EXIT; \
         LD_LIBRARY_PATH=$(echo {exim}/usr/lib/*-linux-gnu) unshare -m sh -c 'for name in passwd group; do \
         mount --bind {all}$name /etc/$name; done; exec {all}exim -C {conf} -bdf'"
    );
    let _server = as_root(&line).on_port(port);
    let target = format!("tcp://127.0.0.1:{port}");
    // Its first greeting takes its time.
    let greets = || check(&[&target, "-q", "-e", "220 "]).code == Some(0);
    eventually("a greeting", || greets().then_some(()));
    // The positive twin: without leave it is a lost connection.
    check(&[&target, "-e", "220 "]).healthy("answered 220 mail.test ESMTP Exim");
    check(&[&target, "-e", "220 ", "--bye", r"QUIT\r\n"])
        .healthy("answered 220 mail.test ESMTP Exim");
    // Each that came was lost, but for the last.
    let main = folder.path("logs/main");
    eventually("an end of each connection", || {
        let text = fs::read_to_string(&main).unwrap_or_default();
        let count = |part: &str| text.matches(part).count();
        let quits = count("[127.0.0.1] closed by QUIT");
        let all = count("connection count = ");
        (quits == 1 && all > 2 && count("[127.0.0.1] lost") == all - 1).then_some(())
    });
}

#[test]
fn dovecot_is_left_in_order() {
    let folder = Folder::new("dovecot");
    let port = free_port();
    let all = folder.path("");
    let conf = folder.file(
        "conf",
        &format!(
            "base_dir = {all}run\nstate_dir = {all}state\nlog_path = {all}log\nprotocols = imap\n\
             ssl = no\nlisten = 127.0.0.1\nservice imap-login {{\n  inet_listener imap {{\n    \
             port = {port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n  chroot =\n}}\n\
             passdb {{\n  driver = static\n  args = nopassword=y\n}}\n"
        ),
    );
    let line = format!("trap 'sleep 1; rm -rf {all}*' EXIT; dovecot -F -c {conf}");
    let _server = as_root(&line).on_port(port);
    let target = format!("tcp://127.0.0.1:{port}");
    check(&[&target, "-e", "* OK", "--bye", r"a LOGOUT\r\n"]).healthy("* OK [CAPABILITY");
    let text = log(&folder.path("log"), "Aborted login by logging out");
    assert!(!text.contains("Warning:") && !text.contains("Error:"), "{text}");
    // The positive twin: without leave it is a connection that was closed.
    let closed = |text: &str| text.matches("Connection closed (no auth attempts").count();
    let before = closed(&text);
    check(&[&target, "-e", "* OK"]).healthy("* OK");
    eventually("a closed connection", || {
        let text = fs::read_to_string(folder.path("log")).unwrap_or_default();
        (closed(&text) > before).then_some(())
    });
}

#[test]
fn vsftpd_is_left_in_order() {
    let folder = Folder::new("vsftpd");
    let port = free_port();
    let all = folder.path("");
    fs::create_dir(folder.path("empty")).expect("a folder");
    let conf = folder.file(
        "conf",
        &format!(
            "listen=YES\nlisten_ipv6=NO\nlisten_address=127.0.0.1\nlisten_port={port}\n\
             background=NO\nanonymous_enable=NO\nlocal_enable=YES\nsecure_chroot_dir={all}empty\n\
             xferlog_enable=YES\nlog_ftp_protocol=YES\nvsftpd_log_file={all}log\n"
        ),
    );
    let line = format!("chown root {all}empty {conf}; chmod 755 {all}empty; vsftpd {conf}");
    let _server = as_root(&line).on_port(port);
    let target = format!("tcp://127.0.0.1:{port}");
    check(&[&target, "-e", "220 ", "--bye", r"QUIT\r\n"]).healthy("answered 220 (vsFTPd");
    let text = log(&folder.path("log"), "\"221 Goodbye.\"");
    has(&text, "FTP command: Client \"127.0.0.1\", \"QUIT\"");
    assert!(Path::new(&folder.path("log")).exists());
}
