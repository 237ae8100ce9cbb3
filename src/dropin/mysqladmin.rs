//! `mysqladmin ping`: the server answers. No password is sent, as with `mysql://`.

use super::Call;
use super::curl::encoded;
use super::expr::{Arguments, Expr, Output, Reads, give, join};
use super::options::{self, Style};
use crate::text::Wrong;

const OPTIONS: &str = "h:host P:port u:user p?password s.silent S:socket !:protocol b.no-beep \
    _:connect-timeout _:default-character-set w?wait _.no-defaults _:defaults-extra-file \
    _:defaults-file ^.ssl _:ssl-mode _.skip-ssl _.ssl-verify-server-cert v.verbose C.compress";

/// Where Debian's packages and the official images have the socket.
const SOCKET: &[u8] = b"/run/mysqld/mysqld.sock";

/// Reads its words: `localhost` without a port is the Unix socket, or TCP where there is none.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let (mut host, mut port, mut user) = (Vec::new(), Vec::new(), Vec::new());
    let (mut socket, mut tcp, mut asked) = (Vec::new(), false, Vec::new());
    let mut own: Arguments = Vec::new();
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        match key {
            0 => asked = value.to_vec(),
            b'h' => host = value.to_vec(),
            b'P' => port = value.to_vec(),
            b'u' => user = value.to_vec(),
            b'S' => socket = value.to_vec(),
            b'!' => tcp = value.eq_ignore_ascii_case(b"tcp"),
            b'^' => {
                give(&mut own, "--tls", b"");
                give(&mut own, "--insecure", b"");
            }
            _ => {}
        }
        if key == 0 && !matches!(value, b"ping" | b"status") {
            return Err(call.wrong(value, "ping or status"));
        }
        Ok(())
    })?;
    if asked.is_empty() {
        return Err(call.refuse("want ping or status"));
    }
    let mut target = b"mysql://".to_vec();
    if !user.is_empty() {
        target = join(&[&target, &encoded(&user), b"@"]);
    }
    let local = matches!(host.as_slice(), b"" | b"localhost") && !tcp && port.is_empty();
    target.extend_from_slice(if host.is_empty() { b"localhost" } else { &host });
    if !port.is_empty() {
        target = join(&[&target, b":", &port]);
    }
    let mut arguments = vec![target];
    arguments.append(&mut own);
    let over = |socket: &[u8]| {
        let mut arguments = arguments.clone();
        arguments.push(join(&[b"--connect-to=unix:", socket]));
        Expr::Native(arguments)
    };
    let expr = match (local, socket.is_empty()) {
        (_, false) => over(&socket),
        (true, true) => Expr::Or(Box::new([over(SOCKET), Expr::Native(arguments.clone())])),
        (false, true) => Expr::Native(arguments.clone()),
    };
    let output = if asked == b"ping" { Output::Says("mysqld is alive") } else { Output::Unknown };
    Ok(Reads { expr, output })
}
