//! `cargo run --example manpage > docs/healthcheck.1`: the manual, from the rows that parse.
//!
//! `cargo run --example manpage -- options` prints the table of options in README.md. A test
//! compares both with what is committed.

use std::io::{self, Write};

use healthcheck::checks::kinds::KINDS;
use healthcheck::cli::help::spelling;
use healthcheck::input::flags::{Group, ROWS, Row};

/// Around the targets and options, which are rendered.
const HEAD: &str = include_str!("../docs/manual-head.roff");
const FOOT: &str = include_str!("../docs/manual-foot.roff");
/// What any check may say, in a table.
const OUTPUT: &str = include_str!("../docs/output.md");

#[allow(dead_code, reason = "the test includes this file as a module")]
fn main() -> io::Result<()> {
    let text = match std::env::args().nth(1).as_deref() {
        Some("options") => options(),
        _ => manual(),
    };
    io::stdout().write_all(text.as_bytes())
}

/// healthcheck(1).
pub fn manual() -> String {
    let mut page =
        format!(".TH HEALTHCHECK 1 \"\" \"healthcheck {}\"\n", env!("CARGO_PKG_VERSION"));
    page.push_str(HEAD);
    page.push_str(".SH TARGETS\n");
    for kind in KINDS {
        paragraph(kind.form(), &kind.told(), &mut page);
    }
    page.push_str(".SH \"EXIT STATUS\"\n0 when healthy, 1 for anything else.\n");
    page.push_str(".SH MESSAGES\n");
    page.push_str("Those of any check; the pages under docs/ have each kind's own.\n");
    for (message, means) in messages() {
        paragraph(&message, &means, &mut page);
    }
    page.push_str(".SH OPTIONS\n");
    for group in Group::ALL {
        page.push_str(&format!(".SS \"{}\"\n", group.heading()));
        for row in of(group) {
            paragraph(spelling(row).trim_start(), row.help(), &mut page);
        }
    }
    page.push_str(FOOT);
    page
}

/// The rows of the page on output, without the marks of Markdown.
fn messages() -> Vec<(String, String)> {
    let table =
        OUTPUT.split_once("\n| message | means |\n|---|---|\n").map_or("", |(_, rows)| rows);
    let rows = table.lines().take_while(|line| line.starts_with("| "));
    let plain = |cell: &str| cell.trim().replace('`', "");
    rows.filter_map(|row| {
        let (message, means) = row.trim_matches('|').split_once(" | ")?;
        Some((plain(message), plain(means)))
    })
    .collect()
}

/// The options as a Markdown table for each group.
pub fn options() -> String {
    let mut text = String::new();
    for group in Group::ALL {
        text.push_str(&format!("\n| {} | |\n|---|---|\n", group.heading()));
        for row in of(group) {
            let left = spelling(row).trim_start().replace('|', "\\|");
            text.push_str(&format!("| `{left}` | {} |\n", row.help().replace('|', "\\|")));
        }
    }
    text.push('\n');
    text
}

fn of(group: Group) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.group == group)
}

fn paragraph(term: &str, text: &str, page: &mut String) {
    page.push_str(&format!(".TP\n.B {}\n{}\n", escaped(term), escaped(text)));
}

/// As roff wants text: no backslash, no hyphen that could be broken, no control line.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
