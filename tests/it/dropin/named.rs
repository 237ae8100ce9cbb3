//! How a name is recognised, what `--explain` prints, what is refused and in which words.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::super::support::{Folder, answers, check, closed_port, command, exe, run, silent};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 2\r\n\r\nno";

#[test]
fn called_by_a_name_it_is_that_tool() {
    let folder = Folder::new("dropin-names");
    let (up, down) = (answers(OK), answers(DOWN));
    for (name, words) in [
        ("curl", vec!["-f", "URL"]),
        ("wget", vec!["-q", "--spider", "URL"]),
        ("sh", vec!["-c", "curl -f URL || exit 1"]),
        ("bash", vec!["-ec", "curl -f URL", "ignored"]),
    ] {
        let path = folder.path(name);
        symlink(exe(), &path).expect("a link");
        for (port, healthy) in [(up, true), (down, false)] {
            let url = format!("http://127.0.0.1:{port}/");
            let words: Vec<String> = words.iter().map(|word| word.replace("URL", &url)).collect();
            let by_name = run(Command::new(&path).args(&words).env_clear());
            let first: Vec<&str> =
                [name].into_iter().chain(words.iter().map(String::as_str)).collect();
            for found in [by_name, check(&first)] {
                match healthy {
                    true => found.healthy("200 OK"),
                    false => found.unhealthy("503"),
                };
            }
        }
    }
    // A host of that name is written so.
    check(&["http://curl.invalid/", "-t", "1"]).unhealthy("curl.invalid");
}

#[test]
fn explain_prints_the_native_arguments() {
    for (words, list) in [
        (
            &["curl", "-f", "http://localhost:8080/"][..],
            r#"["/healthcheck", "http://localhost:8080/"]"#,
        ),
        (
            &["sh", "-c", "curl -s http://a/ | grep -q '\"up\"' || exit 1"],
            r#"["/healthcheck", "http://a/", "--status=100-999", "--expect=\"up\""]"#,
        ),
        (
            &["sh", "-c", "nc -z a 1 || timeout 3 redis-cli ping"],
            r#"["/healthcheck", "tcp://a:1", "redis://localhost", "--grep=x:PONG", "--timeout=3000ms", "--any"]"#,
        ),
        (
            &["sh", "-c", "curl -fs http://a/ | grep status | grep UP"],
            r#"["/healthcheck", "http://a/", "--grep=A:status\u000aUP"]"#,
        ),
        (&["sh", "-c", "test ! -e /x"], r#"["/healthcheck", "file:///x", "--absent"]"#),
        (&["/bin/sh", "-c", "test ! -e /x"], r#"["/healthcheck", "file:///x", "--absent"]"#),
        (&["/usr/bin/curl", "-f", "http://a/"], r#"["/healthcheck", "http://a/"]"#),
        (&["//curl/x", "-q"], r#"["/healthcheck", "//curl/x", "-q"]"#),
        (&["http://a/", "-q"], r#"["/healthcheck", "http://a/", "-q"]"#),
    ] {
        let args: Vec<&str> = ["--explain"].iter().chain(words).copied().collect();
        let found = check(&args);
        assert_eq!((found.code, found.err.as_str()), (Some(0), ""), "{found:?}");
        assert_eq!(found.out, format!("{list}\n"));
    }
    check(&["--explain", "sh", "-c", "! curl -f http://a/"]).usage("no single native command line");
}

#[test]
fn what_is_not_read_is_unhealthy_with_one_line() {
    for (text, part) in [
        ("curl --foo http://a/", "curl: '--foo' is not read here, want one of -f"),
        ("curl -f http://a/ | jq .x", "'jq' is not read here"),
        ("curl -s http://a/ | grep 'a.*b'", "no regular expression is read"),
        ("curl -s http://a/ | grep -v down", "grep: '-v' is not read here"),
        ("curl -f http://a/ > /tmp/x", "nothing is written"),
        ("curl -f http://a/ &", "'&' is not read here"),
        ("curl -f 'http://a/", "want a closing '"),
        ("kill 1", "nothing is signalled"),
        ("[ ! -e /tmp/fail* ]", "want the whole path of one file"),
        ("test -f ~/ready", "want the whole path of one file"),
        ("test -f $PWD/ready", "want -n or -z"),
        ("[[ ok == \"*o*\" ]]", "want TEXT or *TEXT*"),
        ("echo 'a\\tb' | nc a 1", "want echo or printf in front"),
        ("[ $(curl -s http://a/) != x ]", "want $(...) in double quotes"),
        ("python -c x", "'python' is not read here"),
        ("", "want a check in it"),
        ("X=1", "want a check in it"),
        ("# only this", "want a check in it"),
        ("while true; do true; done", "'while' is not read here"),
    ] {
        check(&["sh", "-c", text]).usage(part);
    }
    check(&["sh", "/script"]).usage("no script file is read");
}

#[test]
fn what_the_text_settles_is_said() {
    let port = closed_port();
    let text = format!("curl -f http://127.0.0.1:{port}/ || exit 0");
    check(&["sh", "-c", &text]).healthy("always healthy: || exit 0");
    check(&["true"]).healthy("always healthy: true");
    check(&["false"]).unhealthy("always unhealthy: false");
    check(&["sh", "-c", "exit 7"]).unhealthy("always unhealthy: exit 7");
}

#[test]
fn what_variables_put_into_a_request_is_masked_when_echoed() {
    let body = "the key s3cret of 7 is not known";
    let port =
        answers(format!("HTTP/1.1 503 Down\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let ran = |text: &str| {
        let text = text.replace("URL", &format!("http://127.0.0.1:{port}/"));
        run(command(["sh", "-c", &text]).env("KEY", "s3cret").env("N", "7"))
    };
    for text in [
        "curl -f -H \"X-Api-Key: $KEY\" URL",
        "K=$KEY; curl -f -H \"X-Api-Key: ${K:-none}\" URL || exit 1",
        "curl -f -d \"key=$KEY&n=$N\" URL",
        "! true || timeout 3 wget -q -O- --header=\"X-Api-Key: $KEY\" URL",
    ] {
        ran(text).unhealthy("the key *** of 7 is not known");
    }
    // What is not sent is no secret, and a header's is one however short.
    ran("[ $KEY = s3cret ] && curl -f URL").unhealthy(body);
    ran("curl -f -H \"X-N: $N\" URL").unhealthy("the key s3cret of *** is not known");
}

#[test]
fn files_processes_and_sockets() {
    let folder = Folder::new("dropin-local");
    let file = folder.path("status");
    std::fs::write(&file, "all ok\n").expect("a file");
    let lines = folder.path("lines");
    std::fs::write(&lines, "a UP\nstatus DOWN\n").expect("a file");
    let old = folder.path("old");
    let then = SystemTime::now() - Duration::from_mins(3);
    let created = std::fs::File::create(&old).expect("a file");
    created.set_modified(then).expect("a time");
    let (_listener, port) = silent();
    let closed = closed_port();
    let pid = std::process::id();
    for (text, healthy) in [
        (format!("test -f {file}"), true),
        (format!("[ -s {file} ] && cat {file} | grep -q ok"), true),
        (format!("grep -x 'all ok' {file}"), true),
        (format!("grep -x ok {file}"), false),
        (format!("cat {lines} | grep status | grep UP"), false),
        (format!("grep status {lines} | grep DOWN"), true),
        (format!("cat {lines} | head -n 1 | grep UP"), true),
        (format!("head -1 {lines} | grep -q DOWN"), false),
        (format!("cat {lines} | grep '\\(status\\|x\\) DOWN'"), true),
        (format!("[ -d {file} ]"), false),
        (format!("[ -d {} ]", folder.0.display()), true),
        (format!("[ ! -e {file}.no ]"), true),
        (format!("! test -f {file}"), false),
        (format!("[ \"$(cat {file})\" = 'all ok' ]"), true),
        (format!("[ \"$(cat {file}.no)\" = 'all ok' ]"), false),
        (format!("test -r {file} && test -S {file}"), false),
        (format!("kill -0 {pid}"), true),
        (format!("kill -0 {}", 4_000_000), false),
        ("pgrep no-such-process-here".into(), false),
        ("[ \"$(pgrep -c no-such-process-here)\" -gt 0 ]".into(), false),
        (format!("[[ -f {file} && ! -d {file} ]]"), true),
        (format!("[[ -d {file} || -s {file} ]]"), true),
        (format!("[[ -n $NOT_SET_HERE || -d {file} ]]"), false),
        (format!("[[ \"$(cat {file})\" == *\"l o\"* ]]"), true),
        (format!("exec test -f {file}; false"), true),
        (format!("find {file} -mmin -1 | grep -q ."), true),
        (format!("test \"$(find {file} -mmin -2 -type f)\""), true),
        (format!("find {file}.no -mmin -1 | grep -q ."), false),
        (format!("[ -n \"$(find {old} -mmin -2)\" ]"), false),
        (format!("[ -n \"$(find {old} -mmin -5)\" ]"), true),
        (format!("find {old} -mmin -2"), true),
        (format!("nc -z 127.0.0.1 {port}"), true),
        (format!("nc -z 127.0.0.1 {closed}"), false),
        (format!("exec 3<>/dev/tcp/127.0.0.1/{port}"), true),
        (format!("(echo > /dev/tcp/127.0.0.1/{closed}) >/dev/null 2>&1 || exit 1"), false),
    ] {
        let found = check(&["bash", "-c", &text]);
        assert_eq!(found.code, Some(i32::from(!healthy)), "{text}: {found:?}");
        let theirs =
            run(Command::new("bash").args(["-c", &text]).stderr(std::process::Stdio::null()));
        assert_eq!(theirs.code == Some(0), healthy, "{text}: {theirs:?}");
    }
}

#[test]
fn what_grep_did_not_find_is_said_in_words() {
    let port = answers("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nup\nb UP\n");
    let folder = Folder::new("dropin-grep");
    let file = folder.path("lines");
    std::fs::write(&file, "up\nb UP\n").expect("a file");
    for (words, want) in [
        ("grep up | grep b", "\"up\" and \"b\" in one line of it"),
        ("grep -i foo", "\"foo\" in it, in any case"),
        ("grep -E 'a|c'", "\"a|c\" in it"),
        ("grep -x UP", "\"UP\" as a line of it"),
        ("grep -w u", "\"u\" as a word of it"),
        ("grep '^b$'", "\"^b$\" in it"),
        ("head -1 | grep UP", "\"UP\" in its first line"),
        ("grep foo", "\"foo\" in it"),
    ] {
        for source in [format!("curl -s http://127.0.0.1:{port}/"), format!("cat {file}")] {
            let found = check(&["sh", "-c", &format!("{source} | {words}")]);
            found.unhealthy(&format!(", want {want}: up\\nb UP\\n"));
        }
    }
    let text = format!("[ \"$(curl -s http://127.0.0.1:{port}/)\" = up ]");
    check(&["sh", "-c", &text]).unhealthy("want \"up\" and nothing else: up\\nb UP");
}

/// Words as a shell parts them, quotes taken away.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("one").push(c),
        }
    }
    words
}

#[test]
fn each_row_of_the_page_is_read_so() {
    let page = include_str!("../../../docs/drop-in.md");
    let mut rows = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let line = line.replace("\\|", "\u{1}");
        let cells: Vec<String> = line
            .split('|')
            .map(|cell| cell.trim().trim_matches('`').replace('\u{1}', "|"))
            .collect();
        let found = check(&["--explain", "sh", "-c", &cells[1]]);
        let mut list = String::from("[\"/healthcheck\"");
        for word in words(&cells[2]) {
            list += &format!(", \"{}\"", word.replace('\\', "\\\\"));
        }
        assert_eq!(found.out, list + "]\n", "{}: {found:?}", cells[1]);
        rows += 1;
    }
    assert!(rows > 30, "{rows}");
}
