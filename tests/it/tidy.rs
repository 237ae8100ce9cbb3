//! The shape of the house, enforced: arrows point downwards, and each heavy crate has one room.

use std::fs;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut todo = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let name =
                    path.strip_prefix(&root).expect("below").to_str().expect("UTF-8").to_owned();
                found.push((name, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(found.len() > 20, "the sources were found");
    found
}

/// What stands before the tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// Module by module, what it may use of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("exit", &[]),
    ("quote", &["text"]),
    ("verdict", &["quote"]),
    ("wait", &["deadline"]),
    ("deadline", &[]),
    ("file", &["text"]),
    ("text", &[]),
    ("wire", &[]),
    ("parallel", &[]),
    ("attempt", &["deadline", "verdict", "wait"]),
    ("input", &["verdict", "text"]),
    ("net", &["deadline", "verdict", "attempt", "input", "file", "text", "wire"]),
    (
        "checks",
        &["deadline", "verdict", "attempt", "input", "file", "text", "parallel", "net", "wire"],
    ),
    ("signal", &[]),
    ("watchdog", &["deadline", "verdict", "attempt", "wait", "checks", "parallel"]),
    ("plan", &["deadline", "verdict", "attempt", "wait", "checks", "signal", "watchdog"]),
    ("dropin", &["input", "checks", "verdict", "text", "file", "plan", "cli"]),
    ("cli", &["exit", "input", "checks", "plan", "file", "text", "quote"]),
    ("report", &["verdict", "plan", "cli", "text"]),
    ("install", &["file", "verdict", "net"]),
];

#[test]
fn arrows_point_downwards() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let module = name.split(['/', '.']).next().expect("a module").to_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == module) else {
            assert!(["lib", "main"].contains(&module.as_str()), "{name} has no place in the table");
            continue;
        };
        for used in code(&text).split("crate::").skip(1) {
            let used: String =
                used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if used != module && !allowed.contains(&used.as_str()) && !used.is_empty() {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// What stands behind each `prefix` in code: the first name of a path, or of each in a group.
fn used(code: &str, prefix: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        // `a_super::` and `super::super::` are others.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && c.is_alphanumeric() => {
                    start = false;
                    found.push(word(&group[at..]));
                }
                _ => {}
            }
        }
    }
    found
}

/// Which modules of the folder `room` use which: `.` is the folder's own file. What is only named
/// there for others, by `pub use`, is its module's.
fn edges(room: &str, sources: &[(String, String)]) -> Vec<(String, String)> {
    let below = |name: &str| name.strip_prefix(room).map(str::to_owned);
    let module = |below: &str| match below {
        "mod.rs" => ".".to_owned(),
        _ => below.split(['/', '.']).next().expect("a module").to_owned(),
    };
    let inside: Vec<(String, &str)> =
        sources.iter().filter_map(|(name, text)| Some((below(name)?, code(text)))).collect();
    let modules: Vec<String> = inside.iter().map(|(below, _)| module(below)).collect();
    let own = inside.iter().find(|(below, _)| below == "mod.rs").map_or("", |(_, code)| code);
    // `pub use stream::Stream;`, `pub(super) use {a::B, c::D};`
    let elsewhere = |item: &str| {
        let lines = own.split(';').filter(|line| line.contains("pub") && line.contains("use "));
        let parts = lines.flat_map(|line| line.rsplit("use ").next().unwrap_or("").split(','));
        let mut paths =
            parts.filter_map(|part| part.trim_matches(['{', '}', ' ']).split_once("::"));
        paths.find(|(_, last)| *last == item).map(|(module, _)| module.to_owned())
    };
    let mut found = Vec::new();
    for (below, code) in &inside {
        let from = module(below);
        let path = format!("crate::{}::", room.trim_end_matches('/').replace('/', "::"));
        let mut names = used(code, &path);
        match below.matches('/').count() {
            0 if below == "mod.rs" => {
                let reexports = |part: &&str| part.contains("pub") && part.contains("use ");
                let code: String = code.split(';').filter(|part| !reexports(part)).collect();
                let uses = |name: &&String| !used(&code, &format!("{name}::")).is_empty();
                names.extend(modules.iter().filter(uses).cloned());
            }
            0 => names.extend(used(code, "super::")),
            1 if below.ends_with("/mod.rs") => names.extend(used(code, "super::")),
            1 => names.extend(used(code, "super::super::")),
            _ => {}
        }
        for name in names {
            let to = match modules.contains(&name) {
                true => name,
                false => elsewhere(&name).unwrap_or_else(|| ".".to_owned()),
            };
            if to != from && !found.contains(&(from.clone(), to.clone())) {
                found.push((from.clone(), to));
            }
        }
    }
    found
}

/// The modules that lead back to themselves: what is left when those are taken away, again and
/// again, that use nobody who is left.
fn circle(mut edges: Vec<(String, String)>) -> Vec<(String, String)> {
    loop {
        let before = edges.len();
        let froms: Vec<String> = edges.iter().map(|(from, _)| from.clone()).collect();
        edges.retain(|(_, to)| froms.contains(to));
        if edges.len() == before {
            return edges;
        }
    }
}

#[test]
fn no_circle_inside_a_room() {
    let sources = sources();
    let of = |text: &[(&str, &str)]| -> Vec<(String, String)> {
        text.iter().map(|(name, code)| (format!("room/{name}"), (*code).to_owned())).collect()
    };
    // That it would be seen: a circle of two, one by way of the room's own file, and none.
    let two = of(&[("a.rs", "use super::b::B;"), ("b.rs", "use crate::room::{c, a::{A, X}};")]);
    assert_eq!(circle(edges("room/", &two)).len(), 2);
    let root = of(&[("mod.rs", "use a::A;\nfn f() {}"), ("a.rs", "use super::f;")]);
    assert_eq!(circle(edges("room/", &root)).len(), 2);
    let none = of(&[
        ("mod.rs", "pub use a::A;\npub use b::B;\npub trait T {}"),
        ("a.rs", "use super::{B, T};"),
        ("b/mod.rs", "use super::T;"),
        ("b/c.rs", "use super::x; use super::super::T;"),
    ]);
    assert_eq!(edges("room/", &none).len(), 3);
    assert!(circle(edges("room/", &none)).is_empty());
    for room in ["net/", "net/tls/", "checks/", "checks/http/", "checks/service/", "checks/local/"]
    {
        let edges = edges(room, &sources);
        assert!(edges.len() > 2, "{room}: {edges:?}");
        assert_eq!(circle(edges), [], "{room}");
    }
}

#[test]
fn checks_do_not_know_each_other_and_heavy_crates_have_one_room() {
    for (name, text) in sources() {
        let code = code(&text);
        let names = |crate_name: &str| {
            let used = format!("{crate_name}::");
            code.match_indices(&used).any(|(at, _)| !code[..at].ends_with(char::is_alphanumeric))
        };
        assert!(!names("rustls") || name.starts_with("net/tls"), "{name} names rustls");
        assert!(!names("ring") || name.starts_with("net/tls"), "{name} names ring");
        assert!(!names("httparse") || name.starts_with("checks/http/"), "{name} names httparse");
        assert!(!names("lexopt") || name == "cli/mod.rs", "{name} names lexopt");
        for print in [
            "println!",
            "eprintln!",
            "{:?}",
            "process::exit",
            "std::process::Command",
            "todo!",
            "TODO",
            // std's waits with a poll that the small build has linked away.
            "connect_timeout",
        ] {
            assert!(!code.contains(print), "{name} has {print}");
        }
        // What the environment may say: the arguments, what `${NAME}` names, and SSL_CERT_FILE.
        let asks = code.contains("env::var");
        assert!(
            !asks || ["lib.rs", "net/tls/verify.rs"].contains(&&*name),
            "{name} reads variables"
        );
        if name.starts_with("checks/service/") || name.starts_with("checks/local/") {
            let room = name.rsplit_once('/').map_or("", |(room, _)| room);
            assert!(!code.contains("crate::checks::http"), "{name} in {room} knows another check");
        }
    }
}

#[test]
fn files_stay_readable() {
    for (name, text) in sources() {
        let lines = code(&text).lines().count();
        assert!(lines <= 400, "{name} has {lines} lines before its tests: split it");
        assert!(text.starts_with("//! "), "{name} does not say what it owns");
    }
}
