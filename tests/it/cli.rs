//! Section 2 and 8 of the specification: the command line, exit codes, output.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use healthcheck::input::flags::{ROWS, Takes};

use crate::support::{
    Folder, Run, answers, check, closed_port, command, exe, finish, has, long, must, python,
    records, request, run, server, silent,
};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn exit_codes_are_0_or_1_on_every_path() {
    let port = answers(OK);
    let good = format!("http://127.0.0.1:{port}/");
    let bad: &[&[&str]] = &[
        &[],
        &["--bogus"],
        &["-Z"],
        &["gopher://x"],
        &["http://a:0/"],
        &["http://a:70000/"],
        &["--timeout", "soon", "http://a"],
        &["--timeout"],
        &["--timeout", "0", "http://a"],
        &["tcp://"],
        &["tcp://:"],
        &["http://[::1"],
        &["http://[::1]x"],
        &["udp://localhost:1"],
        &["unix://"],
        &["--any"],
        &["--interval", "1s", "http://a"],
        &["--install"],
        &["--install", "/nowhere/x", "http://a"],
        &["-o", "xml", "http://a"],
        &["-46", "http://a"],
        &["--help=x"],
        &[""],
    ];
    for args in bad {
        let run = check(args);
        assert_eq!(run.code, Some(1), "{args:?}: {run:?}");
        assert!(!run.err.is_empty() || !run.out.is_empty(), "{args:?}: silent");
    }
    assert_eq!(check(&[&good]).code, Some(0));
}

#[test]
fn arguments_that_are_no_text_or_too_long() {
    let odd = OsStr::from_bytes(b"http://a\xff/");
    run(&mut command([odd])).usage("text in UTF-8 is wanted");
    run(&mut command([OsStr::from_bytes(b"--\xff")])).usage("");
    run(&mut command([long(100 * 1024)])).usage("want a host");
    let many = vec![long(70_000), long(70_000)];
    run(&mut command(many)).usage("at most 128 KiB");
    let targets = vec!["tcp://:1"; 65];
    run(&mut command(targets)).usage("want at most 64 targets, got 65");
}

#[test]
fn closed_stdout_and_stderr_change_no_verdict() {
    let port = answers(OK);
    let exe = exe();
    let shell = |line: &str| {
        let status = Command::new("sh").arg("-c").arg(line).env_clear().env("X", &exe).status();
        status.expect("a shell").code()
    };
    let sure = |code: i32, line: &str| assert_eq!(shell(line), Some(code), "{line}");
    sure(0, &format!("\"$X\" http://127.0.0.1:{port}/ <&- >&- 2>&-"));
    sure(0, &format!("\"$X\" -v http://127.0.0.1:{port}/ 2>/dev/full >/dev/full"));
    sure(1, &format!("\"$X\" http://127.0.0.1:{port}/ --status 500 <&- >&- 2>&-"));
    sure(1, "\"$X\" --bogus <&- >&- 2>&-");
    sure(0, "\"$X\" --help >&-");
    // A pipe whose reader has gone: no SIGPIPE, no panic.
    sure(0, "{ \"$X\" --help; echo $? >&3; } 3>&1 >/dev/null | grep -qx 0");
    sure(0, "mkfifo_=1; { sleep 0.1; \"$X\" --help; echo $? >&2; } 2>&1 >/dev/full | grep -qx 0");
    sure(0, "\"$X\" --help | true");
}

#[test]
fn what_is_said_without_stderr_does_not_go_to_the_peer() {
    let said = |redirect: &str| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let line = format!("exec \"$X\" -v tcp://127.0.0.1:{port} --send ruok -e imok {redirect}");
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).env_clear().env("X", exe()).stdout(Stdio::null());
        let mut child = shell.spawn().expect("sh");
        let (mut peer, _) = listener.accept().expect("a connection");
        peer.write_all(b"imok").expect("an answer");
        let mut said = String::new();
        peer.read_to_string(&mut said).expect("what is sent");
        assert_eq!(child.wait().expect("its end").code(), Some(0));
        said
    };
    // The connection is what is opened first: it would get the number that is free.
    for redirect in ["2>&-", ">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"] {
        assert_eq!(said(redirect), "ruok", "{redirect}");
    }
}

#[test]
fn a_secret_that_is_expanded_does_not_stand_in_the_command_line() {
    let folder = Folder::new("secret");
    std::fs::write(folder.path("token"), "hunter2\n").expect("a file");
    let file = format!("${{file:{}}}", folder.path("token"));
    // What others on the machine read, once the password is on its way to the server.
    let shown = |password: &str| {
        let (listener, port) = silent();
        let target = format!("redis://:{password}@127.0.0.1:{port}");
        let header = format!("X-Token: {password}");
        let args = [target.as_str(), &format!("http://127.0.0.1:{port}/"), "-H", &header];
        let mut child = command(args).env("SECRET", "hunter2").spawn().expect("the executable");
        let (mut peer, _) = listener.accept().expect("a connection");
        let mut sent = [0; 256];
        let n = peer.read(&mut sent).expect("a request");
        assert!(String::from_utf8_lossy(&sent[..n]).contains("hunter2"));
        let shown = std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("a process");
        child.kill().and_then(|()| child.wait()).expect("its end");
        String::from_utf8_lossy(&shown).into_owned()
    };
    assert!(shown("hunter2").contains("hunter2"), "what is typed does");
    for password in ["${SECRET}", "${NONE:-}${SECRET}", &file] {
        let line = shown(password);
        assert!(line.contains(password) && !line.contains("hunter2"), "{line}");
    }
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_up_the_end() {
    let port = answers(OK);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // Filled to the brim with a writer that does not wait.
    let fill = writer.try_clone().expect("a copy");
    let mut filler = Command::new("sh");
    filler
        .arg("-c")
        .arg("dd if=/dev/zero bs=4096 count=64 oflag=nonblock status=none")
        .stdout(fill);
    let _ = filler.stderr(Stdio::null()).status();
    let mut command = command([format!("http://127.0.0.1:{port}/").as_str(), "-t", "5s"]);
    let started = std::time::Instant::now();
    let status = command.stdout(writer).status().expect("a run");
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(3));
    drop(reader);
}

#[test]
fn help_and_version_come_before_anything_else() {
    for args in [
        ["--help", "--bogus"],
        ["--bogus", "-h"],
        ["gopher://x", "--help"],
        ["--timeout=soon", "-h"],
        ["-qh", "tcp://localhost:1"],
        ["-kvh", "--bogus"],
    ] {
        let run = check(&args);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{args:?}");
        assert!(run.out.starts_with("healthcheck [OPTIONS] TARGET"));
    }
    let of = |words: &[&str]| {
        let run = check(words);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{words:?}");
        assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{}", run.out);
        run.out
    };
    let all = of(&["--help"]);
    for (words, first, takes, leaves) in [
        (&["--help", "http"][..], "http://host[:port][/path]", "--status LIST", "--send TEXT"),
        (&["-h", "https"], "http://host[:port][/path]", "--cacert FILE", "--max-age"),
        (&["--help", "udp"], "udp://host:port", "--send TEXT", "--cacert FILE"),
        (&["--help", "rediss"], "redis://", "--cacert FILE", "--status LIST"),
        (&["--help", "kafka"], "kafka://", "--connect-to ADDR", "--cacert FILE"),
        (&["--help", "postgresql"], "postgres://", "--server-name NAME", "--status LIST"),
        (&["--help", "listen"], "listen:", "--udp", "--connect-to ADDR"),
        (&["--help", "memory"], "memory:", "--max-used PERCENT", "--expect TEXT"),
    ] {
        let text = of(words);
        assert!(text.trim_start().starts_with(first), "{text}");
        assert!(text.contains(takes) && text.contains("--timeout DURATION"), "{text}");
        assert!(!text.contains(leaves) && !text.contains("--wait"), "{text}");
    }
    assert_eq!(of(&["--help", "nothing"]), all);
    let version = check(&["--version", "${NONE}"]);
    assert_eq!(version.code, Some(0));
    assert!(
        version.out.starts_with(concat!("healthcheck ", env!("CARGO_PKG_VERSION"), "\nfeatures:")),
        "{version:?}"
    );
    assert!(version.out.contains("target: "), "{version:?}");
    // The value of an option is that value: else `--expect --help` were healthy.
    let (_silent, port) = silent();
    let target = format!("tcp://127.0.0.1:{port}");
    check(&[&target, "--expect", "--help", "-t", "200ms"]).unhealthy("timed out");
    check(&["--expect", "--version", "-t", "200ms", &target]).unhealthy("timed out");
    check(&["--", "--help"]).unhealthy("");
}

#[test]
fn options_belong_to_their_target_and_defaults_to_all() {
    let ok = answers(OK);
    let sick = answers("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n");
    let (ok, sick) = (format!("http://127.0.0.1:{ok}/"), format!("http://127.0.0.1:{sick}/"));
    assert_eq!(check(&["--status", "503", &sick, &ok, "--status", "200"]).code, Some(0));
    assert_eq!(check(&["--status=503", &sick, &ok]).code, Some(1));
    assert_eq!(check(&[&sick, "--status=503", &ok]).code, Some(0));
    check(&[&ok, "--send", "x"]).usage("http://127.0.0.1");
    check(&[&ok, "--send", "x"]).usage("does not take --send");
    check(&["--send", "x", &ok]).usage("--send: none of the targets takes it");
    check(&["--status", "200", "tcp://127.0.0.1:1"])
        .usage("--status: none of the targets takes it");
    // A default that one of them takes is for that one.
    assert_eq!(
        check(&[
            "--status",
            "200",
            &ok,
            &ok.replace("http", "tcp").replace("/", "").replace("tcp:", "tcp://")
        ])
        .code,
        Some(0)
    );
    // A target's own replace the default's, however many these are.
    let (port, requests) = records(OK);
    check(&["-H", "A: 1", "-H", "B: 2", &format!(":{port}"), "-H", "C: 3"]).healthy("200 OK");
    let request = requests.recv().expect("a request");
    assert!(request.contains("\r\nC: 3\r\n"), "{request}");
    assert!(!request.contains("\r\nA: ") && !request.contains("\r\nB: "), "{request}");
    // Run-wide options anywhere; short ones cluster; `--` ends options.
    assert_eq!(check(&[&ok, "-q", "--any", &sick]).out, "");
    assert_eq!(check(&["-qt1s", &ok]).out, "");
    assert_eq!(check(&["-qt", "1s", "--", &ok]).out, "");
    assert_eq!(check(&["-q", &sick]).out.lines().count(), 1);
}

#[test]
fn an_option_stands_once_in_its_place_and_each_value_is_read() {
    let target = "tcp://127.0.0.1:1";
    for args in [
        &["-t", "bad", target, "-t", "2s"][..],
        &["--connect-to", "portless", target, "--connect-to", "127.0.0.1:1"],
        &["-H", "no colon", "http://127.0.0.1:1/", "-H", "a: b"],
    ] {
        check(args).usage(" is wanted");
    }
    let twice = "given twice, want it once";
    check(&["-t", "1s", "-t", "2s", target]).usage(&format!("--timeout: {twice}"));
    check(&[target, "-t", "bad", "-t", "2s"]).usage(&format!("--timeout: {twice}"));
    check(&["-q", target, "-q"]).usage(&format!("--quiet: {twice}"));
    check(&[target, "--connect-to", "a:1", "--connect-to", "b:1"]).usage(twice);
    // Once in each place, and as often as one likes where all of them count.
    check(&["-t", "1s", target, "-t", "2s"]).unhealthy("Connection refused");
    assert_eq!(check(&[target, "-t", "2s", target, "-t", "2s"]).err, "");
    check(&[target, "-e", "a", "-e", "a"]).unhealthy("Connection refused");
}

#[test]
fn a_timeout_that_looks_like_milliseconds_is_asked_about() {
    let target = "tcp://127.0.0.1:1";
    check(&["-t", "5000", target])
        .usage("--timeout: 5000 seconds? milliseconds are 5000ms, seconds 5000s");
    for sound in ["999", "5000s", "5000ms", "2h"] {
        check(&["-t", sound, target]).unhealthy("Connection refused");
    }
}

#[test]
fn every_spelling_of_a_value() {
    let port = answers(OK);
    let target = format!("127.0.0.1:{port}");
    for args in [
        &["--expect", "ok", &target][..],
        &["--expect=ok", &target],
        &["-e", "ok", &target],
        &["-eok", &target],
        &["-e=ok", &target],
        &[&target, "-e", "o", "-e", "k"],
        &["--follow", &target],
        &["--follow", "3", &target],
        &["--follow=3", &target],
        &[&target, "--follow"],
    ] {
        check(args).healthy("200 OK in ");
    }
}

#[test]
fn localhost_needs_no_look_up_and_a_host_may_be_left_out() {
    let port = answers(OK);
    for target in [
        format!("http://localhost:{port}/"),
        format!(":{port}"),
        format!("http://:{port}?x"),
        format!("LOCALHOST:{port}/healthz"),
    ] {
        check(&[&target]).healthy("200 OK in ");
    }
    check(&[&format!("http://localhost:{}/", closed_port())]).unhealthy("connecting to 127.0.0.1:");
}

#[test]
fn expansion() {
    let (port, requests) = records(OK);
    let folder = Folder::new("expand");
    std::fs::write(folder.path("token"), "s3cret\n").expect("a file");
    let mut with = command(["http://localhost:${PORT}/${PAGE:-healthz}", "-H"]);
    with.arg(format!("X-Token: ${{file:{}}}", folder.path("token")))
        .arg("-H")
        .arg("Y: $${PORT} $PORT");
    run(with.env("PORT", port.to_string()))
        .healthy("http://localhost:${PORT}/${PAGE:-healthz}: 200 OK");
    let request = requests.recv().expect("a request");
    assert!(request.starts_with("GET /healthz HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nX-Token: s3cret\r\nY: ${PORT} $PORT\r\n"), "{request}");
    check(&["http://localhost:${PORT}/"]).usage("${PORT}: the variable is unset or empty");
    run(command(["http://localhost:${PORT}/"]).env("PORT", "")).usage("unset or empty");
    run(command(["http://localhost:${PORT}/"]).env("PORT", "80x"))
        .usage("http://localhost:${PORT}/: a port from 1 to 65535 is wanted");
    check(&["-e", "${file:/none}", "http://a"]).usage("No such file or directory (os error 2)");
    // In every value, whoever takes it.
    for row in ROWS.iter().filter(|row| row.takes() != Takes::Nothing) {
        let option = format!("--{}=${{NONE}}", row.long());
        check(&["http://a", &option]).usage("${NONE}: the variable is unset or empty");
    }
    // The target stays as typed; the cause names what there is.
    run(command(["file:///${A}"]).env("A", "none"))
        .unhealthy("unhealthy: file:///${A}: opening /none: No such file");
    run(command(["file:///proc/version", "-e", "${A}"]).env("A", "no kernel"))
        .unhealthy("want \"no kernel\" in it");
    // What an expansion yields is not expanded again, and splits no argument.
    run(command(["http://localhost:1/", "--name", "${A}"]).env("A", "${B} --help"))
        .unhealthy("unhealthy: ${B} --help: connecting");
}

/// What a server repeats of what it was sent ends in a log that many read.
#[test]
fn what_a_server_echoes_is_no_secret_told() {
    let port = server(|mut stream| {
        let asked = request(&mut stream);
        let _ = stream.write_all(format!("HTTP/1.1 404 x\r\n\r\n{asked}").as_bytes());
        finish(stream);
    });
    let target = format!("http://localhost:{port}/${{PAGE}}/x?token=${{TOKEN}}&n=${{N}}");
    let told = |args: &[&str]| {
        let mut asked = command([&[target.as_str()], args].concat());
        let run = run(asked.env("PAGE", "p4ge").env("TOKEN", "t0%6ben").env("N", "7"));
        run.unhealthy("status 404");
        run.out
    };
    assert!(told(&[]).contains(": GET /***/x?token=***&n=7 HTTP/1.1\\r\\n"), "{}", told(&[]));
    let typed =
        told(&["-H", "X-Api-Key:  k3y-0 ", "-H", "Accept: text/x", "-H", "user-agent: me/2"]);
    assert!(!typed.contains("k3y-0") && typed.contains("X-Api-Key: ***"), "{typed}");
    assert!(typed.contains("text/x") && typed.contains("me/2"), "{typed}");
}

/// Also before anything is asked, and where it stands in for a name.
#[test]
fn what_a_file_holds_is_not_told() {
    let folder = Folder::new("untold");
    let file = format!("${{file:{}}}", folder.file("token", "s3cret\n"));
    let with = |text: &str| text.replace('@', &file);
    for args in [
        &["pid:@"][..],
        &["pid:-@"],
        &["listen:@"],
        &["file://@"],
        &["pid:///none/@"],
        &["unix:///none/@"],
        &["http://a/", "--connect-to", "unix:/none/@"],
        &["https://127.0.0.1:1/", "--cacert", "@"],
        &["https://127.0.0.1:1/", "--cacert", "/none/@"],
        &["http://a/", "-H", "@"],
        &["http://a/", "--expect-json", "@"],
        &["http://a/", "-t", "@"],
        &["@://a"],
    ] {
        let args: Vec<_> = args.iter().map(|text| with(text)).collect();
        let run = run(&mut command(&args));
        assert_eq!(run.code, Some(1));
        let said = [run.out, run.err].concat();
        assert!(!said.contains("s3cret") && said.len() > 20, "{args:?}: {said}");
    }
    check(&["pid:0x"]).usage("pid:0x: \"0x\", want pid:1234 or pid:///path");
}

#[test]
fn the_arguments_may_come_from_the_environment() {
    let port = answers(OK);
    let none: [&str; 0] = [];
    let args = format!("-t 2s  'http://localhost:{port}/' --name \"the web\"");
    run(command(none).env("HEALTHCHECK_ARGS", args)).healthy("healthy: the web: 200 OK in ");
    run(command(none)
        .env("HEALTHCHECK_ARGS", "http://localhost:${PORT}/ -e ok")
        .env("PORT", port.to_string()))
    .healthy("200 OK");
    run(command(none).env("HEALTHCHECK_ARGS", "'x"))
        .usage("HEALTHCHECK_ARGS: want a closing quote");
    run(command(none).env("HEALTHCHECK_ARGS", " ")).usage("want a TARGET");
    check(&[]).usage("want a TARGET");
    check(&[""]).usage("want a TARGET, got an empty argument");
    check(&["pid:1", "-n", ""]).healthy("healthy: pid:1: ");
    // No other variable is taken for an option, whatever it is called. Kubernetes makes some of
    // that kind for a service called `healthcheck`.
    let mut others = vec![
        ("HEALTHCHECK_PORT".to_owned(), "tcp://10.0.0.1:80"),
        ("HEALTHCHECK_SERVICE_HOST".to_owned(), "10.0.0.1"),
        ("HEALTHCHECK".to_owned(), "--help"),
    ];
    for row in ROWS {
        let name = row.long().to_uppercase().replace('-', "_");
        others.extend([(format!("HEALTHCHECK_{name}"), "1"), (name, "1")]);
    }
    run(command(none).envs(others.clone())).usage("want a TARGET");
    run(command([format!(":{port}")]).envs(others)).healthy("200 OK in ");
    // Any argument, and the variable is not looked at.
    run(command(["tcp://localhost:1"]).env("HEALTHCHECK_ARGS", "--help")).unhealthy("refused");
}

/// Without the list of who listens instead, which is of other tests too.
fn without_others(out: &str) -> String {
    let (before, after) = out.split_once(": listening here: ").expect("the list");
    let end = after.find(['"', '\n']).expect("its end");
    [before, &after[end..]].concat()
}

#[test]
fn text_is_one_line_per_check_in_the_order_given() {
    let (ok, refused) = (answers(OK), closed_port());
    let run = check(&[&format!("tcp://localhost:{refused}"), &format!(":{ok}"), "-n", "web"]);
    let out = without_others(&run.out);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(run.code, Some(1));
    assert_eq!(
        lines[0],
        format!(
            "unhealthy: tcp://localhost:{refused}: connecting to 127.0.0.1:{refused}: Connection refused (os error 111)"
        )
    );
    assert!(
        lines[1].starts_with("healthy: web: 200 OK in ") && lines[1].ends_with(" ms"),
        "{run:?}"
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn json_is_one_line_of_the_specified_shape() {
    let (ok, refused) = (answers(OK), closed_port());
    let run = check(&[
        "-o",
        "json",
        &format!(":{ok}"),
        "-n",
        "a\"b\\c\n",
        &format!("tcp://localhost:{refused}"),
        "--any",
    ]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let elapsed = regexless(&without_others(&run.out));
    assert_eq!(
        elapsed,
        format!(
            concat!(
                r#"{{"healthy":true,"elapsed_ms":N,"checks":["#,
                r#"{{"target":"a\"b\\c\\n","kind":"http","healthy":true,"elapsed_ms":N,"step":"judge","detail":"200 OK"}},"#,
                r#"{{"target":"tcp://localhost:{0}","kind":"tcp","healthy":false,"elapsed_ms":N,"step":"connect","cause":"system","detail":"connecting to 127.0.0.1:{0}: Connection refused (os error 111)"}}"#,
                "]}}\n"
            ),
            refused
        )
    );
    check(&["-o", "json", "--bogus"]).usage("--bogus");
}

#[test]
fn json_is_as_its_schema_says() {
    let (ok, refused) = (format!(":{}", answers(OK)), format!("tcp://localhost:{}", closed_port()));
    let sick = format!(":{}", answers("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"));
    let not_http = format!(":{}", answers("nonsense"));
    let (_silent, port) = silent();
    let late = format!("http://127.0.0.1:{port}/");
    let many = vec![refused.as_str(); 64];
    let runs: &[&[&str]] = &[
        &[&ok],
        &[&ok, "-n", "\"\n\u{2028}", &refused, &sick, "file:///none"],
        &[&late, "-t", "100ms", &not_http],
        &["--any", &refused, &ok],
        &many,
    ];
    let folder = Folder::new("schema");
    let mut outputs = Vec::new();
    for (i, args) in runs.iter().enumerate() {
        let run = check(&[args, &["-o", "json"][..]].concat());
        let path = folder.path(&i.to_string());
        std::fs::write(&path, &run.out).expect("a file");
        outputs.push((path, run.out));
    }
    let all: String = outputs.iter().map(|(_, out)| out.as_str()).collect();
    for cause in ["system", "mismatch", "timeout", "protocol"] {
        assert!(all.contains(&format!("\"cause\":\"{cause}\"")), "{cause}: {all}");
    }
    assert!(all.contains("\"omitted\":"), "{all}");
    // The validator finds what is wrong: a healthy check with a cause, and a cause that is none.
    for (i, (from, to)) in [
        ("\"step\":\"judge\",", "\"step\":\"judge\",\"cause\":\"system\","),
        ("\"elapsed_ms\":", "\"elapsed\":"),
    ]
    .iter()
    .enumerate()
    {
        let path = folder.path(&format!("wrong-{i}"));
        std::fs::write(&path, outputs[0].1.replacen(from, to, 1)).expect("a file");
        assert!(!valid(&[path]));
    }
    assert!(valid(&outputs.into_iter().map(|(path, _)| path).collect::<Vec<_>>()));
}

/// Whether each of these files is as docs/output.schema.json says.
fn valid(files: &[String]) -> bool {
    let script = "import json, sys, jsonschema\n\
                  schema = json.load(open(sys.argv[1]))\n\
                  jsonschema.Draft202012Validator.check_schema(schema)\n\
                  check = jsonschema.Draft202012Validator(schema).is_valid\n\
                  good = all([check(json.load(open(path))) for path in sys.argv[2:]])\n\
                  print('valid' if good else 'invalid')";
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/output.schema.json");
    let mut command = std::process::Command::new(python());
    let said = must(command.args(["-c", script, schema]).args(files));
    match said.trim() {
        "valid" => true,
        "invalid" => false,
        other => panic!("{other}"),
    }
}

#[test]
fn every_step_that_the_documents_name_is_one() {
    let refused = format!("tcp://127.0.0.1:{}", closed_port());
    let sick = format!(":{}", answers("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"));
    let (_silent, port) = silent();
    let (http, https) = (format!("http://127.0.0.1:{port}"), format!("https://127.0.0.1:{port}"));
    // Greets, and takes nothing in: a Unix socket says so to whoever writes.
    let folder = Folder::new("steps");
    let deaf = UnixListener::bind(folder.path("deaf")).expect("a socket");
    std::thread::spawn(move || {
        for mut stream in deaf.incoming().flatten() {
            let _ = stream.shutdown(std::net::Shutdown::Read);
            let _ = stream.write_all(b"INFO {}\r\n");
            std::thread::sleep(Duration::from_secs(10));
        }
    });
    let deaf = format!("unix:{}", folder.path("deaf"));
    let steps = [
        ("resolve", &["tcp://127.0.0.1:1", "-6"][..]),
        ("connect", &[&refused]),
        ("handshake", &[&https, "-t", "200ms"]),
        ("send", &["nats://x", "--connect-to", &deaf]),
        ("read", &[&http, "-t", "200ms"]),
        ("open", &["file:///none"]),
        ("judge", &[&sick]),
    ];
    for (step, args) in steps {
        let run = check(&[args, &["-o", "json"]].concat());
        assert!(run.out.contains(&format!("\"step\":\"{step}\"")), "{step}: {run:?}");
    }
    let all = steps.map(|(step, _)| step).join(" ");
    for document in ["README.md", "docs/output.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = std::fs::read_to_string(path).expect(document);
        assert!(text.contains(&format!("`{all}`")), "{document}: want `{all}`");
    }
}

/// The number behind each `"elapsed_ms":` as N.
fn regexless(text: &str) -> String {
    let mut parts = text.split("\"elapsed_ms\":");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("\"elapsed_ms\":N");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

#[test]
fn the_output_stays_below_what_docker_keeps() {
    let body = "x".repeat(400);
    let sick = answers(format!("HTTP/1.1 503 x\r\nContent-Length: 400\r\n\r\n{body}"));
    let target = format!("http://localhost:{sick}/{}", "p".repeat(150));
    let targets = vec![target.as_str(); 64];
    let text = run(&mut command(&targets));
    assert_eq!((text.code, text.out.lines().count()), (Some(1), 64));
    assert!(text.out.len() < 4096 && text.out.len() > 3500, "{}", text.out.len());
    let json = run(command(&targets).args(["-o", "json"]));
    assert!(
        json.out.len() < 4096 && json.out.ends_with("}\n") && json.out.contains("],\"omitted\":"),
        "{json:?}"
    );
    // What is wrong is not what is left out.
    let mut checks = vec!["pid:1"; 63];
    checks.extend(["file:///nonexistent/thing", "-o", "json"]);
    let json = check(&checks);
    assert!(json.out.len() < 4096 && json.out.contains("\"omitted\":"), "{json:?}");
    assert!(json.out.contains("\"target\":\"file:///nonexistent/thing\""), "{json:?}");
    assert!(
        json.out.contains("No such file or directory (os error 2): its folder is missing too\""),
        "{json:?}"
    );
    assert_eq!(json.out.matches("\"healthy\":false").count(), 2, "{json:?}");
    // Words about waiting come first, and leave room.
    let (_silent, port) = silent();
    let target = format!("http://localhost:{port}/{}", "p".repeat(150));
    let mut waiting = vec![target.as_str(); 32];
    waiting.extend(["-t", "1500ms"]);
    let slow = check(&waiting);
    assert_eq!((slow.code, slow.out.lines().count()), (Some(1), 32), "{slow:?}");
    assert!(slow.err.contains("waiting: ") && slow.err.len() < 1024, "{slow:?}");
    assert!(slow.err.len() + slow.out.len() < 4096, "{slow:?}");
    // One check has all the room.
    check(&[&format!("tcp://localhost:1/{}", "é".repeat(3000))]).usage("...");
}

#[test]
fn nobody_forges_a_line() {
    let port = answers(
        "HTTP/1.1 503 x\r\nContent-Length: 40\r\n\r\nbad\nhealthy: all\r\x1b[2J\u{2028}\0............",
    );
    check(&[&format!(":{port}"), "-n", "a\nhealthy: b"]).unhealthy(
        r"unhealthy: a\nhealthy: b: status 503, want 200-399: bad\nhealthy: all\r\x1b[2J\u2028\x00",
    );
}

#[test]
fn passwords_never_appear() {
    let (port, requests) = records("HTTP/1.1 401 no\r\nContent-Length: 0\r\n\r\n");
    let target = format!("http://user:hunter2@localhost:{port}/");
    for more in [&[][..], &["-v"], &["-o", "json"], &["-t", "x"], &["--send", "x"]] {
        let mut args = vec![target.as_str(), "-H", "Cookie: hunter2"];
        args.extend(more);
        let run = check(&args);
        assert_eq!(run.code, Some(1));
        assert!(!run.out.contains("hunter2") && !run.err.contains("hunter2"), "{run:?}");
        assert!(!run.out.contains("user") && !run.err.contains("user:"), "{run:?}");
    }
    let plain = format!("http://localhost:{port}/");
    for wrong in [
        ["-v", &plain, "-u", "user:hunter2"],
        ["-v", &plain, "-u", "user:hunter2\n"],
        ["-v", &plain, "-u", "hunter2"],
        ["-v", &plain, "-H", "X hunter2"],
        ["-v", &plain, "-H", "X: hunter2\n"],
    ] {
        let run = check(&wrong);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert!(!run.out.contains("hunter2") && !run.err.contains("hunter2"), "{run:?}");
    }
    assert!(
        requests.recv().expect("one").contains("\r\nAuthorization: Basic dXNlcjpodW50ZXIy\r\n")
    );
    for target in [
        "http://u:hunter2/x@h/",
        "http://u:hunter2@h:x/",
        "http://u:hunter2@[h/",
        "redis://:hunter2@h:0",
    ] {
        let run = check(&[target]);
        assert!(run.code == Some(1) && !run.err.contains("hunter2"), "{run:?}");
    }
}

#[test]
fn a_slow_check_says_once_what_it_waits_for() {
    let (_silent, port) = silent();
    let target = format!("http://127.0.0.1:{port}/");
    let run = check(&[&target, "-t", "1.5s"]);
    assert_eq!(run.err, format!("waiting: {target}: reading from 127.0.0.1:{port}\n"));
    assert_eq!(
        run.out,
        format!(
            "unhealthy: {target}: timed out after 1.5 s while reading from 127.0.0.1:{port}: \
             the server takes no connections: 1 wait to be accepted: no byte of an answer came\n"
        )
    );
    run.within(Duration::from_secs(3));
    // Once, however long it takes: until the default's end here.
    let run = check(&[&target]);
    assert_eq!(run.err, format!("waiting: {target}: reading from 127.0.0.1:{port}\n"));
    assert!(run.out.contains(": timed out after 5 s while reading from "), "{run:?}");
    for more in [&["-q"][..], &["-o", "json"]] {
        assert_eq!(check(&[&[target.as_str(), "-t", "1.2s"], more].concat()).err, "");
    }
}

#[test]
fn sixty_four_targets_take_the_time_of_the_slowest() {
    let (_silent, port) = silent();
    let target = format!("tcp://127.0.0.1:{port}");
    let mut args = vec!["-t", "1s", "-e", "x"];
    args.extend(vec![target.as_str(); 64]);
    let run = check(&args);
    assert_eq!((run.code, run.out.lines().count()), (Some(1), 64));
    run.within(Duration::from_secs(5));
}

#[test]
fn verbose_shows_phases_and_heads() {
    let port = answers(
        "HTTP/1.1 200 OK\r\nServer: x\r\nSet-Cookie: s=hunter2\r\nContent-Length: 0\r\n\r\n",
    );
    let run = check(&["-v", &format!("http://localhost:{port}/up?a")]);
    assert_eq!(run.code, Some(0));
    let host = format!(" ms: request: Host: localhost:{port}\n");
    for part in [
        "connecting to 127.0.0.1:",
        "sending to ",
        "reading from ",
        " ms: request: GET /up?a HTTP/1.1\n",
        &host,
        " ms: request: User-Agent: healthcheck/",
        " ms: request: Accept: */*\n",
        " ms: request: Connection: close\n",
        "200: Server: x",
        "Set-Cookie: ***",
        " ms: ",
    ] {
        assert!(run.err.contains(part), "{part}: {run:?}");
    }
    assert!(!run.err.contains("hunter2"));
    // What a variable put into the path goes out, and is not shown.
    let target = format!("http://localhost:{port}/?token=${{TOKEN}}");
    let run = crate::support::run(command(["-v", &target]).env("TOKEN", "hunter2"));
    assert!(run.err.contains(" ms: request: GET /?token=*** HTTP/1.1\n"), "{run:?}");
    assert!(!run.err.contains("hunter2"));
    // Of headers that were given the names, of those that are nobody's own the values too; no body.
    let (target, data) = (format!("http://me:hunter2@localhost:{port}/"), "GET: hunter2\n");
    let run = check(&[
        "-v",
        &target,
        "-H",
        "X-Key: a1",
        "-H",
        "Host: shop",
        "-d",
        data,
        "-H",
        "Cookie: z9",
    ]);
    for part in
        ["X-Key: ***", "Host: shop", "Cookie: ***", "Authorization: ***", "Content-Length: 13"]
    {
        has(&run.err, &format!(" ms: request: {part}\n"));
    }
    has(&run.err, " ms: request: POST / HTTP/1.1\n");
    for secret in ["hunter2", "a1", "z9", "bWU6", "GET"] {
        assert!(!run.err.contains(secret), "{secret}: {run:?}");
    }
}

#[test]
fn slips_have_their_own_sentences() {
    let url = "http://localhost:1/";
    for (args, words) in [
        (&["-f", url][..], "unknown option -f; an answer of 400 or more is unhealthy anyway"),
        (&["-L", url], "unknown option -L; here it is --follow\n"),
        (&["-m", "2", url], "unknown option -m; here it is --timeout, for all of the check: -t 2s"),
        (&["-o", "/dev/null", url], "what a server answers is saved nowhere: leave -o out"),
        (&["-w", "%{http_code}", url], "curl's -w is none here: --status says what is healthy"),
        (&["--wait", url], "--wait: a duration is wanted in front of the target"),
        (&["--spider", url], "unknown option --spider; nothing is saved"),
        (&["--bogus", url], "unknown option --bogus; --help lists them"),
        (&[url, "||", "exit", "1"], "\"||\" is a word of a shell's, and there is none here"),
        (&["CMD", url], "\"CMD\" is a word of a shell's"),
        (&["localhost", "8080"], "want a host too: localhost:8080"),
        (&["/healthz"], "want http://localhost:PORT/healthz or file:///healthz, got a path alone"),
        (&["/run/x.sock"], "want unix:///run/x.sock, got a path alone"),
        (&["memory"], "want memory:, or http://memory/ for a host of that name"),
        (&["http:/localhost"], "want http://localhost, got \"http:/\" in front"),
        (&["http://localhost:$PORT/"], "\"$PORT/\" stays as it is here: write ${NAME}"),
        (&["http://localhost:/"], "an empty port; in Compose write $${PORT}\n"),
        (&["ssh://localhost"], "ssh:// is no kind of target here: want tcp://HOST:22"),
        (&["http://h/#x"], "want %23 in place of '#'\n"),
        (&[url, "-d", "@file"], "--data: ${file:/path} is wanted for what stands in a file\n"),
    ] {
        check(args).usage(words);
    }
    // What stands before a raw '#' or '/' in a password is neither host nor port.
    for target in ["postgres://app:2024#W!@db/x", "redis://app:2024/W!@db/0"] {
        let run = check(&[target]);
        run.usage("%23");
        assert!(!run.err.contains("2024"), "{run:?}");
    }
}

#[test]
fn a_bad_port_is_shown_where_a_variable_of_that_name_gave_it() {
    let with = |target: &str| run(command([target]).env("PORT", "abc").env("PASS", "s3cret"));
    with("http://localhost:${PORT}/").usage("a port from 1 to 65535 is wanted, got \"abc\"\n");
    let run = with("http://localhost:${PASS}/");
    run.usage("a port from 1 to 65535 is wanted\n");
    assert!(!run.err.contains("s3cret"), "{run:?}");
}

#[test]
fn what_is_wrong_comes_first_and_quiet_leaves_the_rest_out() {
    let (ok, refused) = (format!(":{}", answers(OK)), format!("tcp://localhost:{}", closed_port()));
    let args = [&ok, "-n", "first", &refused, "-n", "second", &ok, "-n", "third"];
    let lines = |run: &Run| -> Vec<String> {
        let word = |line: &str| line.split(": ").take(2).collect::<Vec<_>>().join(" ");
        run.out.lines().map(word).collect()
    };
    let run = check(&args);
    assert_eq!(lines(&run), ["unhealthy second", "healthy first", "healthy third"]);
    let quiet = check(&[&args[..], &["-q"]].concat());
    assert_eq!((quiet.code, lines(&quiet)), (Some(1), vec!["unhealthy second".to_owned()]));
    let any = check(&[&args[..], &["-q", "--any"]].concat());
    assert_eq!((any.code, any.out.as_str()), (Some(0), ""));
}

#[test]
fn the_exit_code_of_unhealthy_is_the_one_asked_for() {
    let refused = format!("tcp://localhost:{}", closed_port());
    let ok = format!(":{}", answers(OK));
    for (code, args) in [
        (2, &["--fail-code", "2", &refused][..]),
        (2, &[&refused, "--fail-code=2"]),
        (255, &["--fail-code", "255", &refused, "-w", "100ms"]),
        (0, &["--fail-code", "2", &ok]),
        (0, &["--fail-code", "2", "--help"]),
        // Wrong command lines, wherever it stands.
        (2, &["--fail-code", "2"]),
        (2, &["--bogus", "--fail-code", "2", &ok]),
        (2, &[&ok, "-t", "soon", "--fail-code", "2"]),
        (1, &[&refused, "-n", "--fail-code", "-e", "2"]),
    ] {
        assert_eq!(check(args).code, Some(code), "{args:?}");
    }
    for wrong in ["0", "256", "-1", "two", ""] {
        let run = check(&[&format!("--fail-code={wrong}"), &ok]);
        run.usage("--fail-code: a number from 1 to 255 is wanted");
    }
    let run = run(command([&ok, "--fail-code", "${CODE}"]).env("CODE", "7"));
    assert_eq!(run.code, Some(0));
    let run = crate::support::run(command([&refused, "--fail-code", "${CODE}"]).env("CODE", "7"));
    assert_eq!(run.code, Some(7));
    let run =
        crate::support::run(command([""; 0]).env("HEALTHCHECK_ARGS", "--fail-code 9 --bogus"));
    assert_eq!(run.code, Some(9));
}

#[test]
fn a_file_that_is_full_changes_no_exit_code() {
    let folder = Folder::new("full");
    let ok = format!(":{}", answers(OK));
    for (code, target) in [(0, ok.as_str()), (1, "file:///none")] {
        let line = "ulimit -f 0; exec \"$0\" \"$1\" >\"$2\" 2>&1";
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line]).arg(crate::support::exe()).args([target, &folder.path("out")]);
        assert_eq!(run(&mut shell).code, Some(code), "{target}");
    }
}
