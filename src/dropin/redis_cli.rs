//! `redis-cli ping`: PONG is healthy. What redis-cli prints and calls 0 all the same (NOAUTH,
//! LOADING) is not.

use super::Call;
use super::curl::encoded;
use super::expr::{Expr, Output, Reads, give, join};
use super::options::{self, Style};
use crate::text::Wrong;

const OPTIONS: &str = "h:host p:port a:pass !:user u:uri n:db s:socket t:timeout _.raw _.no-raw _.csv _.json \
    _.no-auth-warning ^.tls k.insecure @:cacert %:cert ,:key =:sni e. 2. 3. 4. 6.";

/// Reads its words, and REDISCLI_AUTH.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let (mut host, mut port) = (b"localhost".to_vec(), Vec::new());
    let (mut user, mut pass) = (Vec::new(), call.variable("REDISCLI_AUTH").unwrap_or_default());
    let (mut uri, mut database, mut secure) = (Vec::new(), Vec::new(), false);
    let mut own = Vec::new();
    let mut asked = Vec::new();
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        let mut put = |name| give(&mut own, name, value);
        match key {
            0 => asked.push(value.to_ascii_lowercase()),
            b'h' => host = value.to_vec(),
            b'p' => port = value.to_vec(),
            b'a' => pass = value.to_vec(),
            b'!' => user = value.to_vec(),
            b'u' => uri = value.to_vec(),
            b'n' => database = value.to_vec(),
            b's' => give(&mut own, "--connect-to=", &join(&[b"unix:", value])),
            b't' => put("--timeout="),
            b'^' => secure = true,
            b'k' => put("--insecure"),
            b'@' => put("--cacert="),
            b'%' => put("--cert="),
            b',' => put("--key="),
            b'=' => put("--server-name="),
            b'4' => put("--ipv4"),
            b'6' => put("--ipv6"),
            _ => {}
        }
        Ok(())
    })?;
    // Asked for by many a Compose file; that it is answered is what they find out.
    let increases = asked == [b"incr".to_vec(), b"ping".to_vec()];
    if !increases && asked != [b"ping".to_vec()] {
        return Err(call.wrong(&asked.join(&b' '), "ping: no other command is sent"));
    }
    let target = if uri.is_empty() {
        let scheme: &[u8] = if secure { b"rediss://" } else { b"redis://" };
        let mut target = scheme.to_vec();
        if !pass.is_empty() {
            target = join(&[scheme, &encoded(&user), b":", &encoded(&pass), b"@"]);
        }
        target.extend_from_slice(&host);
        for (sign, part) in [(&b":"[..], &port), (b"/", &database)] {
            if !part.is_empty() {
                target = join(&[&target, sign, part]);
            }
        }
        target
    } else {
        uri
    };
    let mut arguments = vec![target];
    arguments.append(&mut own);
    let output = if increases { Output::Unknown } else { Output::Says("PONG") };
    Ok(Reads { expr: Expr::Native(arguments), output })
}
