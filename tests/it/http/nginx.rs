//! nginx, which nobody here wrote: HTTP over TCP and a Unix socket, HTTP/1.0 and chunked answers.

use std::process::{Command, Stdio};

use crate::support::{Folder, Server, check, free_port};

#[test]
fn a_real_server_is_judged() {
    let folder = Folder::new("nginx");
    let port = free_port();
    let conf = format!(
         "daemon off; master_process off; pid {pid}; error_log {log};
         events {{ worker_connections 64; }}
         http {{
           access_log off; client_body_temp_path {tmp}; proxy_temp_path {tmp}; fastcgi_temp_path {tmp};
           uwsgi_temp_path {tmp}; scgi_temp_path {tmp}; gzip on; gzip_min_length 1; gzip_types *;
           server {{
             listen 127.0.0.1:{port}; listen unix:{sock};
             location /healthz {{ add_header X-Ready yes; return 200 'up and running'; }}
             location /sick {{ return 503 'db down'; }}
             location /moved {{ return 302 /healthz; }}
             location /dir {{ root {root}; autoindex on; autoindex_format json; }}
             location /secret {{ auth_basic x; auth_basic_user_file {users}; root {root}; try_files /dir/a.txt =404; }}
             location /old {{ proxy_pass http://127.0.0.1:{port}/dir/; proxy_http_version 1.0; proxy_buffering off; }}
             location /gone {{ return 444; }}
             location /folded {{ add_header X-Policy 'default-src x;
   img-src *'; return 200; }}
             location /nobody {{ return 302 http://:{port}/healthz; }}
             location /colon {{ return 302 127.0.0.1:{port}/healthz; }}
             location /dots {{ return 302 http://localhost:{port}/a/../healthz; }}
           }}
         }}",
         pid = folder.path("pid"),
         log = folder.path("log"),
         tmp = folder.path("tmp"),
         sock = folder.path("web.sock"),
         root = folder.path("root"),
         users = folder.path("users"),
     );
    std::fs::create_dir_all(folder.path("root/dir/sub")).expect("a folder");
    std::fs::write(folder.path("root/dir/a.txt"), "a\n".repeat(5000)).expect("a file");
    std::fs::write(folder.path("users"), "u:{PLAIN}p w\n").expect("a file");
    std::fs::write(folder.path("conf"), conf).expect("a file");
    let mut nginx = Command::new("nginx");
    nginx.args(["-c", &folder.path("conf"), "-e", &folder.path("log")]).stdout(Stdio::null());
    let _nginx = Server::start(&mut nginx).on_port(port);

    let url = |path: &str| format!("http://localhost:{port}{path}");
    let unix = format!("unix:{}", folder.path("web.sock"));
    check(&[&url("/healthz")]).healthy("200 OK in ");
    check(&[&url("/healthz"), "-e", "and", "--expect-header", "x-ready: YES"]).healthy("200 OK");
    check(&[&url("/healthz"), "-X", "HEAD"]).healthy("200 OK");
    check(&["http://any.host/healthz", "--connect-to", &unix, "-e", "running"]).healthy("200 OK");
    check(&[&url("/sick")]).unhealthy("status 503, want 200-399: db down\n");
    check(&[&url("/none")]).unhealthy("status 404, want 200-399: <html>");
    check(&[&url("/moved")]).healthy("302 Moved Temporarily");
    let curl =
        |path: &str| Command::new("curl").args(["-fs", "-o", "/dev/null", &url(path)]).status();
    assert!(curl("/moved").expect("curl").success() && !curl("/sick").expect("curl").success());
    check(&[&url("/moved"), "--follow"]).healthy("200 OK");
    check(&[&url("/dots"), "--follow", "-e", "up"]).healthy("200 OK");
    // A host that is none is not this one.
    check(&[&url("/nobody"), "--follow"]).unhealthy("want one that can be followed");
    check(&[&url("/colon"), "--follow"]).unhealthy("want one that can be followed");
    // A value on two lines is one with a blank in it.
    let policy = "X-Policy: default-src x; img-src *";
    check(&[&url("/folded"), "--expect-header", policy]).healthy("200 OK");
    // Chunked, in full, as JSON.
    check(&[&url("/dir/"), "--expect-json", "/1/name=a.txt", "--expect-json", "/1/size=10000"])
        .healthy("200 OK");
    check(&[&url("/old"), "--expect-json", "/0/name=sub"]).healthy("200 OK");
    check(&[&url("/dir/a.txt"), "-e", "b"]).unhealthy("body of 10000 bytes, want \"b\" in it");
    check(&[&url("/secret")]).unhealthy("status 401");
    check(&[&url("/secret"), "-u", "u:p w", "-e", "a"]).healthy("200 OK");
    check(&[&url("/secret"), "-u", "u:wrong"]).unhealthy("status 401");
    check(&[&url("/gone")]).unhealthy("the connection was closed without a response");
    check(&[&format!("tcp://localhost:{port}")]).healthy("connected to 127.0.0.1");
}
