//! The names that health checks are written in: `curl`, `sh -c`, `pg_isready` and so on, read and
//! turned into this program's own arguments. Nothing is started, nothing is written.
//!
//! Each name is one pure function: words and variables in, an expression over native arguments out.

mod cat;
mod curl;
pub mod expr;
mod grep;
mod grpc_health_probe;
mod mongosh;
mod mysqladmin;
mod nc;
mod options;
mod pg_isready;
mod procs;
mod redis_cli;
mod shell;
mod test;
mod timeout;
mod wget;

use crate::input::Usage;
use crate::text::{Wrong, rsplit_once};
use crate::verdict::quote;
use expr::{Expr, Output, Reads, Value};

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

/// Every name that is read; what a shell alone reads (`exit`, `echo`) is the shell's.
#[rustfmt::skip]
pub static NAMES: &[Name] = &[
    Name { names: "curl", read: curl::read, native: "http://HOST:PORT/PATH --expect TEXT" },
    Name { names: "wget", read: wget::read, native: "http://HOST:PORT/PATH --expect TEXT" },
    Name { names: "sh bash ash dash", read: shell::read, native: "TARGET TARGET, or --any TARGET TARGET" },
    Name { names: "pg_isready", read: pg_isready::read, native: "postgres://HOST:PORT" },
    Name { names: "redis-cli valkey-cli", read: redis_cli::read, native: "redis://HOST:PORT" },
    Name { names: "mysqladmin mariadb-admin", read: mysqladmin::read, native: "mysql://HOST:PORT" },
    Name { names: "nc ncat netcat", read: nc::read, native: "tcp://HOST:PORT --send TEXT --expect TEXT" },
    Name { names: "mongosh mongo", read: mongosh::read, native: "mongodb://HOST:PORT" },
    Name { names: "test [ [[", read: test::read, native: "file:///PATH" },
    Name { names: "pgrep", read: procs::pgrep, native: "process:NAME" },
    Name { names: "pidof", read: procs::pidof, native: "process:NAME" },
    Name { names: "kill", read: procs::kill, native: "pid:NUMBER" },
    Name { names: "cat", read: cat::read, native: "file:///PATH --expect TEXT" },
    Name { names: "grep egrep fgrep", read: grep::read, native: "TARGET --expect TEXT, or --reject TEXT" },
    Name { names: "grpc_health_probe grpc-health-probe", read: grpc_health_probe::read, native: "grpc://HOST:PORT/SERVICE" },
    Name { names: "timeout", read: timeout::read, native: "--timeout 3s TARGET" },
    Name { names: "true :", read: |call| Ok(Reads::settled(true, call.name)), native: "" },
    Name { names: "false", read: |call| Ok(Reads::settled(false, call.name)), native: "" },
    Name { names: "healthcheck", read: native, native: "" },
];

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
    row: &'static Name,
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
    fn texts(&self) -> Result<Vec<&[u8]>, Wrong> {
        let text = |value| match value {
            &Value::Reads(_) => Err(self.refuse("what a check puts out")),
            Value::Text(text) => Ok(text.as_slice()),
        };
        self.words.iter().map(text).collect()
    }

    /// That `word` is not read here, and what is.
    fn wrong(&self, word: &[u8], want: &str) -> Wrong {
        // What is behind an equals sign may be a secret.
        let end = word.iter().position(|byte| *byte == b'=').filter(|_| word.starts_with(b"-"));
        let word = quote(word.get(..end.unwrap_or(word.len())).unwrap_or_default());
        self.refuse(&["'", &word, "' is not read here, want ", want].concat())
    }

    /// What is wrong, with the native spelling.
    fn refuse(&self, what: &str) -> Wrong {
        let native = match self.row.native {
            "" => "",
            _ => "; natively: healthcheck ",
        };
        [self.name, ": ", what, native, self.row.native].concat().into()
    }

    /// A variable as this call's process would see it.
    fn variable(&self, name: &str) -> Option<Vec<u8>> {
        (self.world.variable)(name.as_bytes()).filter(|value| !value.is_empty())
    }

    /// Calls `words`, whose first is the name.
    fn call(&self, words: &[Value]) -> Result<Reads, Wrong> {
        call(words, self.stdin.clone(), self.world, self.depth + 1)
    }
}

/// Reads `words`, whose first is a name.
fn call(
    words: &[Value],
    stdin: Option<Reads>,
    world: World<'_>,
    depth: u8,
) -> Result<Reads, Wrong> {
    let word = match words.first() {
        Some(Value::Text(word)) => word.as_slice(),
        _ => b"",
    };
    let Some((row, name)) = find(word) else { return Err(unknown(word)) };
    let words = words.get(1..).unwrap_or_default();
    let call = Call { name, row, words, stdin, world, depth };
    if depth > DEPTH {
        return Err(call.refuse("want fewer calls in calls"));
    }
    let reads =
        ["nc", "ncat", "netcat", "mongosh", "mongo", "cat", "grep", "egrep", "fgrep", "timeout"];
    if call.stdin.is_some() && !reads.contains(&name) {
        return Err(call.refuse("a pipe into this is not read here, want one into grep"));
    }
    (row.read)(&call)
}

/// That a command is not read here, and what would be written in its place.
fn unknown(word: &[u8]) -> Wrong {
    /// By words that contain the name.
    const INSTEAD: &[(&str, &str)] = &[
        ("jq", "http://HOST:PORT/PATH --expect-json /status=UP"),
        ("psql", "postgres://HOST:PORT"),
        ("mysql", "mysql://HOST:PORT"),
        ("find", "file:///PATH --max-age 60s"),
        ("stat", "file:///PATH --max-age 60s"),
        ("ps", "process:NAME"),
        ("ss", "listen:PORT"),
        ("python", "http://HOST:PORT/PATH"),
        ("node", "http://HOST:PORT/PATH"),
    ];
    let word = quote(word);
    let instead = INSTEAD.iter().find(|(name, _)| word.contains(name));
    let instead = instead.map_or("TARGET; --help lists them", |(_, instead)| instead);
    let mut text = ["'", &word, "' is not read here, want one of"].concat();
    for row in NAMES {
        text.push(' ');
        text.push_str(row.names.split(' ').next().unwrap_or_default());
    }
    [&text, "; natively: healthcheck ", instead].concat().into()
}

/// This program in a shell: its arguments as they are.
fn native(call: &Call<'_>) -> Result<Reads, Wrong> {
    let words = call.texts()?.into_iter().map(<[u8]>::to_vec).collect();
    Ok(Reads { expr: Expr::Native(words), output: Output::Unknown })
}

/// What `words`, the name first, amount to.
pub fn read(words: Vec<Vec<u8>>, world: World<'_>) -> Result<Expr, Usage> {
    let words: Vec<Value> = words.into_iter().map(Value::Text).collect();
    call(&words, None, world, 0).map(|reads| reads.expr).map_err(Usage::new)
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
            Expr::Settled(healthy, why) if why.is_empty() => healthy.to_string(),
            Expr::Settled(healthy, why) => format!("{healthy}: {why}"),
            Expr::Native(arguments) => {
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
