//! The help and the version, from the rows that parse.

use crate::checks::kinds::{self, KINDS, Kind};
use crate::input::flags::{Group, ROWS, Row, Takes};
use crate::input::{Flag, Given, Options, Text};
use crate::text::{parts, split_once_str};

/// The text of `--help`; with the name of a kind, of that kind alone.
pub fn help(name: Option<&str>) -> String {
    match KINDS.iter().find(|kind| Some(kind.name()) == name) {
        Some(kind) => help_of(kind),
        None => help_of_all(),
    }
}

fn help_of_all() -> String {
    let mut text = String::from(
        "healthcheck [OPTIONS] TARGET [OPTIONS] [TARGET [OPTIONS]]...\n\n  \
         healthcheck http://localhost:8080/healthz --status 200\n  \
         healthcheck -t 2s postgres://db redis://cache\n  \
         healthcheck file:///tmp/heartbeat --max-age 30s\n\n\
         Exit code 0: every target is healthy. 1: anything else.\n\
         Options before the first target are defaults, behind a target they are its own.\n\
         ${NAME}, ${NAME:-text} and ${file:/path} are expanded.\n\
         Without arguments: those in HEALTHCHECK_ARGS.\n\
         --help redis: that kind's own options, and so for each.\n\nTargets (port):\n",
    );
    for kind in KINDS {
        line(&mut text, kind.form(), &kind.told());
    }
    for group in Group::ALL {
        text.push_str(&["\n", group.heading(), ":\n"].concat());
        for row in ROWS.iter().filter(|row| row.group == group) {
            line(&mut text, &spelling(row), row.help());
        }
    }
    text
}

/// What a target of this kind looks like, when it is healthy, and the options that it takes.
fn help_of(kind: &Kind) -> String {
    let mut text = String::new();
    line(&mut text, kind.form(), &kind.told());
    text.push('\n');
    for row in ROWS {
        if row.group == Group::Every || row.group != Group::Run && takes(kind, row.flag) {
            line(&mut text, &spelling(row), row.help());
        }
    }
    text
}

/// Whether a check of this kind takes the option, found by giving it: what is not taken is left over,
/// and what is refused was taken.
fn takes(kind: &Kind, flag: Flag) -> bool {
    // Its form without what may be left out, and with a port.
    let mut target = String::new();
    let mut depth = 0;
    for c in kind.form().chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            c if depth == 0 => target.push(c),
            _ => {}
        }
    }
    let replaced = |text: &str, part, by| match split_once_str(text, part) {
        Some((before, after)) => [before, by, after].concat(),
        None => text.to_owned(),
    };
    let target = replaced(&replaced(&target, "port", "1"), "PORT", "1");
    // Without --send there is no UDP, and without --tls some have no certificates.
    let given = |flag| Given { flag, value: Some(Text::plain("1")) };
    let own = [given(flag), given(Flag::Send), given(Flag::Tls)];
    let own = own.get(..if cfg!(feature = "tls") { 3 } else { 2 }).unwrap_or_default();
    kind.schemes.iter().any(|scheme| {
        let mut options = Options::new(own, &[]);
        let typed = replaced(&target, kind.name(), scheme.name);
        let Ok((_, target)) = kinds::read(&Text::plain(typed)) else { return false };
        (kind.parse)(&target, &mut options).is_err() || options.scope(flag).is_none()
    })
}

/// `-t, --timeout DURATION`.
pub fn spelling(row: &Row) -> String {
    let short = row.short.map_or("    ".into(), |short| String::from_iter(['-', short, ',', ' ']));
    let (before, value) = match row.takes() {
        Takes::Nothing => ("", ""),
        Takes::Value(value) => (" ", value),
        Takes::Maybe(value) => (" ", value),
    };
    [&short, "--", row.long(), before, value].concat()
}

/// Two columns in the 80 of a terminal.
fn line(text: &mut String, left: &str, right: &str) {
    const RIGHT: usize = 37;
    text.push_str(&["  ", left].concat());
    let mut column = left.len() + 2;
    if column >= RIGHT {
        column = 80;
    }
    for word in parts(right, b' ') {
        if column + word.len() >= 80 {
            text.push('\n');
            column = 0;
        }
        while column < RIGHT - 1 {
            text.push(' ');
            column += 1;
        }
        text.push_str(&[" ", word].concat());
        column += word.len() + 1;
    }
    text.push('\n');
}

/// The text of `--version`.
pub fn version() -> String {
    let features = [
        ("tls", cfg!(feature = "tls")),
        ("services", cfg!(feature = "services")),
        ("drop-in", cfg!(feature = "drop-in")),
        ("loopback-only", cfg!(feature = "loopback-only")),
    ];
    let mut text = String::from(concat!("healthcheck ", env!("CARGO_PKG_VERSION"), "\nfeatures:"));
    for (name, _) in features.iter().filter(|(_, on)| *on) {
        text.push(' ');
        text.push_str(name);
    }
    text.push_str("\ntarget: ");
    text.push_str(std::env::consts::ARCH);
    text.push_str(if cfg!(target_env = "musl") { "-linux-musl\n" } else { "-linux\n" });
    text
}
