//! What no quotation of a peer's words may show.

use super::value::{self, escaped};
use super::{Flag, Options, Target, Text, Yielded};
use crate::text::{base64, parts, rsplit_once, split_once};

/// The credentials that `target`, as `text` has it, and `options` name, as a peer may echo them:
/// passwords, tokens, cookies, what Basic authentication makes of them (RFC 7617), what came from
/// files, and what variables put into what is sent. Before any option is taken.
// Inlined, it costs 400 bytes more.
#[inline(never)]
pub fn secrets(text: &Text, target: &Target, options: &Options<'_>) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    match target.userinfo() {
        (Some(user), Some(password)) => login(&mut found, user, password),
        // A token; a database would have the name of a role there.
        (Some(user), None)
            if ["nats", "http", "mqtt"].iter().any(|kind| target.scheme.name.starts_with(kind)) =>
        {
            login(&mut found, user, "");
        }
        _ => {}
    }
    for Yielded { bytes, file, in_path } in &text.yielded {
        let sent = *in_path && !target.scheme.opaque && bytes.len() >= SHORT;
        if *file || sent {
            found.push(bytes.clone());
        }
        if sent {
            // A server may quote what it has read.
            let read = str::from_utf8(bytes).ok().map(value::percent_decoded);
            found.extend(read.filter(|read| read != bytes));
        }
    }
    for given in options.left() {
        let Some(Text { meant, yielded, .. }) = &given.value else { continue };
        for Yielded { bytes: one, file, .. } in yielded {
            // Of a variable that is short, a number say, a mask would spoil what is quoted.
            let sent = match given.flag {
                Flag::Header => true,
                Flag::Data | Flag::Send => one.len() >= SHORT,
                _ => false,
            };
            if *file || sent {
                found.push(one.clone());
                // As it is sent, and may come back.
                if matches!(given.flag, Flag::Send | Flag::Expect) {
                    found.extend(escaped(one).ok().filter(|sent| sent != one));
                }
            }
        }
        let text = str::from_utf8(meant).unwrap_or_default();
        let (name, value) = split_once(text, b':').unwrap_or_default();
        match given.flag {
            Flag::User => login(&mut found, name, value),
            Flag::Header if name.eq_ignore_ascii_case("authorization") => {
                // Of `Bearer TOKEN` the token; of `Digest a=b, c=d` all, and the last.
                let value = value.trim_ascii();
                found.push(split_once(value, b' ').map_or(value, |(_, rest)| rest).into());
                found.push(rsplit_once(value, b' ').map_or(value, |(_, last)| last).into());
            }
            Flag::Header if name.eq_ignore_ascii_case("cookie") => {
                for pair in parts(value, b';') {
                    let pair = pair.trim_ascii();
                    let value = split_once(pair, b'=').map_or(pair, |(_, value)| value);
                    found.push(if value.len() < SHORT { pair } else { value }.into());
                }
            }
            Flag::Header if !is_public(name) => {
                found.push(value.trim_ascii().into());
                found.pop_if(|value| value.len() < SHORT);
            }
            _ => {}
        }
    }
    found.retain(|one| !one.is_empty());
    found
}

/// What is shorter than this is found in many words by chance.
pub const SHORT: usize = 4;

/// Whether the values of a header say nothing that is anybody's own.
pub fn is_public(name: &str) -> bool {
    let is = |whole: &str| name.eq_ignore_ascii_case(whole);
    let starts =
        |with: &str| name.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    is("host") || is("user-agent") || is("connection") || starts("accept") || starts("content-")
}

fn login(found: &mut Vec<Vec<u8>>, user: &str, password: &str) {
    found.push(base64([user, ":", password].concat().as_bytes()).into());
    found.push(if password.is_empty() { user } else { password }.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::kinds;
    use crate::input::Given;

    /// An option with what its expansions yielded, `file:` in front of those of files, `path:` of those in
    /// a target's path.
    fn of(target: &str, options: &[(Flag, &str, &[&str])]) -> Vec<String> {
        let text = |text: &str, yielded: &[&str]| Text {
            typed: text.into(),
            meant: text.into(),
            yielded: yielded
                .iter()
                .map(|one| {
                    let (from, bytes) = one.split_once(':').unwrap_or(("", one));
                    let (file, in_path) = (from == "file", from == "path");
                    Yielded { bytes: bytes.into(), file, in_path }
                })
                .collect(),
        };
        let given: Vec<Given> = options
            .iter()
            .map(|(flag, value, yielded)| Given { flag: *flag, value: Some(text(value, yielded)) })
            .collect();
        let options = Options::new(&given, &[]);
        let target = text(target, &["file:of the target", "8080", "path:tok%65n", "path:v1"]);
        let (_, parsed) = kinds::read(&target).expect("a known scheme");
        let found = secrets(&target, &parsed, &options);
        assert_eq!(options.left().count(), given.len());
        let found: Vec<_> =
            found.into_iter().map(|one| String::from_utf8(one).expect("text")).collect();
        // Those of the target, which are the same each time, stand behind its userinfo.
        let sent: &[&str] = match parsed.scheme.opaque {
            false => &["of the target", "tok%65n", "token"],
            true => &["of the target"],
        };
        let at = found.iter().position(|one| one == sent[0]).expect("the target's");
        assert_eq!(found[at..at + sent.len()], *sent);
        [&found[..at], &found[at + sent.len()..]].concat()
    }

    #[test]
    fn credentials_and_what_was_expanded() {
        assert_eq!(of("http://localhost/", &[]), [""; 0]);
        assert_eq!(of("redis://:s3cret@h", &[]), ["OnMzY3JldA==", "s3cret"]);
        assert_eq!(of("nats://token@h", &[]), ["dG9rZW46", "token"]);
        assert_eq!(of("mqtts://token@h", &[]), ["dG9rZW46", "token"]);
        assert_eq!(of("postgres://role@h", &[]), [""; 0]);
        assert_eq!(of("http://h", &[(Flag::User, "u:p:q", &[])]), ["dTpwOnE=", "p:q"]);
        let header =
            |value: &str, yielded: &[&str]| of("http://h", &[(Flag::Header, value, yielded)]);
        assert_eq!(header("Host: app", &[]), [""; 0]);
        assert_eq!(header("Authorization: Bearer abc", &[]), ["abc", "abc"]);
        assert_eq!(header("authorization:abc", &[]), ["abc", "abc"]);
        assert_eq!(header("Authorization: Digest a=b, c=d", &[]), ["a=b, c=d", "c=d"]);
        assert_eq!(header("cookie: session=S3CRET; t=1", &[]), ["S3CRET", "t=1"]);
        assert_eq!(header("X-Key: k3y; v=1", &["k3y"]), ["k3y", "k3y; v=1"]);
        assert_eq!(header("x-api-key:  s3cret ", &[]), ["s3cret"]);
        for public in ["ACCEPT-Language", "Accept", "content-type", "User-Agent", "connection"] {
            assert_eq!(header(&format!("{public}: s3cret"), &[]), [""; 0]);
        }
        assert_eq!(header("X-Version: 1.2", &[]), [""; 0]);
        assert_eq!(of("file:///x", &[]), [""; 0]);
        assert_eq!(header("X-Key: k3y", &["file:k3y"]), ["k3y"]);
        for flag in [Flag::Data, Flag::Send] {
            assert_eq!(of("http://h", &[(flag, "x", &["7", "s3cret", "file:8"])]), ["s3cret", "8"]);
        }
        assert_eq!(of("http://h", &[(Flag::Expect, "x", &["s3cret", "file:x", "file:"])]), ["x"]);
    }
}
