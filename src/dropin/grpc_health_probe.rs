//! `grpc_health_probe`: SERVING is healthy.

use super::Call;
use super::curl::encoded;
use super::expr::{Expr, Output, Reads, give, join};
use super::options::{self, Style};
use crate::input::value;
use crate::text::Wrong;
use crate::verdict::millis;

const OPTIONS: &str = "a:addr s:service t.tls k.tls-no-verify C:tls-ca-cert c:tls-client-cert K:tls-client-key \
    n:tls-server-name o:connect-timeout o:rpc-timeout h:rpc-header u:user-agent v.v _.gzip";

/// Reads its words.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let (mut place, mut service, mut secure) = (Vec::new(), Vec::new(), false);
    let mut own = Vec::new();
    let mut time = 0;
    options::read(call, Style::Go, OPTIONS, &mut |key, value| {
        let mut put = |name| give(&mut own, name, value);
        match key {
            0 => return Err(call.wrong(value, "options only")),
            b'a' => place = value.to_vec(),
            b's' => service = value.to_vec(),
            b't' => secure = true,
            b'k' => give(&mut own, "--insecure", b""),
            b'C' => put("--cacert="),
            b'c' => put("--cert="),
            b'K' => put("--key="),
            b'n' => put("--server-name="),
            b'o' => time += millis(value::duration(value)?),
            b'h' => put("--header="),
            _ => {}
        }
        Ok(())
    })?;
    let scheme: &[u8] = if secure { b"grpcs://" } else { b"grpc://" };
    let mut target = scheme.to_vec();
    match place.strip_prefix(b"unix:") {
        Some(path) => {
            let path = path.strip_prefix(b"//").unwrap_or(path);
            own.push(join(&[b"--connect-to=unix:", path]));
            target.extend_from_slice(b"localhost");
        }
        None if place.is_empty() => return Err(call.refuse("want -addr HOST:PORT")),
        None => target.extend_from_slice(&place),
    }
    if !service.is_empty() {
        target = join(&[&target, b"/", &encoded(&service)]);
    }
    let mut arguments = vec![target];
    arguments.append(&mut own);
    if time > 0 {
        arguments.push(join(&[b"--timeout=", time.to_string().as_bytes(), b"ms"]));
    }
    Ok(Reads { expr: Expr::Native(arguments), output: Output::Says("status: SERVING") })
}
