//! `wget`, GNU's and BusyBox's: redirects are followed, 4xx and 5xx are unhealthy; GET with
//! `--spider` too, as BusyBox has it. Without `-O` nothing is written either.

use super::Call;
use super::curl::{form, url_of, without_tls};
use super::expr::{Expr, Output, Reads, join};
use super::options::{self, Style};
use crate::text::Wrong;

/// Keys as for curl. `-nv` is `n` with a value.
const OPTIONS: &str = "q.quiet|O:output-document|o:output-file|a:append-output|!.spider|t:tries|n?\
    |_.no-verbose|T:timeout|_:connect-timeout|_:read-timeout|_:dns-timeout|S.server-response\
    |@:header>--header=|^:method>--method=|%:post-data|%:body-data|,.no-check-certificate>--insecure\
    |_.no-proxy|Y:proxy|U:user-agent>--header=User-Agent: |=:user|~:password|=:http-user\
    |~:http-password|+:max-redirect|4.inet4-only>--ipv4|6.inet6-only>--ipv6\
    |/:ca-certificate>--cacert=|(:certificate>--cert=|):private-key>--key=|_.retry-connrefused\
    |_:waitretry|_:wait|_.no-cache|_.content-on-error|_.no-hsts|_.no-cookies|_.no-netrc\
    |v.verbose|d.debug|P:directory-prefix|_.no-clobber|c.continue";

/// Reads wget's words. Of several URLs each must be healthy.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut given = options::read(call, Style::Getopt, OPTIONS)?;
    let to = given.get(b'O');
    for to in [to, given.get(b'o'), given.get(b'a')] {
        if !matches!(to, b"" | b"-" | b"/dev/null" | b"/dev/stdout" | b"/dev/stderr") {
            return Err(call.wrong(to, "/dev/null or -: nothing is written"));
        }
    }
    // 0 is without a bound.
    if !matches!(given.get(b'T'), b"" | b"0") {
        given.give("--timeout=", given.get(b'T'));
    }
    if given.has(b'=') {
        given.give("--user=", join(&[given.get(b'='), b":", given.get(b'~')]));
    }
    if given.has(b'%') {
        let body = given.get(b'%');
        form(&mut given, body);
    }
    let most = given.get(b'+');
    given.give("--follow", if most.is_empty() { b"" } else { join(&[b"=", most]) });
    let mut expr = Expr::Settled(true, b"");
    let mut last: &'static [_] = &[];
    for url in given.operands.clone() {
        let url = url_of(call, url)?;
        without_tls(&mut given, url);
        last = given.with(url).leak();
        expr = expr.choose(Expr::Native(last), Expr::Settled(false, b""));
    }
    if last.is_empty() {
        return Err(call.refuse("want a URL"));
    }
    let output = match to {
        _ if given.has(b'S') => Output::Head(last),
        b"-" | b"/dev/stdout" => Output::Body(last),
        _ => Output::Text(b""),
    };
    Ok(Reads { expr, output })
}
