//! The names that health checks are written in: `curl`, `sh -c`, `pg_isready` and so on, read and
//! turned into this program's own arguments. Nothing is started, nothing is written.
//!
//! Each name is one pure function: words and variables in, an expression over native arguments out.

mod curl;
pub mod expr;
mod grep;
mod options;
mod program;
mod services;
mod shell;
mod small;
mod test;
mod wget;

use crate::input::Usage;
use crate::text::{Wrong, rsplit_once};
use crate::verdict::quote;
use expr::{Bytes, Expr, Output, Reads, Value};

pub use program::Named;

/// What the words may ask for.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// An environment variable.
    pub variable: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
    /// A file's content, for `$(cat FILE)`.
    pub file: &'a dyn Fn(&[u8]) -> Option<Vec<u8>>,
}

/// One name: its spellings, its function, and what is written in its place.
#[derive(Debug)]
pub struct Name {
    /// Separated by blanks.
    pub names: &'static str,
    /// Words in, an expression out.
    read: fn(&Call<'_>) -> Result<Reads, Wrong>,
    /// The native spelling, for messages.
    pub native: &'static str,
}

const fn name(
    names: &'static str,
    read: fn(&Call<'_>) -> Result<Reads, Wrong>,
    native: &'static str,
) -> Name {
    Name { names, read, native }
}

/// Every name that is read; what a shell alone reads (`exit`, `echo`) is the shell's.
pub static NAMES: &[Name] = &[
    name("curl", curl::read, "http://HOST:PORT/PATH --expect TEXT"),
    name("wget", wget::read, "http://HOST:PORT/PATH --expect TEXT"),
    name("sh bash ash dash", shell::read, "TARGET TARGET, or --any TARGET TARGET"),
    name("pg_isready", services::pg_isready, "postgres://HOST:PORT"),
    name("redis-cli valkey-cli", services::redis_cli, "redis://HOST:PORT"),
    name("mysqladmin mariadb-admin", services::mysqladmin, "mysql://HOST:PORT"),
    name("nc ncat netcat", services::nc, "tcp://HOST:PORT --send TEXT --expect TEXT"),
    name("mongosh mongo", services::mongosh, "mongodb://HOST:PORT"),
    name("test [ [[", test::read, "file:///PATH"),
    name("pgrep", small::pgrep, "process:NAME"),
    name("pidof", small::pidof, "process:NAME"),
    name("kill", small::kill, "pid:NUMBER"),
    name("cat", small::cat, "file:///PATH --expect TEXT"),
    name("grep egrep fgrep", grep::read, "TARGET --expect TEXT, or --grep FLAGS:TEXT"),
    name("grpc_health_probe", services::grpc_health_probe, "grpc://HOST:PORT/SERVICE"),
    name("timeout", small::timeout, "--timeout 3s TARGET"),
    name("true :", |_| Ok(Reads::settled(true, "true")), ""),
    name("false", |_| Ok(Reads::settled(false, "false")), ""),
    name(OWN, native, ""),
];

/// As an image calls this program.
const OWN: &str = "healthcheck";

/// The row of a name, which may have a path in front of it.
pub fn find(word: &[u8]) -> Option<(&'static Name, &'static str)> {
    let word = str::from_utf8(word).ok()?;
    let base = rsplit_once(word, b'/').map_or(word, |(_, base)| base);
    NAMES.iter().find_map(|row| Some((row, row.names.split(' ').find(|name| *name == base)?)))
}

/// The words of one call.
pub struct Call<'a> {
    /// As the table has it.
    name: &'static str,
    native: &'static str,
    /// What follows the name.
    words: &'a [Value],
    /// What a pipe brings.
    stdin: Option<Reads>,
    world: World<'a>,
    /// How many calls this one is in.
    depth: u8,
}

/// A probe of more calls in calls was written to be misread.
const DEPTH: u8 = 16;

impl Call<'_> {
    /// The words, of which none may be what a check is yet to find.
    fn texts(&self) -> Result<Vec<Bytes>, Wrong> {
        let mut texts = Vec::new();
        for word in self.words {
            match word {
                Value::Text(text) => texts.push(*text),
                Value::Reads(_) => return Err(self.refuse("what a check puts out is no option")),
            }
        }
        Ok(texts)
    }

    /// That `word` is not read here, and what is.
    #[inline(never)]
    fn wrong(&self, word: &[u8], want: &str) -> Wrong {
        // What is behind an equals sign may be a secret.
        let end = word.iter().position(|byte| *byte == b'=').filter(|_| word.starts_with(b"-"));
        let word = quote(word.get(..end.unwrap_or(word.len())).unwrap_or_default());
        self.refuse(&["'", &word, "' is not read here, want ", want].concat())
    }

    /// What is wrong, with the native spelling.
    #[inline(never)]
    fn refuse(&self, what: &str) -> Wrong {
        let natively = if self.native.is_empty() { "" } else { "; natively: healthcheck " };
        [self.name, ": ", what, natively, self.native].concat().into()
    }

    /// A variable as this call's process would see it.
    fn variable(&self, name: &str) -> Bytes {
        (self.world.variable)(name.as_bytes()).unwrap_or_default().leak()
    }
}

/// Reads `words`, whose first is a name.
#[inline(never)]
fn call(
    words: &[Value],
    stdin: Option<Reads>,
    world: World<'_>,
    depth: u8,
) -> Result<Reads, Wrong> {
    let (word, words) = words.split_first().unwrap_or((&Value::Text(b""), &[]));
    let Some((row, name)) = find(word.text()) else { return Err(unknown(word.text())) };
    let call = Call { name, native: row.native, words, stdin, world, depth };
    if depth > DEPTH {
        return Err(call.refuse("want fewer calls in calls"));
    }
    let reads = "nc ncat netcat mongosh mongo cat grep egrep fgrep timeout";
    if stdin.is_some() && !reads.split(' ').any(|one| one == name) {
        return Err(call.refuse("a pipe into this is not read here, want one into grep"));
    }
    (row.read)(&call)
}

/// That a command is not read here, and what would be written in its place.
fn unknown(word: &[u8]) -> Wrong {
    /// By words that contain the name: name and place by turns.
    const INSTEAD: &str = "jq http://HOST:PORT/PATH --expect-json /status=UP|psql postgres://HOST:PORT\
        |mysql mysql://HOST:PORT|find file:///PATH --max-age 60s|stat file:///PATH --max-age 60s\
        |ps process:NAME|ss listen:PORT|python http://HOST:PORT/PATH|node http://HOST:PORT/PATH\
        | TARGET; --help lists them";
    let word = quote(word);
    let mut text = ["'", &word, "' is not read here, want one of"].concat();
    for row in NAMES {
        text.push(' ');
        text.push_str(crate::text::before(row.names, b" ").0);
    }
    for one in INSTEAD.split('|') {
        let (name, instead) = crate::text::before(one, b" ");
        if crate::text::contains(word.as_bytes(), name.as_bytes()) {
            text.push_str("; natively: healthcheck");
            text.push_str(instead);
            break;
        }
    }
    text.into()
}

/// This program in a shell: its arguments as they are.
fn native(call: &Call<'_>) -> Result<Reads, Wrong> {
    Ok(Reads { expr: Expr::Own(call.texts()?.leak()), output: Output::Unknown })
}

/// What `words`, the name first, amount to. They stay until the process ends.
pub fn read(words: Vec<Vec<u8>>, world: World<'_>) -> Result<Expr, Usage> {
    let mut values = Vec::new();
    for word in words {
        values.push(Value::Text(word.leak()));
    }
    call(&values, None, world, 0).map(|reads| reads.expr).map_err(Usage::new)
}
#[cfg(test)]
mod tests {
    use super::*;

    /// The environment and the files of the corpus.
    fn variable(name: &[u8]) -> Option<Vec<u8>> {
        let value = match str::from_utf8(name).ok()? {
            "PORT" => "8080",
            "POSTGRES_USER" | "POSTGRES_DB" | "MYSQL_USER" => "app",
            "REDIS_PASSWORD" | "MYSQL_ROOT_PASSWORD" | "MYSQL_PASSWORD" | "ELASTIC_PASSWORD" => {
                "s/cret"
            }
            "ELASTIC_USER" => "elastic",
            "TOKEN" => "t",
            "HOME" => "/root",
            "MODE" => "web",
            "READY" => "1",
            "VAULT_ADDR" => "http://127.0.0.1:8200",
            _ => return None,
        };
        Some(value.into())
    }

    fn file(path: &[u8]) -> Option<Vec<u8>> {
        match path {
            b"/run/app.pid" | b"/var/run/nginx.pid" => Some(b"42\n".to_vec()),
            b"/run/secrets/pw" => Some(b"from file\n".to_vec()),
            b"/tmp/status" => Some(b"ok\n".to_vec()),
            _ => None,
        }
    }

    /// As the corpus writes an expression.
    fn shown(expr: &Expr) -> String {
        let two = |pair: &[Expr; 2], sign: &str| {
            format!("({} {sign} {})", shown(&pair[0]), shown(&pair[1]))
        };
        match expr {
            Expr::Settled(healthy, b"") => healthy.to_string(),
            Expr::Settled(healthy, why) => format!("{healthy}: {}", String::from_utf8_lossy(why)),
            Expr::Native(arguments) | Expr::Own(arguments) => {
                let quoted = arguments.iter().map(|one| {
                    let one = String::from_utf8_lossy(one)
                        .escape_default()
                        .to_string()
                        .replace("\\\"", "\"")
                        .replace("\\'", "'");
                    if one.contains(' ') { format!("«{one}»") } else { one }
                });
                quoted.collect::<Vec<_>>().join(" ")
            }
            Expr::Not(inner) => format!("!({})", shown(inner)),
            Expr::And(pair) => two(pair, "&&"),
            Expr::Or(pair) => two(pair, "||"),
            Expr::Within(time, inner) => format!("within {time:?} ({})", shown(inner)),
        }
    }

    fn sh(text: &str) -> Result<Expr, String> {
        let world = World { variable: &variable, file: &file };
        let words = ["sh", "-c", text].map(|word| word.as_bytes().to_vec());
        read(words.to_vec(), world).map_err(|usage| usage.to_string())
    }

    /// Real-life probes, and what each amounts to.
    #[test]
    fn the_corpus() {
        let corpus = include_str!("../../tests/it/dropin/corpus.txt");
        let mut wrong = Vec::new();
        let mut lines = corpus.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        while let (Some(probe), Some(want)) = (lines.next(), lines.next()) {
            let text = probe.strip_prefix("$ ").expect(probe).replace('⏎', "\n");
            let got = match sh(&text) {
                Ok(expr) => format!("  = {}", shown(&expr)),
                Err(words) => format!("  ! {words}"),
            };
            if got != want {
                wrong.push(format!("{probe}\n{got}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
