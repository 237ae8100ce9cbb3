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
use crate::text::{Wrong, among, before, contains, parts, row};
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

/// Every name that is read, its other spellings, and what is written in its place; what a shell
/// alone reads (`exit`, `echo`) is the shell's.
const NAMES: &str = "curl=http://HOST:PORT/PATH --expect TEXT\
    |wget=http://HOST:PORT/PATH --expect TEXT\
    |sh bash ash dash=TARGET TARGET, or --any TARGET TARGET\
    |pg_isready=postgres://HOST:PORT\
    |redis-cli valkey-cli keydb-cli=redis://HOST:PORT\
    |mysqladmin mariadb-admin=mysql://HOST:PORT\
    |nc ncat netcat=tcp://HOST:PORT --send TEXT --expect TEXT\
    |mongosh mongo=mongodb://HOST:PORT\
    |test [ [[=file:///PATH\
    |pgrep=process:NAME\
    |pidof=process:NAME\
    |kill=pid:NUMBER\
    |cat head=file:///PATH --expect TEXT\
    |find=file:///PATH --max-age 60s\
    |grep egrep fgrep=TARGET --expect TEXT, --reject TEXT, or --grep FLAGS:TEXT\
    |grpc_health_probe=grpc://HOST:PORT/SERVICE\
    |timeout=--timeout 3s TARGET\
    |true :=|false=|healthcheck=";

/// Words in, an expression out.
type Reader = fn(&Call<'_>) -> Result<Reads, Wrong>;

/// The function of a name's first spelling.
fn reader(name: &str) -> Reader {
    match name {
        "curl" => curl::read,
        "wget" => wget::read,
        "sh" => shell::read,
        "pg_isready" => services::pg_isready,
        "redis-cli" => services::redis_cli,
        "mysqladmin" => services::mysqladmin,
        "nc" => services::nc,
        "mongosh" => services::mongosh,
        "test" => test::read,
        "pgrep" => small::pgrep,
        "pidof" => small::pidof,
        "kill" => small::kill,
        "cat" => small::cat,
        "find" => small::find,
        "grep" => grep::read,
        "grpc_health_probe" => services::grpc_health_probe,
        "timeout" => small::timeout,
        "true" => |_| Ok(Reads::settled(true, "true")),
        "false" => |_| Ok(Reads::settled(false, "false")),
        _ => native,
    }
}

/// As an image calls this program.
const OWN: &str = "healthcheck";

/// What follows the last slash.
fn base(word: &[u8]) -> &[u8] {
    word.rsplit(|byte| *byte == b'/').next().unwrap_or(word)
}

/// The row of a name without a path: all of its spellings, and what is written in its place.
fn find(name: &[u8]) -> Option<(&'static str, &'static str)> {
    // Most calls are of a target, which is told by its first wrong letter.
    let fits = |byte: &u8| byte.is_ascii_lowercase() || b"_-[:".contains(byte);
    let name = str::from_utf8(name).ok().filter(|name| name.as_bytes().iter().all(fits))?;
    row(NAMES, &|names| among(names, name))
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
                Value::Reads(..) => return Err(self.refuse("what a check puts out is no option")),
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
    let name = base(word.text());
    let Some((names, native)) = find(name) else { return Err(unknown(word.text())) };
    let name = str::from_utf8(name).unwrap_or_default();
    let call = Call { name, native, words, stdin, world, depth };
    if depth > DEPTH {
        return Err(call.refuse("want fewer calls in calls"));
    }
    let reads = "nc ncat netcat mongosh mongo cat head grep egrep fgrep timeout";
    if stdin.is_some() && !among(reads, name) {
        return Err(call.refuse("a pipe into this is not read here, want one into grep"));
    }
    reader(before(names, b" ").0)(&call)
}

/// That a command is not read here, and what would be written in its place.
fn unknown(word: &[u8]) -> Wrong {
    /// By words that contain the name.
    const INSTEAD: &str = "jq=http://HOST:PORT/PATH --expect-json /status=UP\
        |netstat=listen:PORT|openssl=https://HOST:PORT|rabbitmq=amqp://HOST:PORT\
        |psql=postgres://HOST:PORT|mysql=mysql://HOST:PORT\
        |stat=file:///PATH --max-age 60s|ps=process:NAME|ss=listen:PORT|dig=dns://HOST/NAME\
        |kafka=kafka://HOST:PORT\
        |python=http://HOST:PORT/PATH|node=http://HOST:PORT/PATH|=TARGET; --help lists them";
    let word = quote(word);
    let mut text = ["'", &word, "' is not read here, want one of"].concat();
    for row in parts(NAMES, b'|') {
        text.push(' ');
        text.push_str(before(row, b" =").0);
    }
    let fits = |name: &str| contains(word.as_bytes(), name.as_bytes());
    if let Some((_, instead)) = row(INSTEAD, &fits) {
        text.push_str("; natively: healthcheck ");
        text.push_str(instead);
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
            b"/proc/sys/kernel/hostname" => Some(b"web\n".to_vec()),
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
