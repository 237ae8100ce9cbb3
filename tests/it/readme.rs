//! README, `docs/` and `examples/`: every command line in them parses, every transcript is run,
//! every option they name exists.

pub mod commands;
mod gallery;
#[path = "../../examples/manpage.rs"]
mod manpage;
mod messages;

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use healthcheck::checks::kinds::{KINDS, Kind};
use healthcheck::cli;
use healthcheck::input::Secure;
use healthcheck::input::flags::{Group, ROWS, Takes};

use super::support::{check, exe, finish, flavour, run, server};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose names end like that, with their text.
fn texts(folder: &str, ends: &[&str]) -> Vec<(PathBuf, String)> {
    let mut todo = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()),
            );
        } else if ends.is_empty()
            || ends.iter().any(|end| path.to_str().is_some_and(|path| path.ends_with(end)))
        {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text));
        }
    }
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    let mut all = texts("docs", &[".md"]);
    all.extend(texts("README.md", &[]));
    all.extend(texts("CONTRIBUTING.md", &[]));
    assert!(all.len() > 10, "the documents were found");
    all
}

/// Whether the command line parses, in an environment that has every variable; what is wrong else.
/// The same code as the executable's, which would go on to connect.
fn parses(args: &[String]) -> Result<(), String> {
    // A secret that is not there is an error of its own, and rightly so.
    let args = args.iter().map(|arg| match arg.split_once("${file:") {
        Some((before, after)) => {
            let (_, after) = after.split_once('}').expect("a closing brace");
            assert!(!after.contains("${file:"), "one secret an argument: {arg}");
            OsString::from(format!("{before}s3cret{after}"))
        }
        None => OsString::from(arg),
    });
    let env = |name: &std::ffi::OsStr| {
        Some(OsString::from(match name.to_str()? {
            "PORT" => "8080",
            "HEALTHCHECK_ARGS" => "http://localhost:8080/",
            _ => "value",
        }))
    };
    match cli::parse(args.collect(), &env) {
        Ok(_) => Ok(()),
        Err(usage) => Err(usage.to_string()),
    }
}

#[test]
fn every_command_line_parses() {
    assert!(
        parses(&["--expct".into(), "x".into(), "tcp://x:1".into()]).is_err(),
        "the probe works"
    );
    let mut found = 0;
    let mut wrong = Vec::new();
    let mut all = documents();
    all.extend(texts("examples", &[]));
    // The manual's, as they are shown.
    let manual = texts("docs", &["manual-head.roff"]).into_iter();
    all.extend(manual.map(|(path, text)| (path, text.replace("\\-", "-"))));
    for (path, text) in all {
        let name = path.strip_prefix(root()).expect("below").display().to_string();
        for args in commands::of(&name, &text) {
            found += 1;
            if let Err(usage) = parses(&args) {
                wrong.push(format!("{name}: healthcheck {}: {usage}", args.join(" ")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(found > 100, "{found} command lines were found");
}

#[test]
fn transcripts_are_what_the_executable_says() {
    let port = server(|mut stream| {
        // One piece, whatever it is, as the demo server reads it: TLS is hung up on.
        let mut head = [0; 16_384];
        let n = stream.read(&mut head).unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        let (status, body) = match head.split(' ').nth(1) {
            Some("/healthz") => ("200 OK", "{\"status\":\"ok\"}\n"),
            Some("/sick") => ("503 Service Unavailable", "{\"db\":\"timeout\"}\n"),
            _ => ("404 Not Found", "GET /healthz, GET /hang, POST /sick, POST /well\n"),
        };
        if head.starts_with("GET ") {
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            finish(stream);
        }
    });
    let port = format!(":{port}");
    let mut ran = 0;
    for (path, text) in documents() {
        assert!(!text.contains("```console\n"), "{}: console demo, which is run", path.display());
        for block in blocks(&text, "console demo") {
            for transcript in block.split("$ healthcheck ").skip(1) {
                let (line, want) = transcript.split_once('\n').expect("an output");
                let args = commands::words(&line.replace(":8080", &port));
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let run = check(&args);
                let got = (run.out + &run.err).replace(&port, ":8080");
                assert_eq!(timeless(&got), timeless(want), "{}: {line}", path.display());
                ran += 1;
            }
        }
    }
    assert!(ran >= 5, "{ran} transcripts were found");
}

/// Without what differs from run to run: durations.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, digits) = rest.split_at(at);
        out.push_str(before);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(end);
        let is_time = after.starts_with(" ms") || before.ends_with("elapsed_ms\":");
        out.push_str(if is_time { "N" } else { number });
        rest = after;
    }
    out + rest
}

/// The fenced blocks with exactly this information string.
fn blocks<'a>(text: &'a str, info: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (i, part) in text.split("```").enumerate() {
        let (head, body) = part.split_once('\n').unwrap_or((part, ""));
        if i % 2 == 1 && head.trim() == info {
            found.push(body);
        }
    }
    found
}

/// They are run, too: tests/docker/suite_documents.py.
#[test]
fn shell_blocks_are_shell_and_make_knows_its_targets() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    let mut found = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "sh") {
            found += 1;
            let status = Command::new("bash").args(["-n", "-c", block]).status().expect("bash");
            assert!(status.success(), "{}:\n{block}", path.display());
        }
        for target in text.split("make ").skip(1).filter_map(|rest| {
            rest.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
                .next()
                .filter(|_| text.contains("`make "))
        }) {
            let quoted = text.contains(&format!("`make {target}`"));
            assert!(
                !quoted || makefile.contains(&format!("\n{target}:")),
                "{}: make {target}",
                path.display()
            );
        }
    }
    assert!(found > 10, "{found} shell blocks were found");
}

#[test]
fn every_option_that_is_named_exists() {
    // Of other programs, in the columns and sentences that speak of those.
    const OTHERS: &[&str] = &[
        "spider",
        "unix-socket",
        "resolve",
        "eval",
        "read-only",
        "cap-drop",
        "network",
        "user",
        "memory",
        "health-cmd",
        "format",
        "target",
        "interval",
        "timeout",
        "retries",
        "start-period",
        "start-interval",
        "from",
        "check",
        "checksum",
        "chmod",
        "env",
        "health-max-log-size",
        "ignore-missing",
        "certificate-oidc-issuer",
        "certificate-identity",
        "bundle",
        "repo",
        "predicate-type",
        "example",
        "connect",
        // A mistake that is shown.
        "expct",
        "requirepass",
        "locked",
        "health",
        "mount",
        "ping",
        "metrics",
    ];
    for (path, text) in documents() {
        for (at, _) in text.match_indices("--") {
            if text[..at].ends_with(|c: char| c.is_alphanumeric() || "-.|<!:".contains(c)) {
                continue;
            }
            let name: String = text[at + 2..]
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
                .collect();
            let name = name.trim_end_matches('-');
            if name.is_empty() || text[at + 2..].starts_with(['>', '-']) || OTHERS.contains(&name) {
                continue;
            }
            // `--expect…` stands for all of them.
            let known = ROWS.iter().any(|row| row.is(name));
            assert!(known, "{}: --{name} is no option", path.display());
        }
    }
}

#[test]
fn the_readme_lists_all_options_as_the_help_does() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, rest) = readme.split_once("-- options` -->\n").expect("the mark of the options");
    let (table, _) = rest.split_once("<!-- end of options -->").expect("its end");
    assert_eq!(table, manpage::options(), "cargo run --example manpage -- options");
}

/// The cells of the README's first table of a section, row by row.
fn table(readme: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = readme.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let (section, _) = rest.split_once("\n## ").expect("the next heading");
    let lines = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    // In a cell, `|` of the code is written as `\|`.
    let cells = |row: &str| {
        let row = row.replace("\\|", "\0");
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        cells.iter().map(|cell| cell.trim().replace('\0', "|")).collect()
    };
    rows.map(cells).collect()
}

/// What stands between backquotes.
fn codes(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn each_kind_of_target_has_a_row_and_a_page() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let rows = table(&readme, "What it checks");
    assert_eq!(rows.len(), KINDS.len(), "a row for each kind");
    assert!(readme.contains(&format!("**{} kinds of targets**", rows.len())), "their number");
    for kind in KINDS {
        let (name, link) = (kind.name(), format!("docs/{}.md", kind.page()));
        let is_its = |row: &&Vec<String>| row[0].starts_with(&format!("[`{name}:"));
        let row = rows.iter().find(is_its).unwrap_or_else(|| panic!("{name}: has no row"));
        assert!(row[0].contains(&format!("]({link}")), "{name}: {link} is not linked");
        let page = fs::read_to_string(root().join(&link)).expect(&link);
        let title = page.lines().next().expect("a title");
        assert!(title.contains(&format!("{name}:")), "{link} does not speak of {name}: {title}");
        assert!(page.contains("\n| message | means |\n"), "{link} does not say what messages mean");
        for other in kind.schemes.iter().skip(1).map(|scheme| scheme.name) {
            assert!(readme.contains(&format!("`{other}://`")), "{other}:// is not in the README");
            assert!(page.contains(&format!("{other}://")), "{other}:// is not in {link}");
        }
    }
}

/// The kind that `scheme` is one of.
fn kind_of(scheme: &str) -> &'static Kind {
    let has = |kind: &&Kind| kind.schemes.iter().any(|known| known.name == scheme);
    KINDS.iter().find(has).unwrap_or_else(|| panic!("{scheme}: no kind has this scheme"))
}

/// A target of that scheme, and what it does not go without.
fn example(scheme: &str) -> Vec<String> {
    let kind = kind_of(scheme);
    commands::words(&kind.example().replacen(kind.name(), scheme, 1))
}

/// The schemes that begin with a TLS handshake.
fn secure() -> Vec<&'static str> {
    let schemes = KINDS.iter().flat_map(|kind| kind.schemes);
    schemes.filter(|scheme| scheme.secure == Secure::Always).map(|scheme| scheme.name).collect()
}

/// The schemes of a row's first cell.
fn schemes(cell: &str) -> Vec<&str> {
    let mut known: Vec<&str> =
        codes(cell).iter().filter_map(|form| Some(form.split_once(':')?.0)).collect();
    known.dedup();
    known
}

#[test]
fn flavours_have_everything_but_what_the_readme_says() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let plain = flavour("plain");
    let mut refused = Vec::new();
    for row in table(&readme, "What it checks") {
        for scheme in schemes(&row[0]) {
            let mut command = Command::new(&plain);
            let ran = run(command.args(example(scheme)).args(["-t", "500ms"]).env_clear());
            if ran.err.ends_with(": this build of healthcheck has no TLS; want the image tag or file without \"-plain\"\n") {
                assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
                refused.push(scheme.to_owned());
            } else {
                assert!(ran.err.is_empty() && ran.out.contains("healthy: "), "{ran:?}");
            }
        }
    }
    let in_order = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(in_order(refused), in_order(secure().into_iter().map(String::from).collect()));
    for (exe, features) in [
        (exe(), "tls services drop-in"),
        (plain, "services"),
        (flavour("loopback"), "tls services drop-in loopback-only"),
    ] {
        let version = run(Command::new(exe).arg("--version").env_clear()).out;
        assert!(version.contains(&format!("\nfeatures: {features}\n")), "{version}");
    }
}

#[test]
fn each_kind_takes_the_options_of_its_row_and_no_others() {
    let value = |takes: Takes| match takes {
        Takes::Nothing => None,
        Takes::Maybe(_) => Some("1"),
        Takes::Value(what) => Some(match what {
            "ADDR" => "localhost:1",
            "DURATION" => "1s",
            "LIST" => "200",
            "N" | "SIZE" => "1",
            "NAME: VALUE" => "name: value",
            "PERCENT" | "SIZE|PERCENT" => "5%",
            "POINTER=VALUE" => "/pointer=value",
            "TYPE" => "A",
            "FLAGS:TEXT" => ":x",
            "file|directory|socket|fifo" => "file",
            "name|part|arguments" => "name",
            "USER:PASS" => "user:pass",
            // A file, a text, a name: whatever it is.
            _ => "x",
        }),
    };
    let takes = |args: &[String], row: &healthcheck::input::flags::Row| {
        let mut args = args.to_vec();
        // What the example does not go without stands once.
        if let Some(at) = args.iter().position(|arg| *arg == format!("--{}", row.long())) {
            args.drain(at..at + 2);
        }
        args.push(format!("--{}", row.long()));
        args.extend(value(row.takes()).map(str::to_owned));
        // A key wants its certificate, which stands in the same group.
        if row.is("key") {
            args.extend(["--cert".into(), "x".into()]);
        }
        let refused = parses(&args);
        let not_taken = |why: &String| why.contains(": does not take --");
        assert!(refused.as_ref().err().is_none_or(not_taken), "{args:?}: {refused:?}");
        refused.is_ok()
    };
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let mut count = 0;
    for row in table(&readme, "What it checks") {
        let own: Vec<&str> = codes(&row[2]).iter().flat_map(|code| code.split(' ')).collect();
        for scheme in schemes(&row[0]) {
            count += 1;
            let local = row[0].contains("](docs/local.md");
            let secure = secure().contains(&scheme);
            let args = example(scheme);
            for option in ROWS.iter().filter(|option| option.group != Group::Run) {
                let short = option.short.map(|short| format!("-{short}"));
                let named = |name: &&str| {
                    Some(*name) == short.as_deref() || *name == format!("--{}", option.long())
                };
                // As the paragraph below the table has it.
                let common = match (option.group, option.long()) {
                    (Group::Every, _) => true,
                    (_, "connect-to" | "ipv4" | "ipv6") => !local && scheme != "unix",
                    (_, "proxy-protocol") => !local && !["unix", "udp", "dns"].contains(&scheme),
                    (Group::Tls, long) => secure && long != "tls",
                    _ => false,
                };
                let wanted = common || own.iter().any(named);
                assert_eq!(takes(&args, option), wanted, "{scheme}, --{}", option.long());
                // TLS that comes later has its options too.
                if option.group == Group::Tls && option.long() != "tls" {
                    for (later, with) in [
                        ("--tls", vec!["--tls".to_owned()]),
                        ("--follow", vec!["--follow=1".to_owned()]),
                    ] {
                        if own.contains(&later) {
                            let args = [&args[..], &with[..]].concat();
                            assert!(takes(&args, option), "{args:?}, --{}", option.long());
                        }
                    }
                }
            }
        }
    }
    let known: usize = KINDS.iter().map(|kind| kind.schemes.len()).sum();
    assert_eq!((count, count >= 30), (known, true), "schemes in the table");
}

#[test]
fn what_it_replaces_is_in_the_table_of_replacements() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (_, rest) = readme.split_once("\nIt replaces ").expect("the sentence");
    let (sentence, _) = rest.split_once(";").expect("its end");
    let rows = table(&readme, "Instead of …");
    for program in codes(sentence) {
        let has = |row: &Vec<String>| {
            codes(&row[0]).iter().any(|code| program.split(' ').all(|word| code.contains(word)))
        };
        assert!(rows.iter().any(has), "{program} is replaced by what?");
    }
}

#[test]
fn a_release_has_the_files_and_tags_that_the_readme_names() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml"));
    let workflow = workflow.expect("the workflow");
    let (_, rest) = readme.split_once("\namd64, arm64, ").expect("the architectures");
    let (names, _) = rest.split_once(", by one recipe").expect("their end");
    let named = names.split([',', ' ']).filter(|word| !["", "and"].contains(word));
    let (_, rest) =
        workflow.split_once("--platform linux/amd64,linux/arm64,").expect("two of them");
    let (built, _) = rest.split_once(' ').expect("the end of the option");
    let built: Vec<&str> = built.split(',').map(|one| one.trim_start_matches("linux/")).collect();
    assert_eq!(named.collect::<Vec<&str>>(), built);
    // What is in an image is compared with the file of the release, for each of them.
    for docker in ["amd64", "arm64"].iter().chain(&built) {
        assert!(workflow.contains(&format!(" {docker}:")), "{docker} is compared");
    }
    // `1` stands for the major version and what is behind it; of the flavours, for all three.
    let version = env!("CARGO_PKG_VERSION");
    let (minor, _) = version.rsplit_once('.').expect("a patch level");
    let (major, _) = minor.split_once('.').expect("a minor version");
    let tags = [("$version", version), ("${version%.*}", minor), ("${version%%.*}", major)];
    for row in table(&readme, "Flavours") {
        for tag in codes(&row[0]) {
            let (number, flavour) = tag.split_once('-').unwrap_or((tag, ""));
            let (form, _) = tags.iter().find(|(_, of)| *of == number).expect(tag);
            let flavour = if flavour.is_empty() { String::new() } else { format!("-{flavour}") };
            assert!(workflow.contains(&format!("\"{form}{flavour}\"")), "{tag}");
        }
    }
}

#[test]
fn the_decisions_fit_a_terminal() {
    for name in ["DESIGN.md", "docs/measurements.md"] {
        let text = fs::read_to_string(root().join(name)).expect(name);
        assert!(text.lines().count() > 100, "{name} is there");
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
        assert_eq!(long, Vec::<&str>::new(), "{name}: lines over 100 columns");
    }
}

#[test]
fn the_crate_is_installed_under_its_own_name() {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let name = env!("CARGO_PKG_NAME");
    assert_ne!(name, "healthcheck", "another project's");
    for how in ["install", "binstall"] {
        assert!(readme.contains(&format!("\ncargo {how} {name} ")), "cargo {how} {name}");
    }
    // Where `cargo binstall` looks is where a release has the executable.
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let (_, rest) = manifest.split_once("\npkg-url = \"").expect("where");
    let (url, _) = rest.split_once('"').expect("its end");
    let file = url.strip_prefix("{ repo }/releases/download/v{ version }/").expect("a release's");
    let filled = file.replace("{ version }", "$version").replace("{ target-arch }", "$arch");
    let release = fs::read_to_string(root().join("scripts/release")).expect("the script");
    assert!(release.contains(&format!("\"$out/{filled}$flavour\"")), "{filled}");
}

/// `name=value` of each line that begins with this, quotes off.
fn assignments<'a>(text: &'a str, begin: &str) -> Vec<(&'a str, &'a str)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(begin));
    let pairs = lines.filter_map(|line| line.trim_end_matches(" \\").split_once('='));
    pairs.map(|(name, value)| (name, value.trim_matches('"'))).collect()
}

#[test]
fn the_index_is_annotated_as_its_images_are_labelled() {
    let dockerfile = fs::read_to_string(root().join("Dockerfile")).expect("a Dockerfile");
    let dockerfile = dockerfile.replace("LABEL ", "");
    let mut labels = assignments(&dockerfile, "org.opencontainers.image.");
    let workflow = fs::read_to_string(root().join(".github/workflows/release.yml"));
    let workflow = workflow.expect("the workflow");
    let (_, rest) = workflow.split_once(" annotations=(\n").expect("the annotations");
    let (list, _) = rest.split_once("\n          )\n").expect("their end");
    let mut annotations = assignments(list, "");
    annotations
        .iter_mut()
        .filter(|(name, _)| *name == "revision")
        .for_each(|(_, value)| *value = "$REVISION");
    annotations
        .iter_mut()
        .filter(|(name, _)| *name == "version")
        .for_each(|(_, value)| *value = "$VERSION");
    labels.sort_unstable();
    annotations.sort_unstable();
    assert_eq!(labels, annotations);
    for wanted in ["title", "description", "url", "documentation", "licenses"] {
        assert!(labels.iter().any(|(name, _)| *name == wanted), "{wanted}: {labels:?}");
    }
    // Each flavour's SBOM and provenance are attested to its image too, not to files only.
    for digest in ["digest", "digest-plain", "digest-loopback"] {
        let subject = format!("subject-digest: ${{{{ steps.images.outputs.{digest} }}}}\n");
        assert_eq!(workflow.matches(&subject).count(), 2, "{digest}");
    }
}

/// What a gate of size-budget.toml allows, written with commas.
fn limit(section: &str, key: &str) -> String {
    figure("size-budget.toml", section, key)
}

fn figure(file: &str, section: &str, key: &str) -> String {
    let figures = fs::read_to_string(root().join(file)).expect(file);
    let (_, rest) = figures.split_once(&format!("\n[{section}]\n")).expect(section);
    let mut lines = rest.lines().take_while(|line| !line.starts_with('['));
    let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    line.expect(key).replace('_', ",")
}

#[test]
fn the_pictures_show_what_the_record_has() {
    let number = |text: &str| text.replace([',', ' '], "").trim_end_matches("KiB").parse::<u64>();
    for theme in ["light", "dark"] {
        let picture = fs::read_to_string(root().join(format!("docs/figures-{theme}.svg")));
        let picture = picture.expect("a picture");
        // Our own rows: bytes, instructions, system calls, memory, time; of http with everything,
        // without TLS, for this machine alone; of https.
        let ours: Vec<&str> = picture
            .split("class=\"v\">")
            .skip(1)
            .filter_map(|rest| rest.split('<').next())
            .collect();
        assert_eq!(ours.len(), 20, "{theme}: {ours:?}");
        assert!(ours.iter().skip(4).step_by(5).all(|time| time.ends_with(" ms")), "{ours:?}");
        assert!(
            picture.contains(">checks in one call<") && picture.contains(">bytes of the body<")
        );
        for (at, section, key) in [
            (0, "bytes.x86_64", "default"),
            (1, "http", "instructions"),
            (2, "http", "syscalls"),
            (3, "http", "peak_kib"),
            (5, "bytes.x86_64", "plain"),
            (10, "bytes.x86_64", "plain-loopback"),
            (15, "bytes.x86_64", "default"),
            (17, "https", "syscalls"),
            (18, "https", "peak_kib"),
        ] {
            // Drawn for a release, not for each fix; memory varies from run to run.
            let recorded = figure("bench/record.toml", section, key);
            let (shown, recorded) = (number(ours[at]), number(&recorded));
            let (shown, recorded) = (shown.expect(ours[at]), recorded.expect(key));
            assert!(
                shown.abs_diff(recorded) <= recorded / 10,
                "{theme}: {section}, {key}: {shown}, the record has {recorded}: make bench figures"
            );
        }
    }
}

#[test]
fn bytes_are_those_that_the_gate_allows() {
    let limit = |flavour: &str| limit("bytes.x86_64", flavour);
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let (default, plain) = (limit("default"), limit("plain"));
    let small = format!("without TLS below {plain} bytes, with TLS below {default};");
    assert!(readme.contains(&small), "want: {small}");
    for (tag, bytes) in
        [("`1`,", &default), ("`1-plain`", &plain), ("`1-loopback`", &limit("loopback"))]
    {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {tag}")));
        let row = row.expect(tag);
        assert!(row.contains(&format!("| below {bytes} |")), "want below {bytes}: {row}");
    }
}

#[test]
fn the_manual_is_current() {
    let page = fs::read_to_string(root().join("docs/healthcheck.1")).expect("a manual");
    assert!(page == manpage::manual(), "cargo run --example manpage > docs/healthcheck.1");
    // What one looks for comes before the options.
    let at = |heading: &str| page.find(&format!("\n.SH {heading}\n")).expect(heading);
    let order = ["EXAMPLES", "DESCRIPTION", "TARGETS", "MESSAGES", "OPTIONS"].map(at);
    assert!(order.is_sorted(), "{order:?}");
    assert!(page.contains("\n.B connecting to ADDRESS: Connection refused (os error 111)\n"));
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in documents() {
        for (at, _) in text.match_indices("](") {
            let link = text[at + 2..].split(')').next().expect("a link");
            if link.starts_with("http") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            assert!(to.exists(), "{}: {link}", path.display());
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&to).expect("text");
                let known = headings
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| slug(line) == anchor);
                assert!(known, "{}: {link}", path.display());
            }
        }
    }
}

#[test]
fn each_example_has_a_row_that_says_how_it_was_tried() {
    let readme = fs::read_to_string(root().join("examples/README.md")).expect("a README");
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(root().join("examples").join(folder)).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("text");
        entries.map(|entry| folder.to_owned() + &name(entry.expect("an entry"))).collect()
    };
    let mut all = [names(""), names("images/")].concat();
    // The manual's maker is an example to cargo alone.
    all.retain(|name| !["README.md", "images", "manpage.rs"].contains(&name.as_str()));
    assert!(all.len() > 15, "{all:?}");
    for name in all {
        let row = readme.lines().find(|line| {
            line.starts_with("| ")
                && [")", "/)"].iter().any(|end| line.contains(&format!("]({name}{end}")))
        });
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        let tried = row.trim_matches('|').split('|').nth(2).expect("a third cell");
        assert!(!tried.trim().is_empty(), "{name}: how was it tried?");
    }
}

/// As GitHub makes anchors of headings.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn versions_of_platforms_are_those_of_their_page() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect(path);
    let (readme, page) = (read("README.md"), read("docs/platforms.md"));
    let (_, table) = readme.split_once("| platform | run by |").expect("the table");
    let mut seen = 0;
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let words = row.split([' ', ',', ';', '|', '\'']).filter(|word| word.contains('.'));
        for version in words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
            assert!(page.contains(version), "{version} is not in docs/platforms.md: {row}");
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen} versions");
}
