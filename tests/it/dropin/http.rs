//! curl and wget of both kinds in shells, against servers that answer, refuse and hang.

use std::io::Write;
use std::sync::Mutex;

use super::super::support::{closed_port, finish, request, server, silent};
use super::{both, each};

/// What a server does.
const ANSWERS: &[&str] = &["200", "204", "301", "302", "401", "404", "500", "503", "refused"];

/// `U` is the URL.
const CURL: &[&str] = &[
    "curl U",
    "curl -f U",
    "curl -fsS U",
    "curl -sf -o /dev/null U",
    "curl -I U",
    "curl -fsI U",
    "curl -fL U",
    "curl -L U",
    "curl --fail --silent --show-error U",
    "curl -X POST -f U",
    "curl -f -d a=1 U",
    "curl -fsS -H 'X-A: b' U",
    "curl -fsm 5 U",
    "curl -sfk U",
    "curl -f --compressed U",
    "curl -u a:b -f U",
    "curl -fG -d a=1 U",
    "curl --fail --max-time 5 --connect-timeout 2 U",
    "curl -f4 U",
    "curl --user-agent x --fail-with-body -s U",
    "/usr/bin/curl --sil --fail U -o /dev/null",
];

const WGET: &[&str] = &[
    "wget -q --spider U",
    "wget -qO- U",
    "wget -q -O /dev/null U",
    "wget -q -T 5 -O - U",
    "wget --spider -q --header 'X-A: b' U",
    "wget -qO- --post-data a=1 U",
    "wget -S --spider U",
];

/// `C` is the command.
const AROUND: &[&str] = &[
    "C",
    "C || exit 1",
    "C >/dev/null 2>&1",
    "C && exit 0 || exit 1",
    "if C; then exit 0; else exit 1; fi",
    "! C",
    "(C) || exit 2",
    "C; exit $?",
    "C || exit 0",
    "set -e; C; true",
    "timeout 5 C",
    "{ C; } && true || { echo no; exit 3; }",
];

/// Whole lines.
const LINES: &[&str] = &[
    "curl -s U | grep -q UP",
    "curl -fs U | grep UP",
    "curl -s U | grep -i up",
    "curl -s U | grep -x UP",
    "curl -s U | grep -w UP",
    "curl -s U | grep '^{\"status\"'",
    "curl -s U | grep 'ok$'",
    "curl -s U | grep -c UP",
    "curl -s U | grep nothing",
    "curl -fs U | grep -F '\"status\":\"UP\"' >/dev/null || exit 1",
    "curl -s U | grep -qE 'UP|DOWN'",
    "curl -s U | grep -qE '(UP|DOWN)'",
    "curl -s U | grep -qE 'o(k|h)'",
    "test -n \"$(curl -s U | grep ok)\"",
    "[ \"$(curl -fs U | grep -F ok)\" ] || exit 1",
    "curl -s U | grep 'st.tus'",
    "curl -s U | grep -e nothing -e UP",
    "curl -s U | grep status | grep -q UP",
    "curl -fs U | grep status | grep UP | grep nothing || exit 1",
    "curl -s U | grep status | grep -qE 'UP|DOWN'",
    "curl -s U | grep -F '\"status\"' | grep -q '\\(UP\\|no\\)'",
    "curl -s U | grep -q '\\(UP\\|DOWN\\)'",
    "curl -s U | head -1 | grep UP",
    "curl -fs U | head -n1 | grep -q '^ok'",
    "curl -sI U | head -n 1 | grep '200 OK'",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U || true); test \"$c\" = 200",
    "c=$(curl -fs -o /dev/null -w '%{http_code}' U || true); [ $c = 404 ]",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U || echo 000); [ \"$c\" = 200 ] || [ \"$c\" = 401 ]",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U || echo 000); [ \"$c\" != 000 ]",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U || echo 7); [ \"$c\" = 0007 ]",
    "if [ 200 -ne \"$(curl -s -o /dev/null -w '%{http_code}' U)\" ]; then exit 1; fi",
    "[ 300 -gt \"$(curl -s -o /dev/null -w '%{http_code}' U || true)\" ]",
    "[ 400 -le \"$(curl -s -o /dev/null -w '%{http_code}' U || true)\" ] && exit 1; exit 0",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U); echo $c | grep -qE '^(200|302)$'",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U || true); echo \"$c\" | grep -q 000",
    "b=$(curl -fs U); echo \"$b\" | grep -q '\"UP\"'",
    "b=$(curl -fs U || true); echo \"$b\" | grep -q '\"UP\"'",
    "[ \"$(curl -fs U || true)\" = '{\"status\":\"UP\"} ok' ]",
    "(command -v curl >/dev/null && curl -f U) || (command -v wget && wget -qO- U) || exit 1",
    "which curl >/dev/null 2>&1 && curl -f U",
    "curl -f U || exit -1",
    "curl -f -H \"X: $(hostname)\" U && [ -n \"$(hostname)\" ]",
    "[ \"$(curl -s U)\" = '{\"status\":\"UP\"} ok' ]",
    "test \"$(curl -s U)\" != nothing",
    "[ -n \"$(curl -s -o /dev/null -w '%{http_code}' U)\" ]",
    "[ \"$(curl -s -o /dev/null -w '%{http_code}' U)\" = \"200\" ]",
    "[ \"$(curl -s -o /dev/null -w '%{http_code}' U)\" -eq 200 ] || exit 1",
    "[ \"$(curl -s -o /dev/null -w '%{http_code}' U)\" != \"500\" ]",
    "[ $(curl -s -o /dev/null -w '%{http_code}' U) -lt 400 ]",
    "test $(curl -sL -o /dev/null -w '%{http_code}\\n' U) -eq 200",
    "curl -s -o /dev/null -w '%{http_code}' U | grep 200",
    "curl -s -o /dev/null -w '%{http_code}' U | grep -qE '200|302'",
    "curl -s -o /dev/null -w '%{http_code}' U | grep -q '^[23]' || true",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U); [ $c -ge 200 ] && [ $c -lt 400 ]",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U); if [ \"$c\" != 200 ]; then exit 1; fi",
    "c=$(curl -sf U) || exit 1; [ -z nothing ] || true",
    "x=$(curl -sf U >/dev/null) || exit 1",
    "curl -sI U | grep '200 OK'",
    "curl -sI U | grep -q 'HTTP/1.1 200'",
    "curl -s -D - -o /dev/null U | grep -q 200",
    "wget -qO- U | grep -q UP || exit 1",
    "busybox wget -qO- U | grep UP",
    "wget -S --spider U 2>&1 | grep 'HTTP/1.1 200'",
    "curl -f U && curl -fsS U",
    "curl -f U || curl -f U/x",
    "c=$(curl -s -o /dev/null -w '%{http_code}' U); if [ $c != 200 ]; then echo \"got $c\"; exit 1; fi",
    "[ $(curl -s U | grep -c UP) -gt 0 ]",
    "n=$(curl -fs U | grep -c nothing); [ \"$n\" -ge 1 ]",
    "[ \"$(curl -s U | grep UP)\" != \"\" ]",
    "exec curl -fs U; exit 3",
    "(exec curl -f U; false) || exit 1",
    "if true; then exec curl -f U; fi; true",
    "curl -fs U >&2 | grep UP",
    "curl -s --url U -f",
    "curl -fsl U",
    "bash -c 'curl -fs U >& /dev/null'",
    "bash -c '[[ \"$(curl -s U)\" == *UP* && -e / ]]'",
    "bash -c 'c=$(curl -s -o /dev/null -w \"%{http_code}\" U); [[ $c == 200 || $c -eq 404 ]]'",
    "bash -c '[[ -n $NOT_SET_HERE || \"$(curl -s U)\" != *\"UP\"* ]]'",
    "bash -c '[[ -e / && -e /nothing || -n $(curl -s U | grep ok) && ! -e /nothing ]]'",
    "URL=U; curl -f ${URL} || exit 1",
    "V=; curl -f ${V:-U} > /dev/null",
];

/// Where we end otherwise on purpose: a part of the line, the answers, why.
const OTHERWISE: &[(&str, &[&str], &str)] = &[
    ("grep -q '^[23]'", ANSWERS, "a regular expression is refused by name"),
    ("wget -S --spider U 2>&1", &["301", "302"], "the head that counts is the last one"),
    ("[ -n \"$(curl", &["refused"], "no answer is 000 there"),
];

fn lines() -> Vec<String> {
    let mut all = Vec::new();
    for command in CURL.iter().chain(WGET) {
        all.extend(AROUND.iter().map(|around| around.replace('C', command)));
    }
    // With -T Debian's ends in a segmentation fault.
    for command in WGET.iter().filter(|command| !command.contains("-T")) {
        let command = format!("busybox {command}");
        all.extend(AROUND.iter().take(6).map(|around| around.replace('C', &command)));
    }
    all.extend(LINES.iter().map(|line| (*line).to_owned()));
    all
}

/// A server that answers each path with the status it names; `/301` leads to `/ok`.
fn statuses() -> u16 {
    server(|mut stream| {
        let asked = request(&mut stream);
        let path = asked.split(' ').nth(1).unwrap_or_default();
        let status = if path == "/ok" { "200" } else { path.get(1..4).unwrap_or_default() };
        let reason = if status == "200" { "OK" } else { "Other" };
        let body = "{\"status\":\"UP\"} ok\n";
        let more = match status {
            "301" | "302" => "Location: /ok\r\n",
            "401" => "WWW-Authenticate: Basic realm=\"x\"\r\n",
            _ => "",
        };
        let body = if status == "204" || asked.starts_with("HEAD") { "" } else { body };
        let length = if status == "204" {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status} {reason}\r\nConnection: close\r\n{length}{more}\r\n{body}"
        );
        finish(stream);
    })
}

#[test]
fn lines_end_as_the_originals_do() {
    let (port, closed) = (statuses(), closed_port());
    let lines = lines();
    assert!(lines.len() >= 300, "{}", lines.len());
    let pairs: Vec<(&str, &str)> = lines
        .iter()
        .flat_map(|line| ANSWERS.iter().map(move |answer| (line.as_str(), *answer)))
        .collect();
    let wrong = Mutex::new(Vec::new());
    each(&pairs, |(line, answer)| {
        let url = match *answer {
            "refused" => format!("http://127.0.0.1:{closed}/x"),
            status => format!("http://127.0.0.1:{port}/{status}"),
        };
        // Two shells by turns, and a third where it has a name of its own for wget.
        let shell: &[&str] = match line.len() % 3 {
            0 => &["bash"],
            1 => &["dash"],
            _ if line.contains(" -T ") => &["dash"],
            _ => &["busybox", "sh"],
        };
        let (ours, theirs) = both(shell, &line.replace('U', &url));
        let known = OTHERWISE
            .iter()
            .any(|(part, answers, _)| line.contains(part) && answers.contains(answer));
        if !known && (ours.code == Some(0)) != (theirs.code == Some(0)) {
            let words = format!("{} {}", ours.out.trim(), ours.err.trim());
            let text =
                format!("{line} [{answer}]: {:?}, ours {:?}: {words}", theirs.code, ours.code);
            wrong.lock().expect("no panic").push(text);
        }
        assert!(matches!(ours.code, Some(0 | 1)), "{line}: {ours:?}");
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_server_that_hangs_is_left_in_time() {
    let (_listener, port) = silent();
    let lines = [
        "curl -fsm 1 U",
        "curl -m 1 U || exit 1",
        "curl -sm 1 U | grep ok",
        "timeout 1 curl -f U",
        "wget -q -T 1 -t 1 -O- U",
        "busybox wget -q -T 1 -O- U",
        "[ \"$(curl -m 1 -s -o /dev/null -w '%{http_code}' U)\" = 200 ]",
    ];
    each(&lines, |line| {
        let text = line.replace('U', &format!("http://127.0.0.1:{port}/"));
        let (ours, theirs) = both(&["dash"], &text);
        assert_ne!(theirs.code, Some(0), "{line}");
        assert_eq!(ours.code, Some(1), "{line}: {ours:?}");
        assert!(ours.took.as_secs() < 20, "{line}: {ours:?}");
    });
}
