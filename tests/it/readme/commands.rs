//! Finds the command lines of `healthcheck` in documents, Dockerfiles, YAML, JSON, HCL and units.

/// The arguments of each, without the program.
pub fn of(name: &str, text: &str) -> Vec<Vec<String>> {
    // Where Compose expands first, `$$` is its `$`.
    let compose = name.contains("compose") || name.contains("stack");
    let text = if compose { text.replace("$$", "$") } else { text.to_owned() };
    let mut found = arrays(&text);
    for line in text.lines() {
        let line = line.trim();
        // A line of a shell block; those behind `$ ` are run, with what they answer.
        if line.starts_with("healthcheck ") && !line.contains("[OPTIONS]") {
            found.push(words(line).split_off(1));
        }
        if name.ends_with(".md") {
            for (i, code) in line.split('`').enumerate() {
                // In a cell, `|` of the code is written as `\|`.
                let code = code.replace("\\|", "|");
                if i % 2 == 1 && code.starts_with("healthcheck ") {
                    found.push(words(&code).split_off(1));
                }
            }
        }
        if let Some(args) = line.strip_prefix("ENV HEALTHCHECK_ARGS=") {
            found.push(words(args.trim_matches('"')));
        }
        if let Some(args) = line.strip_prefix("HEALTHCHECK_ARGS: ") {
            found.push(words(args));
        }
    }
    found
}

/// `["CMD", "/healthcheck", ...]` wherever it stands, and `args: [...]` of a program or an image
/// that is `healthcheck`.
fn arrays(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('[') {
        let Some(items) = array(&text[at..]) else { continue };
        let program =
            items.iter().take(2).position(|item| item.rsplit('/').next() == Some("healthcheck"));
        if let Some(program) = program {
            let args = items[program + 1..].to_vec();
            // `["/healthcheck"]` takes its arguments from elsewhere: from `args`, or the variable.
            if !args.is_empty() {
                found.push(args);
            }
            continue;
        }
        let before = text[..at].trim_end_matches([' ', ':', '=', '"']);
        // An array at the end of `args:`, `command:`, `Exec=`: for healthcheck if one of the two lines
        // in front names it as program or image.
        if before.ends_with("args") || before.ends_with("command") {
            let near: Vec<&str> = before.lines().rev().skip(1).take(2).collect();
            if near.iter().any(|line| line.contains("healthcheck")) {
                found.push(items);
            }
        }
    }
    found
}

/// An array of quoted strings at the start of `text`.
fn array(text: &str) -> Option<Vec<String>> {
    let mut rest = text.strip_prefix('[')?.trim_start();
    let mut items = Vec::new();
    loop {
        rest = rest.strip_prefix('"')?;
        let mut item = String::new();
        loop {
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            match c {
                '"' => break,
                '\\' => {
                    item.push(rest.chars().next()?);
                    rest = &rest[1..];
                }
                '\n' => return None,
                c => item.push(c),
            }
        }
        items.push(item);
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => return rest.starts_with(']').then_some(items),
        }
        // A comma may stand before the end in HCL.
        if rest.starts_with(']') {
            return Some(items);
        }
    }
}

/// Splits as a shell does; what stands behind ` #`, `|` or `&&` is not the command's.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '#' | '|' | ';') if word.is_none() => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn finds_what_there_is() {
    let docker = "HEALTHCHECK --timeout=3s CMD [\"/healthcheck\", \"-t\", \"2s\", \"tcp://x:1\"]";
    assert_eq!(of("Dockerfile", docker), [vec!["-t", "2s", "tcp://x:1"]]);
    let compose = "healthcheck: {test: [\"CMD\", \"/healthcheck\", \":$${PORT}\"]}";
    assert_eq!(of("compose.yaml", compose), [vec![":${PORT}"]]);
    let pod = "image: ghcr.io/x/healthcheck:1\nargs: [\"tcp://x:1\"]";
    assert_eq!(of("pod.yaml", pod), [vec!["tcp://x:1"]]);
    let nomad = "command = \"/healthcheck\"\nargs = [\"tcp://x:1\",]";
    assert_eq!(of("job.hcl", nomad), [vec!["tcp://x:1"]]);
    assert_eq!(of("a.md", "| x | `healthcheck -e 'a b' \\| c` |"), [vec!["-e", "a b"]]);
    assert_eq!(words("a \"b\\\" c\" d\\ e # no"), ["a", "b\" c", "d e"]);
}
