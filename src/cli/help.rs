//! The help and the version, from the rows that parse.

use crate::checks::kinds::KINDS;
use crate::input::flags::{Group, ROWS, Row, Takes};

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "healthcheck [OPTIONS] TARGET [OPTIONS] [TARGET [OPTIONS]]...\n\
         Exit code 0: every target is healthy. 1: anything else.\n\
         Options before the first target are defaults, behind a target they are its own.\n\
         ${NAME}, ${NAME:-text} and ${file:/path} are expanded.\n\
         Without arguments: those in HEALTHCHECK_ARGS.\n\nTargets:\n",
    );
    for kind in KINDS {
        line(&mut text, kind.form(), &kind.told());
    }
    for group in Group::ALL {
        text.push('\n');
        text.push_str(group.heading());
        text.push_str(":\n");
        for row in ROWS.iter().filter(|row| row.group == group) {
            line(&mut text, &spelling(row), row.help());
        }
    }
    text
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

fn line(text: &mut String, left: &str, right: &str) {
    text.push_str("  ");
    text.push_str(left);
    for _ in left.len()..34 {
        text.push(' ');
    }
    text.push(' ');
    text.push_str(right);
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
