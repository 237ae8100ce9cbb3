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
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
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
    ("parallel", &[]),
    ("attempt", &["deadline", "verdict", "wait"]),
    ("input", &["verdict", "text"]),
    ("net", &["deadline", "verdict", "attempt", "input", "file", "text"]),
    ("checks", &["deadline", "verdict", "attempt", "input", "file", "text", "parallel", "net"]),
    ("signal", &[]),
    ("watchdog", &["deadline", "verdict", "attempt", "wait", "checks", "parallel"]),
    ("plan", &["deadline", "verdict", "attempt", "wait", "checks", "signal", "watchdog"]),
    ("dropin", &["input", "verdict", "text"]),
    ("cli", &["input", "checks", "plan", "file", "text"]),
    ("report", &["verdict", "plan", "cli"]),
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
