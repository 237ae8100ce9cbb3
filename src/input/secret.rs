//! What no quotation of a peer's words may show.

use super::{Flag, Options, Target, Text};
use crate::text::{base64, contains, cut, cut_last};

/// The credentials that `target` and `options` name, as a peer may echo them: passwords, tokens, what
/// Basic authentication makes of them (RFC 7617), header values that are credentials or were expanded,
/// and what came from files. Marks no option as taken.
// Inlined, it costs 400 bytes more.
#[inline(never)]
pub fn secrets(target: &Target, options: &Options<'_>) -> Vec<String> {
    let mut found = Vec::new();
    match target.userinfo() {
        (Some(user), Some(password)) => login(&mut found, user, password),
        // A token; a database would have the name of a role there.
        (Some(user), None) if target.scheme == "nats" || target.scheme.starts_with("http") => {
            login(&mut found, user, "");
        }
        _ => {}
    }
    for given in options.own.iter().chain(options.defaults) {
        let Some(Text { typed, meant }) = &given.value else { continue };
        let text = str::from_utf8(meant).unwrap_or_default();
        let (name, value) = cut(text, b':').unwrap_or_default();
        match given.flag {
            Flag::User => login(&mut found, name, value),
            Flag::Header => {
                let known = |known: &str| name.eq_ignore_ascii_case(known);
                if typed != meant || known("authorization") || known("cookie") {
                    // Of `Authorization: Bearer TOKEN` the token.
                    found.push(cut_last(value, b' ').map_or(value, |(_, last)| last).to_owned());
                }
            }
            _ if contains(typed, b"${file:") => found.push(text.to_owned()),
            _ => {}
        }
    }
    found
}

fn login(found: &mut Vec<String>, user: &str, password: &str) {
    found.push(base64([user, ":", password].concat().as_bytes()));
    found.push(if password.is_empty() { user } else { password }.to_owned());
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::input::Given;

    fn of(target: &str, options: &[(Flag, &str, &str)]) -> Vec<String> {
        let text = |typed: &str, meant: &str| Text { typed: typed.into(), meant: meant.into() };
        let given: Vec<Given> = options
            .iter()
            .map(|(flag, typed, meant)| Given {
                flag: *flag,
                value: Some(text(typed, meant)),
                taken: Cell::new(false),
            })
            .collect();
        let options = Options { own: &given, defaults: &[] };
        let found = secrets(&Target::parse(&text(target, target)), &options);
        assert!(given.iter().all(|given| !given.taken.get()));
        found
    }

    #[test]
    fn credentials_and_what_came_from_files() {
        assert_eq!(of("http://localhost/", &[]), [""; 0]);
        assert_eq!(of("redis://:s3cret@h", &[]), ["OnMzY3JldA==", "s3cret"]);
        assert_eq!(of("nats://token@h", &[]), ["dG9rZW46", "token"]);
        assert_eq!(of("postgres://role@h", &[]), [""; 0]);
        assert_eq!(of("http://h", &[(Flag::User, "u:p:q", "u:p:q")]), ["dTpwOnE=", "p:q"]);
        for (typed, meant, found) in [
            ("Host: app", "Host: app", None),
            ("Authorization: Bearer abc", "Authorization: Bearer abc", Some("abc")),
            ("cookie:id=1", "cookie:id=1", Some("id=1")),
            ("X-Key: ${KEY}", "X-Key: k3y", Some("k3y")),
        ] {
            assert_eq!(of("http://h", &[(Flag::Header, typed, meant)]).pop().as_deref(), found);
        }
        let expect = [(Flag::Expect, "${file:/run/x}", "x"), (Flag::Expect, "${PORT}", "8080")];
        assert_eq!(of("http://h", &expect), ["x"]);
    }
}
