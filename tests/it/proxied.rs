//! `--proxy-protocol`: HAProxy and nginx, whose listeners take nobody without a header.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use crate::support::{
    Certificates, Folder, Server, answers, check, free_port, has, server, unhealthy,
};

#[test]
fn haproxy_that_accepts_proxies_alone() {
    let folder = Folder::new("haproxy");
    let Certificates { root, cert, key, .. } = Certificates::in_folder(&folder);
    let both = [&cert, &key].map(|file| std::fs::read_to_string(file).expect("PEM")).concat();
    let both = folder.file("both.pem", &both);
    let (plain, tls) = (free_port(), free_port());
    let conf = folder.file(
        "haproxy.cfg",
        &format!(
            "global\n  maxconn 16\n  log stdout format raw daemon\ndefaults\n  mode http\n  log global\n  \
             option httplog\n  timeout client 3s\n  timeout server 3s\n  timeout connect 3s\n\
             frontend f\n  bind 127.0.0.1:{plain} accept-proxy\n  \
             bind 127.0.0.1:{tls} accept-proxy ssl crt {both}\n  \
             http-request return status 200 content-type text/plain string up\n"
        ),
    );
    let haproxy = Server::in_folder(folder, "haproxy", &["-db", "-f", &conf], &[]);
    let _haproxy = haproxy.on_port(plain).on_port(tls);
    let http = format!("http://127.0.0.1:{plain}/");
    check(&[&http, "--proxy-protocol", "-e", "up"]).healthy("200 OK");
    unhealthy(&[&http, "-t", "2s"]);
    // The header is in front of the handshake, not inside.
    let https = format!("https://localhost:{tls}/");
    check(&[&https, "-4", "--proxy-protocol", "--cacert", &root, "-e", "up"]).healthy("200 OK");
    has(&unhealthy(&[&https, "-4", "--cacert", &root, "-t", "2s"]), "TLS handshake with");
    check(&["--proxy-protocol", &format!("tls://localhost:{tls}"), "-4", "--cacert", &root])
        .healthy("connected to");
}

#[test]
fn nginx_that_wants_the_header() {
    let folder = Folder::new("nginx");
    let port = free_port();
    let all = folder.path("");
    let conf = folder.file(
        "conf",
        &format!(
            "daemon off; master_process off; pid {all}pid; error_log {all}log info;
             events {{ worker_connections 64; }}
             http {{
               access_log off; client_body_temp_path {all}tmp; proxy_temp_path {all}tmp;
               fastcgi_temp_path {all}tmp; uwsgi_temp_path {all}tmp; scgi_temp_path {all}tmp;
               server {{
                 listen 127.0.0.1:{port} proxy_protocol;
                 location / {{ return 200 'up'; }}
               }}
             }}"
        ),
    );
    let mut nginx = Command::new("nginx");
    nginx.args(["-c", &conf, "-e", &folder.path("log")]).stdout(Stdio::null());
    let _nginx = Server::start(&mut nginx).on_port(port);
    let http = format!("http://127.0.0.1:{port}/");
    let broken = || {
        let bytes = std::fs::read(folder.path("log")).expect("a log");
        String::from_utf8_lossy(&bytes).matches("broken header").count()
    };
    // Behind the first answer, whoever waited for the port is in the log.
    let mut before = 0;
    for _ in 0..2 {
        before = broken();
        check(&[&http, "--proxy-protocol", "-e", "up"]).healthy("200 OK");
    }
    assert_eq!(broken(), before);
    unhealthy(&[&http, "-t", "2s"]);
    assert!(broken() > before);
}

#[test]
fn who_takes_the_header_for_a_request_may_answer_without_a_head() {
    let (port, folder) = (free_port(), Folder::new("python"));
    let number = port.to_string();
    let args = ["-m", "http.server", "-b", "127.0.0.1", &number];
    let _server = Server::in_folder(folder, "python3", &args, &[]).on_port(port);
    let url = format!("http://127.0.0.1:{port}/");
    check(&[&url]).healthy("200 OK");
    // Two words are a request of HTTP/0.9 there.
    let why = "reading from 127.0.0.1:PORT: no HTTP/1 response: a PROXY header went ahead \
               (--proxy-protocol), which this listener may not take: <!DOCTYPE";
    has(&unhealthy(&[&url, "--proxy-protocol"]), &why.replace("PORT", &number));
    let other = format!("http://127.0.0.1:{}/", answers("HTTP/2 200\r\n\r\n"));
    has(&unhealthy(&[&other, "--proxy-protocol"]), "no HTTP/1 response: HTTP/2 200");
}

#[test]
fn the_header_comes_first_and_where_there_is_a_place_for_it() {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let port = server(move |mut stream| {
        let mut bytes = Vec::new();
        let mut buffer = [0; 200];
        while bytes.len() < 29 {
            let Ok(n @ 1..) = stream.read(&mut buffer) else { break };
            bytes.extend_from_slice(&buffer[..n]);
        }
        let _ = stream.write_all(b"+PONG\r\n");
        let _ = sender.lock().expect("a sender").send(bytes);
    });
    check(&[&format!("redis://127.0.0.1:{port}"), "--proxy-protocol"]).healthy("PONG");
    assert_eq!(heard.recv().expect("a request"), b"PROXY UNKNOWN\r\n*1\r\n$4\r\nPING\r\n");
    for target in ["udp://localhost:1", "dns://localhost/x", "unix:///x.sock", "file:///x"] {
        let send: &[&str] = if target.starts_with("udp") { &["--send", "x"] } else { &[] };
        let args = [&[target], send, &["--proxy-protocol"]].concat();
        check(&args).usage(&format!("{target}: does not take --proxy-protocol"));
    }
}

#[test]
fn leave_is_taken_when_all_is_well_and_not_waited_for_long() {
    let (sender, heard) = channel();
    let sender = Mutex::new(sender);
    let port = server(move |mut stream| {
        let _ = stream.write_all(b"220 ready\r\n");
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.lock().expect("a sender").send(bytes);
    });
    let target = format!("tcp://127.0.0.1:{port}");
    check(&[&target, "-e", "220 ", "--bye", r"QUIT\r\n"])
        .healthy("220 ready")
        .within(std::time::Duration::from_secs(4));
    assert_eq!(heard.recv().expect("a word"), b"QUIT\r\n");
    check(&[&target, "-e", "250 ", "--bye", r"QUIT\r\n", "-t", "300ms"]).unhealthy("timed out");
    assert_eq!(heard.recv().expect("the end"), b"");
    check(&["udp://localhost:1", "--send", "x", "--bye", "x"]).usage("does not take --bye");
}
