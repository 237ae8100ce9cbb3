//! From a call by name to what is run, or to the words of `--explain`.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::Duration;

use super::expr::{Bytes, Expr};
use super::small::globs;
use super::{OWN, World, base, find, read};
use crate::checks::TIMEOUT;
use crate::cli::expand::Env;
use crate::cli::{self, Command};
use crate::file;
use crate::input::Usage;
use crate::input::secret::SHORT;
use crate::plan::{self, Plan};
use crate::text::contains;
use crate::verdict::quote;

/// The most that is read of a `$(cat FILE)`.
const FILE: usize = 65_536;

/// A first argument without its path: probes are written with `/bin/sh` too. A route that is called so,
/// `/test`, is the slip of who leaves the host out.
fn typed(word: &[u8]) -> &[u8] {
    let name = base(word);
    let folder = word.strip_suffix(name).unwrap_or_default();
    let tools = folder.ends_with(b"bin/") || folder.ends_with(b"/busybox/");
    let tool = tools || name.contains(&b'_');
    if word.starts_with(b"/") && !word.starts_with(b"//") && tool { name } else { word }
}

/// A call by one of our names.
pub struct Named {
    /// The name, and what it was given.
    words: Vec<Vec<u8>>,
    /// `--explain`
    explains: bool,
}

impl Named {
    /// `argv`, the program's name included, when that name or the first argument is one of ours;
    /// `--explain` may stand in front of it.
    pub fn of(argv: &[OsString]) -> Option<Self> {
        let (called, mut given) = argv.split_first()?;
        let explains = given.first().is_some_and(|first| first == "--explain");
        if explains {
            given = given.get(1..).unwrap_or_default();
        }
        // Its own name is no drop-in, whatever path it has.
        let known = |name: &[u8]| name != OWN.as_bytes() && find(name).is_some();
        let name = base(called.as_bytes());
        let mut words = Vec::new();
        if known(name) {
            words.push(name.to_vec());
        } else if !given.first().is_some_and(|first| known(typed(first.as_bytes()))) {
            return None;
        }
        for word in given {
            words.push(word.as_bytes().to_vec());
        }
        Some(Self { words, explains })
    }

    /// How long files may be waited for before anything is checked: those of `$(cat FILE)`, and of
    /// this program's own `${file:...}` where it is called in a shell.
    pub fn waits(&self) -> Option<Duration> {
        let reads = |word: &Vec<u8>| {
            contains(word, b"$(") || word.contains(&b'`') || contains(word, OWN.as_bytes())
        };
        self.words.iter().any(reads).then_some(TIMEOUT)
    }

    /// What it amounts to.
    pub fn command(self, env: Env<'_>) -> Result<Command, Usage> {
        command(self.words, self.explains, env)
    }
}

fn command(words: Vec<Vec<u8>>, explains: bool, env: Env<'_>) -> Result<Command, Usage> {
    // What variables and files put into the words.
    let yielded = RefCell::new(Vec::new());
    let noted = |value: Option<Vec<u8>>| {
        yielded.borrow_mut().extend(value.as_deref().map(|value| value.trim_ascii().to_vec()));
        value
    };
    let world = World {
        variable: &|name| noted(env(OsStr::from_bytes(name)).map(OsString::into_vec)),
        file: &|path| noted(file::read(Path::new(OsStr::from_bytes(path)), FILE).ok()),
    };
    let found = read(words, world)?;
    if let Expr::Own(words) = found {
        return cli::parse(arguments(words, false), env);
    }
    let mut secrets = Vec::new();
    let expr = planned(found, env, &mut secrets)?;
    hide(found, &yielded.take(), &mut secrets);
    if !explains {
        return Ok(Command::Run(Plan { expr, wait: None, secrets }, cli::Output::default()));
    }
    let mut told = Told { all: None, words: Vec::new() };
    if !told.tell(found, None) {
        let no = "--explain: no single native command line is the same; want its checks one by one";
        return Err(Usage::new(no));
    }
    if told.all == Some(false) {
        told.words.push("--any".into());
    }
    Ok(Command::Explain(told.words))
}

/// Adds to `secrets` what of `yielded` is sent, as of native words: in a header whatever it is; in a
/// body not what is short, a number say, whose mask would spoil what is quoted.
fn hide(expr: Expr, yielded: &[Vec<u8>], secrets: &mut Vec<Vec<u8>>) {
    match expr {
        Expr::Native(words) => {
            for one in yielded {
                let sent = |word: &Bytes| {
                    let text = word.starts_with(b"--data=") || word.starts_with(b"--send=");
                    let sent = word.starts_with(b"--header=") || text && one.len() >= SHORT;
                    sent && contains(word, one)
                };
                if !one.is_empty() && words.iter().any(sent) {
                    secrets.push(one.clone());
                }
            }
        }
        Expr::Not(inner) | Expr::Within(_, inner) => hide(*inner, yielded, secrets),
        Expr::And(pair) | Expr::Or(pair) => {
            pair.iter().for_each(|one| hide(*one, yielded, secrets))
        }
        Expr::Own(_) | Expr::Settled(..) => {}
    }
}

/// The checks of `expr`, made of their arguments.
fn planned(expr: Expr, env: Env<'_>, secrets: &mut Vec<Vec<u8>>) -> Result<plan::Expr, Usage> {
    let (words, own) = match expr {
        // What a shell would put in the place of a path is not known.
        Expr::Native([file, ..])
            if file.starts_with(b"file:") && (globs(file) || contains(file, b"/cwd/~")) =>
        {
            return Err(Usage::new(quote(file) + ": want the whole path of one file"));
        }
        Expr::Native(words) => (words, false),
        Expr::Own(words) => (words, true),
        Expr::Settled(healthy, why) => {
            let always = if healthy { "always healthy: " } else { "always unhealthy: " };
            let why = [always, &String::from_utf8_lossy(why)].concat();
            return Ok(plan::Expr::Settled(healthy, why));
        }
        Expr::Not(inner) => {
            return Ok(plan::Expr::Not(Box::new(planned(*inner, env, secrets)?)));
        }
        Expr::Within(time, inner) => {
            return Ok(plan::Expr::Within(time, Box::new(planned(*inner, env, secrets)?)));
        }
        Expr::And([a, b]) | Expr::Or([a, b]) => {
            let pair = vec![planned(*a, env, secrets)?, planned(*b, env, secrets)?];
            return Ok(match expr {
                Expr::And(_) => plan::Expr::And(pair),
                _ => plan::Expr::Or(pair),
            });
        }
    };
    match cli::parse(arguments(words, !own), env)? {
        Command::Run(Plan { expr, wait: None, secrets: mut more }, _) => {
            secrets.append(&mut more);
            Ok(expr)
        }
        _ => Err(Usage::new("want checks alone in a list: no --wait, no --help")),
    }
}

/// As the product reads them: its own `${...}` is none of a shell's text (`literal`).
fn arguments(words: &[Bytes], literal: bool) -> Vec<OsString> {
    let mut all = Vec::new();
    for word in words {
        let mut out = Vec::new();
        let mut rest = *word;
        while let [first, more @ ..] = rest {
            if literal && rest.starts_with(b"${") {
                out.push(b'$');
            }
            out.push(*first);
            rest = more;
        }
        all.push(OsString::from_vec(out));
    }
    all
}

/// One command line that is the same.
struct Told {
    words: Vec<OsString>,
    /// Whether its checks are joined by `&&`, once that is known.
    all: Option<bool>,
}

impl Told {
    /// Adds `expr`, where that can be.
    fn tell(&mut self, expr: Expr, time: Option<Duration>) -> bool {
        match expr {
            Expr::Native(given) => {
                self.words.append(&mut arguments(given, true));
                let bound = given.iter().any(|one| one.starts_with(b"--timeout"));
                if let Some(time) = time.filter(|_| !bound) {
                    let ms = time.as_millis().to_string();
                    self.words.push(["--timeout=", &ms, "ms"].concat().into());
                }
                true
            }
            Expr::Own(given) => {
                self.words.append(&mut arguments(given, false));
                true
            }
            Expr::Not(Expr::Native([file] | [file, b"--file-type=file"]))
                if file.starts_with(b"file:") =>
            {
                self.words.append(&mut arguments(&[file, b"--absent"], true));
                true
            }
            Expr::And([a, b]) | Expr::Or([a, b]) => {
                let and = matches!(expr, Expr::And(_));
                self.all.replace(and).is_none_or(|known| known == and)
                    && self.tell(*a, time)
                    && self.tell(*b, time)
            }
            Expr::Within(shorter, inner) => {
                self.tell(*inner, Some(time.map_or(shorter, |time| time.min(shorter))))
            }
            Expr::Not(_) | Expr::Settled(..) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_text_are_waited_for_so_long() {
        let waits = |argv: &[&str]| {
            let argv: Vec<OsString> = argv.iter().map(OsString::from).collect();
            Named::of(&argv).map(|named| named.waits())
        };
        let bounded = Some(Some(TIMEOUT));
        assert_eq!(waits(&["/bin/sh", "-c", "kill -0 $(cat /run/pid)"]), bounded);
        assert_eq!(waits(&["/bin/sh", "-c", "kill -0 `cat /run/pid`"]), bounded);
        assert_eq!(waits(&["x", "sh", "-c", "/healthcheck http://a/${file:/x}"]), bounded);
        assert_eq!(waits(&["x", "curl", "http://healthy/"]), Some(None));
        assert_eq!(waits(&["x", "http://curl"]), None);
        assert_eq!(waits(&["/usr/bin/healthcheck", "/usr/bin/curl"]), Some(None));
        assert_eq!(waits(&["x", "--explain", "/bin/sh", "-c", "$(cat f)"]), bounded);
        assert_eq!(waits(&["x", "/grpc_health_probe"]), Some(None));
        for no in
            ["//curl", "bin/curl", "/curl/", "/run/curl.sock", "/test", "/usr/bin/healthcheck"]
        {
            assert_eq!(waits(&["/usr/bin/healthcheck", no]), None, "{no}");
        }
        assert_eq!(waits(&["healthcheck", "--explain", "wget"]), Some(None));
    }
}
