//! What belongs to a kind of check besides its row in the table: nothing of it may be missing.

use std::fs;
use std::path::Path;

use healthcheck::checks::kinds::{KINDS, Kind};

use super::faults::kinds::{Kind as Conversation, kinds as conversations};
use super::readme::commands;

/// What decodes for these kinds has another name than they, or there is nothing to decode: whoever
/// only looks for texts reads no format.
const DECODED_BY: &[(&str, Option<&str>)] = &[
    ("tcp", None),
    ("unix", None),
    ("udp", None),
    ("tls", Some("certificate")),
    ("file", None),
    ("pid", Some("procfs")),
    ("process", Some("procfs")),
    ("listen", Some("procfs")),
    ("disk", None),
    ("memory", Some("cgroup")),
];

/// The matrix of faults is about streams to a host: datagrams have tests of their own.
const NO_STREAM: &[&str] = &["udp"];

/// What a kind lacks, in words.
fn missing(kind: &Kind, page: &str, conversations: &[Conversation]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name = kind.name();
    let mut missing = Vec::new();
    let page = format!("docs/{page}.md");
    let text = fs::read_to_string(root.join(&page)).unwrap_or_default();
    if !text.lines().next().is_some_and(|title| title.contains(&format!("{name}:"))) {
        missing.push(format!("its page, {page}, with {name}: in the title"));
    }
    let shown = commands::of(&page, &text);
    if !shown.iter().flatten().any(|arg| arg.starts_with(&format!("{name}:"))) {
        missing.push(format!("an example of a command line in {page}"));
    }
    for scheme in kind.schemes.iter().filter(|scheme| !scheme.opaque) {
        let first = format!("{}://", scheme.name);
        let tried = conversations.iter().any(|one| {
            let inside = one.tls.map(|(_, args)| args);
            [Some(one.args), inside].iter().flatten().any(|args| args[0].starts_with(&first))
        });
        // Another name for the same is the same.
        let same = |other: &&healthcheck::input::Scheme| {
            (other.port, other.secure) == (scheme.port, scheme.secure)
        };
        let alias = kind.schemes.iter().find(same).is_some_and(|other| other.name != scheme.name);
        if !tried && !alias && !NO_STREAM.contains(&name) {
            missing.push(format!("a row for {first} in tests/it/faults/kinds.rs"));
        }
    }
    let decoded_by = DECODED_BY.iter().find(|(known, _)| *known == name);
    if let Some(corpus) = decoded_by.map_or(Some(name), |(_, corpus)| *corpus)
        && !root.join("fuzz/corpus").join(corpus).is_dir()
    {
        missing.push(format!("a fuzz target in fuzz/src/targets.rs, fuzz/corpus/{corpus}"));
    }
    missing.iter().map(|what| format!("{name}: lacks {what}")).collect()
}

#[test]
fn each_kind_has_all_that_belongs_to_it() {
    let conversations = conversations();
    // The probe finds what is missing.
    let none = missing(&KINDS[0], "none", &[]);
    assert_eq!(none.len(), 4, "{none:?}");
    let lacks = |kind: &Kind| missing(kind, kind.page(), &conversations);
    let lacks: Vec<String> = KINDS.iter().flat_map(lacks).collect();
    assert_eq!(lacks, Vec::<String>::new());
}
