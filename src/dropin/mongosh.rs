//! `mongosh`, `mongo`: what `--eval` or a pipe holds is a ping or a hello.

use super::Call;
use super::expr::{Expr, Output, Reads, give, join};
use super::nc::address;
use super::options::{self, Style};
use crate::text::{Wrong, contains, find};

const OPTIONS: &str = "!:eval @:host ^:port u:username p:password _:authenticationDatabase _:authenticationMechanism \
    _.quiet _.norc _.nodb _:json =.tls =.ssl %.tlsAllowInvalidCertificates %.sslAllowInvalidCertificates \
    %.tlsAllowInvalidHostnames /:tlsCAFile /:sslCAFile (:tlsCertificateKeyFile";

/// Reads its words, and what a pipe brings.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let (mut code, mut host, mut port) = (Vec::new(), Vec::new(), Vec::new());
    let mut own = Vec::new();
    let mut place = Vec::new();
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        match key {
            0 => place = value.to_vec(),
            b'!' => code = value.to_vec(),
            b'@' => host = value.to_vec(),
            b'^' => port = value.to_vec(),
            b'=' => give(&mut own, "--tls", b""),
            b'%' => give(&mut own, "--insecure", b""),
            b'/' => give(&mut own, "--cacert=", value),
            b'(' => give(&mut own, "--cert=", value),
            _ => {}
        }
        Ok(())
    })?;
    if let Some(Reads { output: Output::Text(text), .. }) = &call.stdin {
        code.clone_from(text);
    }
    let plain: Vec<u8> = code.to_ascii_lowercase();
    let plain: Vec<u8> =
        plain.into_iter().filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'.').collect();
    if !["ping", "hello", "ismaster"].iter().any(|name| contains(&plain, name.as_bytes())) {
        return Err(call.refuse("want ping or hello in --eval or in a pipe"));
    }
    if ["writableprimary", ".ismaster"].iter().any(|name| plain.ends_with(name.as_bytes())) {
        own.push(b"--primary".to_vec());
    }
    let target = match place {
        _ if !host.is_empty() || !port.is_empty() => {
            if host.is_empty() {
                host = b"localhost".to_vec();
            }
            // A replica set's name in front of its members.
            if port.is_empty() {
                join(&[b"mongodb://", &host])
            } else {
                address(b"mongodb://", &host, &port)
            }
        }
        // HOST:PORT/DATABASE, or a database alone.
        // Neither credentials nor a database are used.
        place if contains(&place, b"://") => {
            let part = |text: &[u8], at: u8, last: bool| -> Vec<u8> {
                let mut parts = text.split(|byte| *byte == at);
                (if last { parts.next_back() } else { parts.next() }).unwrap_or_default().to_vec()
            };
            let start = find(&place, b"://").map_or(0, |at| at + 3);
            let (scheme, rest) = place.split_at_checked(start).unwrap_or_default();
            join(&[scheme, &part(&part(rest, b'/', false), b'@', true)])
        }
        place if place.contains(&b':') || place.contains(&b'/') || place.contains(&b'.') => {
            join(&[b"mongodb://", place.split(|byte| *byte == b'/').next().unwrap_or_default()])
        }
        _ => b"mongodb://localhost".to_vec(),
    };
    let mut arguments = vec![target];
    arguments.append(&mut own);
    let ok = plain.ends_with(b".ok");
    let output = Output::Says(if ok { "1" } else { "{ ok: 1 }" });
    Ok(Reads { expr: Expr::Native(arguments), output })
}
