//! What people type who come from curl, from a shell or from another file's syntax: each slip has its
//! own sentence, since "unknown option" and "connection refused" help none of them.

use crate::checks::kinds::KINDS;
use crate::input::target::authority_start;
use crate::input::{Text, Usage};
use crate::quote::quote;
use crate::text::{among, before, contains, find, piece, pieces, row};

/// Options of curl and wget, and what to write here. Those that mean the same here are not among them.
const OPTIONS: &str = "-f --fail=an answer of 400 or more is unhealthy anyway: leave it out\
    |-s --silent=here it is -q, or leave it out: there is one line\
    |-S --show-error=a failure is always shown: leave it out\
    |-L --location=here it is --follow\
    |--max-redirs=here it is --follow N\
    |-I --head=here it is --method HEAD\
    |-m --max-time --connect-timeout -T=here it is --timeout, for all of the check: -t 2s\
    |-A --user-agent=here it is --header 'User-Agent: NAME'\
    |--retry --retry-delay --retry-connrefused=here it is --wait DURATION\
    |--tries=here it is --wait DURATION; once without it\
    |--resolve=here it is --connect-to HOST:PORT\
    |--unix-socket=here it is --connect-to unix:/path.sock\
    |--request=here it is --method\
    |--url=the URL stands alone: leave it out\
    |-x --proxy --noproxy=no proxy is ever used: leave it out\
    |-p --port=the port is part of the target: http://localhost:8080/\
    |-c --command=nothing is started here, and there is no shell\
    |--post-data --data-raw --data-binary=here it is --data\
    |--no-check-certificate=here it is --insecure\
    |-O --output-document --spider --no-verbose --compressed --http1.1=nothing is saved, and only \
    what is judged is read: leave it out";

/// Schemes that are none here, and what asks the same question.
const SCHEMES: &str = "ssh=tcp://HOST:22 --expect SSH-\
    |smtp=tcp://HOST:25 --expect '220 ' --bye 'QUIT\\r\\n'\
    |smtps=tls://HOST:465 --expect '220 '\
    |imap=tcp://HOST:143 --expect '* OK'\
    |imaps=tls://HOST:993 --expect '* OK'\
    |pop3=tcp://HOST:110 --expect +OK\
    |ftp=tcp://HOST:21 --expect '220'\
    |http+unix=http://localhost/PATH --connect-to unix:/path.sock\
    |http2=http://, or grpc:// for gRPC\
    |ssl=tls://HOST:PORT\
    |socket=unix:///path.sock\
    |exec cmd=a target: nothing is started here";

/// Words of a shell and of a Dockerfile, which have reached the command line as arguments.
const WORDS: &str = "|| && ; | exit CMD CMD-SHELL NONE >/dev/null 2>&1";

/// What an unknown option, as it was typed, is called here.
pub fn option(spelled: &str) -> Option<&'static str> {
    row(OPTIONS, &|names| among(names, spelled)).map(|(_, hint)| hint)
}

/// Refuses what is no target, though it could be read as one, before anything of it is expanded.
pub fn target(typed: &[u8]) -> Result<(), Usage> {
    let text = String::from_utf8_lossy(typed);
    let text = text.as_ref();
    let wrong = |words: &[&str]| Err(Usage::new(words.concat()));
    if !typed.contains(&b':') && among(WORDS, before(text, b" ").0) {
        return wrong(&[
            "\"",
            text,
            "\" is a word of a shell's, and there is none here: leave it and what \
             belongs to it out; the exit code is 0 or 1 anyway",
        ]);
    }
    if matches!(text.as_bytes(), [b'"' | b'\'', ..]) {
        return wrong(&["the quotes are part of the argument here: write the target without them"]);
    }
    if let Some(at) = placeholder(typed) {
        return wrong(&[
            "\"",
            text.get(at..).unwrap_or(text),
            "\" stays as it is here: write ${NAME}",
        ]);
    }
    // With an '=' it is a connection string, which is refused in its own words.
    if typed.contains(&b' ') && !typed.contains(&b':') && !typed.contains(&b'=') {
        return wrong(&["want no blank in a target: host and port are HOST:PORT"]);
    }
    let digits = typed.iter().all(u8::is_ascii_digit);
    if digits && !typed.is_empty() {
        return wrong(&["want a host too: localhost:", text, ", or http://localhost:", text, "/"]);
    }
    if typed.starts_with(b"/") && !typed.starts_with(b"//") {
        let instead = match text.ends_with(".sock") || text.ends_with(".socket") {
            true => ["unix://", text].concat(),
            false => ["http://localhost:PORT", text, " or file://", text].concat(),
        };
        return wrong(&["want ", &instead, ", got a path alone"]);
    }
    let named = find(typed, b"://").and_then(|at| text.get(..at)).unwrap_or_default();
    let known = KINDS.iter().flat_map(|kind| kind.schemes).any(|scheme| scheme.name == named);
    if !known && let Some((_, instead)) = row(SCHEMES, &|names| among(names, named)) {
        return wrong(&[named, ":// is no kind of target here: want ", instead]);
    }
    let slip = ["http//", "https//", "http:/", "https:/"]
        .into_iter()
        .find(|start| text.starts_with(start))
        .filter(|start| !text.get(start.len()..).is_some_and(|rest| rest.starts_with('/')));
    if let Some(start) = slip {
        let rest = text.get(start.len()..).unwrap_or_default();
        let scheme = if start.starts_with("https") { "https://" } else { "http://" };
        return wrong(&["want ", scheme, rest, ", got \"", start, "\" in front"]);
    }
    let opaque = KINDS.iter().find(|kind| {
        kind.name() == text && kind.schemes.first().is_some_and(|scheme| scheme.opaque)
    });
    match opaque {
        Some(kind) => {
            wrong(&["want ", kind.form(), ", or http://", text, "/ for a host of that name"])
        }
        None => Ok(()),
    }
}

/// Adds to an error about a port what the variable of such a name gave; of no other variable, which
/// may hold a secret.
pub fn port(text: &Text, wrong: Usage) -> Usage {
    let words = wrong.to_string();
    let named = |rest: &[u8]| {
        let inside = rest.get(2..piece(rest).saturating_sub(1))?;
        pieces(inside, b':').next().map(|name| name.ends_with(b"PORT"))
    };
    let mut found = None;
    let (mut at, mut yielded) = (0, text.yielded.iter());
    while let Some(rest) = text.typed.get(at..).filter(|rest| !rest.is_empty()) {
        let length = piece(rest);
        if length > 3 {
            let one = yielded.next().filter(|one| !one.file && named(rest) == Some(true));
            found = found.or(one.map(|one| one.bytes.as_slice()));
        }
        at += length;
    }
    match found {
        Some(value) if words.ends_with("a port from 1 to 65535 is wanted") => {
            Usage::new([&words, ", got \"", &quote(value), "\""].concat())
        }
        _ => wrong,
    }
}

/// Where a variable stands as other tools write it: `$PORT`, `$(PORT)`, `{{.Port}}`. Ahead of the path
/// alone, in which a dollar is a dollar; in a userinfo it may be part of a password.
fn placeholder(typed: &[u8]) -> Option<usize> {
    if typed.contains(&b'@') {
        return None;
    }
    let host = authority_start(typed);
    let path = typed.iter().skip(host).position(|byte| b"/?".contains(byte));
    let typed = path.and_then(|at| typed.get(..host + at)).unwrap_or(typed);
    let named = |at: usize| match typed.get(at + 1) {
        Some(b'(') => true,
        Some(byte) => byte.is_ascii_uppercase() || *byte == b'_',
        None => false,
    };
    let dollar = (0..typed.len()).find(|at| typed.get(*at) == Some(&b'$') && named(*at));
    dollar.or_else(|| find(typed, b"{{").filter(|_| contains(typed, b"}}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::flags::ROWS;

    fn say(typed: &str) -> String {
        target(typed.as_bytes()).map_or_else(|wrong| wrong.to_string(), |()| "a target".into())
    }

    #[test]
    fn each_slip_has_its_sentence() {
        for (typed, words) in [
            ("8080", "want a host too: localhost:8080, or http://localhost:8080/"),
            ("localhost 8080", "want no blank in a target: host and port are HOST:PORT"),
            ("/healthz", "want http://localhost:PORT/healthz or file:///healthz, got a path alone"),
            ("/run/x.sock", "want unix:///run/x.sock, got a path alone"),
            ("memory", "want memory:, or http://memory/ for a host of that name"),
            ("http//x", "want http://x, got \"http//\" in front"),
            ("https:/x/y", "want https://x/y, got \"https:/\" in front"),
            ("http://localhost:$PORT/", "\"$PORT/\" stays as it is here: write ${NAME}"),
            ("http://localhost:$(PORT)", "\"$(PORT)\" stays as it is here: write ${NAME}"),
            ("http://h:{{.Port}}/", "\"{{.Port}}/\" stays as it is here: write ${NAME}"),
            (
                "\"http://localhost/\"",
                "the quotes are part of the argument here: write the target without them",
            ),
        ] {
            assert_eq!(say(typed), words);
        }
        for word in WORDS.split(' ').chain(["|| exit 1", "CMD-SHELL curl -f http"]) {
            assert!(say(word).starts_with(&format!("\"{word}\" is a word of a shell's")), "{word}");
        }
    }

    #[test]
    fn what_is_a_target_stays_one() {
        for typed in [
            "localhost:8080",
            ":8080",
            "http://localhost/a$b",
            "http://localhost/$PORT",
            "http://localhost?$(a)",
            "file:///{{a}}/$A",
            "localhost/x://$A",
            "http://u:p$W@h/",
            "${URL}",
            "http://${HOST}:${PORT:-80}/",
            "redis",
            "file:///a b",
            "listen:8080",
            "process:a b",
            "//h/x",
            "http:///x",
            "memory:",
            "http",
        ] {
            assert_eq!(say(typed), "a target", "{typed}");
        }
    }

    #[test]
    fn no_hint_is_for_an_option_or_a_scheme_that_is_there() {
        for row in OPTIONS.split('|') {
            for name in row.split_once('=').expect("a hint").0.split(' ') {
                let known = ROWS.iter().any(|row| {
                    name.strip_prefix("--").is_some_and(|long| row.is(long))
                        || row.short.is_some_and(|short| name == format!("-{short}"))
                });
                assert!(!known, "{name}");
            }
        }
        for row in SCHEMES.split('|') {
            for name in row.split_once('=').expect("a hint").0.split(' ') {
                let known = KINDS.iter().flat_map(|kind| kind.schemes).any(|one| one.name == name);
                assert!(!known, "{name}");
            }
        }
        assert_eq!(option("-L"), Some("here it is --follow"));
        assert_eq!(
            say("ssh://h"),
            "ssh:// is no kind of target here: want tcp://HOST:22 --expect SSH-"
        );
    }
}
