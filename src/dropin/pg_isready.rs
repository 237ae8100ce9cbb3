//! `pg_isready`: without `-h` over the Unix socket.

use super::Call;
use super::curl::encoded;
use super::expr::{Expr, Output, Reads, join};
use super::options::{self, Style};
use crate::text::{Wrong, contains};

const OPTIONS: &str = "h:host p:port U:username d:dbname t:timeout q.quiet";

/// Where Debian's packages and the official images have the socket.
const FOLDER: &[u8] = b"/var/run/postgresql";

/// Reads its words, and PGHOST, PGPORT, PGUSER and PGDATABASE.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let variable = |name| call.variable(name).unwrap_or_default();
    let (mut host, mut port) = (variable("PGHOST"), variable("PGPORT"));
    let (mut user, mut database) = (variable("PGUSER"), variable("PGDATABASE"));
    let mut time = Vec::new();
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        // An empty value is none to libpq.
        match key {
            _ if value.is_empty() => return Ok(()),
            0 => return Err(call.wrong(value, "options only")),
            b'h' => host = value.to_vec(),
            b'p' => port = value.to_vec(),
            b'U' => user = value.to_vec(),
            b'd' => database = value.to_vec(),
            b't' if value != b"0" => time = value.to_vec(),
            _ => {}
        }
        Ok(())
    })?;
    let mut arguments = Vec::new();
    if contains(&database, b"://") {
        // A connection string, whose host wins.
        arguments.push(database);
    } else if database.contains(&b'=') {
        return Err(call.wrong(b"-d", "it with a database or postgres://HOST:PORT"));
    } else {
        if port.is_empty() {
            port = b"5432".to_vec();
        }
        let mut target = b"postgres://".to_vec();
        if !user.is_empty() {
            target = join(&[&target, &encoded(&user), b"@"]);
        }
        let socket = host.is_empty() || host.starts_with(b"/");
        let shown = match (socket, host.contains(&b':')) {
            (true, _) => b"localhost".to_vec(),
            (_, true) => join(&[b"[", &host, b"]"]),
            _ => host.clone(),
        };
        target = join(&[&target, &shown]);
        if port != b"5432" {
            target = join(&[&target, b":", &port]);
        }
        if !database.is_empty() {
            target = join(&[&target, b"/", &encoded(&database)]);
        }
        arguments.push(target);
        if socket {
            let folder = if host.is_empty() { FOLDER } else { &host };
            arguments.push(join(&[b"--connect-to=unix:", folder, b"/.s.PGSQL.", &port]));
        }
    }
    if !time.is_empty() {
        arguments.push(join(&[b"--timeout=", &time]));
    }
    let output = Output::Says("accepting connections");
    Ok(Reads { expr: Expr::Native(arguments), output })
}
