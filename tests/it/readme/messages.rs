//! Every message that a check can print stands in its page of `docs/`, or in that of them all.

use std::fs;
use std::path::Path;

use healthcheck::checks::kinds::{KINDS, Kind};

use super::{root, texts};

/// What any check may say.
const SHARED: &str = "docs/output.md";

/// Which page speaks of a source file; `None` when it says nothing to users. What is called like a
/// kind is told on that kind's page.
fn page(source: &str) -> Option<&'static str> {
    const PAGES: &[(&str, &str)] = &[
        ("checks/json.rs", "http"),
        ("checks/local/", "local"),
        ("checks/stream.rs", "tcp-udp-unix"),
        ("checks/service/mod.rs", "output"),
        ("net/dns.rs", "dns"),
        ("net/tls/disabled.rs", "output"),
        ("net/tls", "tls"),
        ("net/", "output"),
        ("verdict.rs", "output"),
        ("attempt.rs", "output"),
        ("file.rs", "output"),
        ("install.rs", "wait-install"),
    ];
    let kind = source.strip_prefix("checks/").and_then(|below| {
        let parts = below.split('/').map(|part| part.trim_end_matches(".rs"));
        // From the file outwards: ws.rs stands in the room of HTTP's.
        parts.rev().find_map(|part| KINDS.iter().find(|kind| kind.name() == part))
    });
    let other = || PAGES.iter().find(|(start, _)| source.starts_with(start)).map(|(_, page)| *page);
    kind.map(Kind::page).or_else(other)
}

/// Stands beside a literal that is no check's fault, or above its line: an error of the command line,
/// which explains itself, what `--verbose` prints, what goes over the wire, a part of a message.
const MARK: &str = "// not a verdict";

/// Says nothing about a check's fault by its form: the grammar of the command line's errors, and
/// tables of names.
fn is_no_verdict(literal: &str) -> bool {
    let is_table = literal.split(' ').count() > 3
        && literal.bytes().all(|byte| byte.is_ascii_uppercase() || b"_ 1".contains(&byte));
    literal.starts_with("want ") || is_table
}

/// The string literals of Rust source: no byte strings, no comments, nothing of `mod tests`, of
/// attributes and of what only tests may say (clippy denies `expect`, `panic!` and assertions), and
/// none that is marked.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, here) = rest.split_at(at);
        if here.starts_with("//") {
            rest = here.split_once('\n').map_or("", |(_, rest)| rest);
        } else if here.starts_with('"') {
            let mut end = 1;
            while !here[end..].starts_with('"') {
                end += if here[end..].starts_with('\\') { 2 } else { 1 };
                while !here.is_char_boundary(end) {
                    end += 1;
                }
            }
            let start = source.len() - here.len();
            if !before.ends_with('b') && !is_marked(source, start, start + end) {
                // A backslash at the end of a line takes the next one's blanks with it.
                let lines: Vec<&str> = here[1..end].split("\\\n").collect();
                let mut joined = lines[0].to_owned();
                lines[1..].iter().for_each(|line| joined.push_str(line.trim_start()));
                found.push(joined.replace("\\\"", "\""));
            }
            rest = &here[end + 1..];
        } else if let Some(after) = here.strip_prefix('\'') {
            // A character is `'x'` or begins with a backslash; anything else is a lifetime.
            let end = match after.chars().next() {
                Some('\\') => after[2..].find('\'').map_or(0, |end| end + 3),
                Some(c) if after[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 1,
                _ => 0,
            };
            rest = &after[end..];
        } else {
            rest = &here[1..];
        }
    }
    found
}

/// What a table that is one text says: `KEY=WORDS|KEY=WORDS`. Any other literal is itself.
fn rows(literal: &str) -> Vec<&str> {
    let rows: Option<Vec<_>> = literal.split('|').map(|row| row.split_once('=')).collect();
    match rows {
        Some(rows) if rows.len() > 1 => rows.into_iter().map(|(_, words)| words).collect(),
        _ => vec![literal],
    }
}

/// Whether the literal from `start` to `end` is marked, or cannot be a message by what it is given to.
fn is_marked(source: &str, start: usize, end: usize) -> bool {
    let (before, line) = source[..start].rsplit_once('\n').unwrap_or(("", &source[..start]));
    let behind = source[end..].lines().next().unwrap_or_default();
    let above = before.lines().next_back().unwrap_or_default().trim_start();
    let tests = [".expect(", "assert", "panic!(", "reason = "];
    above.starts_with(MARK) || behind.contains(MARK) || tests.iter().any(|to| line.contains(to))
}

/// What joins the pieces of a message.
const EDGES: [char; 6] = [' ', ',', ':', ';', '(', ')'];

/// The longest piece of a message that is always the same.
fn constant(literal: &str) -> &str {
    let mut pieces = Vec::new();
    let mut rest = literal;
    while let Some((piece, after)) = rest.split_once('{') {
        pieces.push(piece);
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    pieces.push(rest);
    let trimmed = pieces.iter().map(|piece| piece.trim_matches(EDGES));
    trimmed.max_by_key(|piece| piece.len()).unwrap_or_default()
}

/// A page as one line, and the pieces of its code in which `…` stands for something.
struct Page {
    text: String,
    pieces: Vec<String>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a page");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\|", "|");
        let code = text.split('`').skip(1).step_by(2).filter(|code| code.contains('…'));
        let pieces =
            code.flat_map(|code| code.split('…').map(|piece| piece.trim_matches(EDGES).to_owned()));
        let pieces = pieces.filter(|piece| piece.len() >= 8).collect();
        Self { text, pieces }
    }

    fn explains(&self, message: &str) -> bool {
        self.text.contains(message) || self.pieces.iter().any(|piece| message.ends_with(piece))
    }
}

#[test]
fn every_message_is_explained() {
    let shared = Page::read(&root().join(SHARED));
    let mut missing = Vec::new();
    let mut explained = 0;
    for (path, source) in texts("src", &[".rs"]) {
        let name = path.strip_prefix(root().join("src")).expect("below").display().to_string();
        let Some(page) = page(&name) else {
            let of_a_check = name.starts_with("checks/")
                && !["mod.rs", "entry.rs", "kinds.rs", "schemes.rs"]
                    .contains(&&name["checks/".len()..]);
            assert!(!of_a_check, "{name}: which page of docs/ speaks of it?");
            continue;
        };
        let page = Page::read(&root().join(format!("docs/{page}.md")));
        for literal in literals(&source).iter().flat_map(|literal| rows(literal)) {
            let message = constant(literal);
            if !message.contains(' ') || is_no_verdict(literal) {
                continue;
            }
            explained += 1;
            if !page.explains(message) && !shared.explains(message) {
                missing.push(format!("{name}: {literal}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(explained > 150, "{explained} messages were found");
}

#[test]
fn literals_are_found() {
    let source = r#"
        // "no comment"
        fn a<'a>(b: &'a str) { c('"', b'\'', '\n', b"bytes", "one \"two\" \
            three") }
        #[cfg(test)]
        mod tests { "not this" }
    "#;
    let source = source.replace("        #[cfg(test)]\n        mod", "#[cfg(test)]\nmod");
    assert_eq!(literals(&source), ["one \"two\" three"]);
    let marked =
        ["a(\"b c\"); // not a verdict", "  // not a verdict: x\n a(\"b c\")", "a.expect(\"b c\")"];
    marked.iter().for_each(|source| assert_eq!(literals(source), [""; 0], "{source}"));
    assert_eq!(literals("a(\"b c\");\n// not a verdict\nd();\ne(\"f g\")"), ["b c", "f g"]);
    assert_eq!(rows("a=is one|b=is two"), ["is one", "is two"]);
    assert_eq!((rows("a=b"), rows("one|two=2")), (vec!["a=b"], vec!["one|two=2"]));
    assert_eq!(constant("a {b} is of {} bytes: {c}"), "bytes");
    assert_eq!(constant("{n} is here, {}"), "is here");
}
