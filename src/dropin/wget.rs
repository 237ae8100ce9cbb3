//! `wget`, GNU's and BusyBox's: redirects are followed, 4xx and 5xx are unhealthy; GET with
//! `--spider` too, as BusyBox has it. Without `-O` nothing is written either.

use super::Call;
use super::curl::{FORM, url_of};
use super::expr::{Arguments, Expr, HEADER, Output, Reads, give, join};
use super::options::{self, Style};
use crate::text::Wrong;

/// Keys as for curl. `-nv` is `n` with a value.
const OPTIONS: &str = "q.quiet O:output-document o:output-file a:append-output !.spider _:tries t:tries n?no- \
    _.no-verbose T:timeout _:connect-timeout _:read-timeout _:dns-timeout S.server-response @:header \
    ^:method %:post-data %:body-data ,.no-check-certificate _.no-proxy Y:proxy U:user-agent \
    =:user ~:password =:http-user ~:http-password +:max-redirect 4.inet4-only 6.inet6-only \
    /:ca-certificate (:certificate ):private-key _.retry-connrefused _:waitretry _:wait _.no-cache \
    _.content-on-error _.no-hsts _.no-cookies _.no-netrc _.no-check-hsts v.verbose d.debug P:directory-prefix _.no-clobber c.continue";

/// Reads wget's words.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut urls = Vec::new();
    let mut own: Arguments = Vec::new();
    let (mut user, mut password) = (None, Vec::new());
    let (mut body, mut head, mut typed) = (None, false, false);
    let mut most = Vec::new();
    let mut to = Vec::new();
    options::read(call, Style::Getopt, OPTIONS, &mut |key, value| {
        let mut put = |name| give(&mut own, name, value);
        match key {
            0 => urls.push(value.to_vec()),
            b'O' => to = value.to_vec(),
            b'o' | b'a'
                if !matches!(value, b"-" | b"/dev/null" | b"/dev/stdout" | b"/dev/stderr") =>
            {
                return Err(call.wrong(value, "/dev/null or -: nothing is written"));
            }
            b'S' => head = true,
            b'T' if value != b"0" => put("--timeout="),
            b'@' => {
                typed |= value.get(..13).is_some_and(|v| v.eq_ignore_ascii_case(b"content-type:"));
                put(HEADER);
            }
            b'^' => put("--method="),
            b'%' => body = Some(value.to_vec()),
            b',' => put("--insecure"),
            b'U' => give(&mut own, HEADER, &join(&[b"User-Agent: ", value])),
            b'=' => user = Some(value.to_vec()),
            b'~' => password = value.to_vec(),
            b'+' => most = join(&[b"=", value]),
            b'4' => put("--ipv4"),
            b'6' => put("--ipv6"),
            b'/' => put("--cacert="),
            b'(' => put("--cert="),
            b')' => put("--key="),
            _ => {}
        }
        Ok(())
    })?;
    if !matches!(to.as_slice(), b"" | b"-" | b"/dev/null" | b"/dev/stdout") {
        return Err(call.wrong(&to, "/dev/null or -: nothing is written"));
    }
    if let Some(user) = user {
        give(&mut own, "--user=", &join(&[&user, b":", &password]));
    }
    if let Some(body) = body {
        if !typed {
            give(&mut own, HEADER, FORM);
        }
        give(&mut own, "--data=", &body);
    }
    give(&mut own, "--follow", &most);
    let mut expr = None;
    let mut last = Vec::new();
    for mut url in urls {
        url_of(call, &mut url)?;
        last = vec![url];
        last.extend_from_slice(&own);
        let one = Expr::Native(last.clone());
        expr = Some(match expr {
            Some(first) => Expr::And(Box::new([first, one])),
            None => one,
        });
    }
    let Some(expr) = expr else { return Err(call.refuse("want a URL")) };
    let output = match (to.as_slice(), head) {
        (_, true) => Output::Head(last),
        (b"-" | b"/dev/stdout", false) => Output::Body(last),
        _ => Output::Text(Vec::new()),
    };
    Ok(Reads { expr, output })
}
