//! Every kind of check against every fault of a server: never healthy wrongly, never late, one line
//! that names the step and the cause, and little memory.
//!
//! The table of what was tried is left in `target/fault-matrix.md`, which `make integration` prints,
//! and what was said in `target/fault-lines.txt`.

mod cases;
mod deadline;
pub mod kinds;
pub mod server;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Certificates, Folder, Peer, emulated, exe, heavy};
use cases::{Case, Column, Want, columns};
use server::{behind, serve};

/// The `--timeout` of all runs, and what the executable may take by its own clock.
const MOST: u64 = 1100;
/// The same where each instruction takes many times as long.
const EMULATED: u64 = 2000;
/// What a run may take with all that surrounds it, on a busy machine.
const WALL: Duration = Duration::from_millis(2500);
/// Peak resident memory, in KiB.
const MEMORY: u64 = 2048;
/// Cases at a time: nearly all of them wait.
const WORKERS: usize = 36;
/// A machine that is busy with others may make a run late, but not again and again.
const TRIES: usize = 4;

/// TLS in front of the servers, with a certificate for localhost.
struct Front {
    port: u16,
    ca: String,
    _peer: Peer,
    _folder: Folder,
}

impl Front {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let Certificates { root, cert, key, .. } = Certificates::in_folder(&folder);
        let peer = Peer::python("tls_front.py", &[&cert, &key]);
        Self { port: peer.port("front"), ca: root, _peer: peer, _folder: folder }
    }
}

/// What a case came to.
struct Seen {
    healthy: bool,
    /// By the executable's own clock.
    elapsed: u64,
    /// KiB.
    memory: u64,
    /// What it said.
    line: String,
}

/// KiB in one unit of what `busybox time -f %M` prints: many versions multiply by pages what is
/// KiB already.
fn unit() -> u64 {
    let args =
        ["time", "-f", "%M", "busybox", "dd", "bs=32M", "count=1", "if=/dev/zero", "of=/dev/null"];
    let done =
        Command::new("busybox").args(args).output().expect("busybox is wanted for this test");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let kib: u64 = said.lines().last().expect("a line").parse().expect("a number");
    assert!(kib > 32_768, "{said}");
    if kib > 100_000 { 4 } else { 1 }
}

/// Runs the case twice, for people and for machines; both must say the same.
fn attempt(column: &Column, case: &Case, front: &Front, unit: u64) -> Result<Seen, String> {
    let prepare = || {
        let held = serve(&case.listen, column.kind.echo);
        let args: Vec<String> =
            column.args().iter().map(|arg| arg.replace("PORT", &held.port.to_string())).collect();
        let mut args = [args, ["-t", "1s"].map(String::from).to_vec()].concat();
        if column.inside.is_some() {
            let address = match column.inside {
                Some(true) => behind(front.port, held.port),
                _ => ([127, 0, 0, 1], held.port).into(),
            };
            let more =
                ["--cacert", &front.ca, "--connect-to", &address.to_string()].map(String::from);
            args.extend(more);
        }
        (held, args)
    };

    // Its resident set, and not that of whoever started it: a process that is forked has the
    // resident set of its parent until it becomes another, and so busybox, with its 1.3 MiB,
    // stands between this one and it.
    let (held, args) = prepare();
    let mut command = Command::new("busybox");
    command.args(["time", "-f", "%M"]).arg(exe()).args(&args);
    let started = Instant::now();
    let text = command.env_clear().env("PATH", "/usr/bin:/bin").output().expect("it starts");
    let wall = started.elapsed();
    drop(held);
    let line = String::from_utf8(text.stdout).map_err(|_| "no UTF-8")?;
    let mut words: Vec<&str> =
        str::from_utf8(&text.stderr).map_err(|_| "no UTF-8")?.lines().collect();
    let memory: u64 = words.pop().and_then(|n| n.parse().ok()).ok_or("no memory")?;
    words.retain(|line| !line.starts_with("Command exited with") && !line.starts_with("waiting: "));
    let healthy = match text.status.code() {
        Some(0) => true,
        Some(1) => false,
        code => return Err(format!("exit code {code:?}")),
    };
    let start = format!("{}: {}: ", if healthy { "healthy" } else { "unhealthy" }, args[0]);
    let one = line.matches('\n').count() == 1 && line.ends_with('\n') && line.len() < 4096;
    if !one || !line.starts_with(&start) || !words.is_empty() {
        return Err(format!("{line:?} {words:?}"));
    }
    judge(case, healthy, &line)?;
    let memory = memory / unit;
    // An emulator's own would be seen.
    if memory > MEMORY && !emulated() {
        return Err(format!("{memory} KiB: {line}"));
    }
    if case.brief {
        let elapsed = u64::try_from(wall.as_millis()).expect("few");
        let late = || format!("late: {wall:?} with all: {line}");
        let seen = Seen { healthy, elapsed: elapsed.min(MOST), memory, line: line.clone() };
        return if wall > WALL { Err(late()) } else { Ok(seen) };
    }

    let (_held, args) = prepare();
    let started = Instant::now();
    let mut command = Command::new(exe());
    let json = command.args(&args).args(["-o", "json"]).env_clear().output().expect("it starts");
    let wall = wall.max(started.elapsed());
    let json = String::from_utf8(json.stdout).map_err(|_| "no UTF-8")?;
    judge(case, json.starts_with("{\"healthy\":true"), &json)?;
    let steps = ["resolve", "connect", "handshake", "send", "read", "judge"];
    if !json.starts_with("{\"healthy\":true")
        && !field(&json, "step").is_some_and(|step| steps.contains(&&*step))
    {
        return Err(format!("no step: {json}"));
    }
    let elapsed: u64 =
        field(&json, "elapsed_ms").and_then(|ms| ms.parse().ok()).ok_or("no time")?;
    if elapsed > if emulated() { EMULATED } else { MOST } || wall > WALL {
        return Err(format!("late: {elapsed} ms, {wall:?} with all: {line}"));
    }
    Ok(Seen { healthy, elapsed, memory, line })
}

/// A number or a plain text of JSON output, the last one of this name.
fn field(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.rsplit_once(&format!("\"{name}\":"))?;
    Some(rest.split([',', '}']).next().unwrap_or_default().trim_matches('"').to_owned())
}

/// Whether the verdict is the right one, and its words are.
fn judge(case: &Case, healthy: bool, line: &str) -> Result<(), String> {
    let right = match &case.want {
        Want::Well => healthy,
        Want::Either => true,
        Want::Sick(_) => !healthy,
    };
    let said = |words: &[&str]| words.is_empty() || words.iter().any(|words| line.contains(words));
    let places =
        ["connecting to ", "TLS handshake with ", "sending to ", "reading from ", ", want "];
    match &case.want {
        _ if !healthy && !said(&places) => Err(format!("neither step nor cause: {line}")),
        _ if !right => Err(format!("wrong verdict: {line}")),
        Want::Sick(words) if !said(words) => Err(format!("none of {words:?}: {line}")),
        _ => Ok(()),
    }
}

/// Tries again what may be the machine's fault: a run that was late, or too slow to be healthy.
fn settle(
    column: &Column,
    case: &Case,
    run: impl Fn(&Column, &Case) -> Result<Seen, String>,
) -> (Result<Seen, String>, usize) {
    let mut tries = 1;
    loop {
        let seen = run(column, case);
        let busy = |why: &String| why.starts_with("late: ") || matches!(case.want, Want::Well);
        if tries == TRIES || !seen.as_ref().is_err_and(busy) {
            return (seen, tries - 1);
        }
        tries += 1;
    }
}

type Cells = BTreeMap<(usize, usize), Vec<Seen>>;

#[test]
fn every_kind_survives_every_fault() {
    let _alone = heavy();
    let started = Instant::now();
    let front = Front::start("fault-front");
    let unit = unit();
    let run = |column: &Column, case: &Case| attempt(column, case, &front, unit);
    let columns = columns(front.port, &|column, case| {
        run(column, case).unwrap_or_else(|why| panic!("{}: {why}", column.name));
    });
    let mut todo = Vec::new();
    for (c, column) in columns.iter().enumerate() {
        for (f, (name, cases)) in column.faults.iter().enumerate() {
            assert!(!cases.is_empty(), "a hole: {name} for {}", column.name);
            todo.extend(cases.iter().map(|case| (c, f, case)));
        }
    }
    let all = todo.len();
    let todo = Mutex::new(todo.into_iter());
    let (cells, wrong) = (Mutex::new(Cells::new()), Mutex::new(Vec::new()));
    let again = AtomicUsize::new(0);
    let work = || {
        loop {
            let Some((c, f, case)) = todo.lock().expect("a list").next() else { break };
            let column = &columns[c];
            let (seen, tries) = settle(column, case, run);
            again.fetch_add(tries, Ordering::Relaxed);
            match seen {
                Ok(seen) => {
                    cells.lock().expect("a table").entry((f, c)).or_default().push(seen);
                }
                Err(why) => {
                    let (fault, note) = (column.faults[f].0, &case.note);
                    let why = format!("{}, {fault}{note}: {why}", column.name);
                    wrong.lock().expect("a list").push(why);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..if emulated() { 8 } else { WORKERS } {
            scope.spawn(work);
        }
    });
    let cells = cells.into_inner().expect("a table");
    let mut report = table(&columns, &cells);
    let worst = |of: fn(&Seen) -> u64| cells.values().flatten().map(of).max().unwrap_or(0);
    let _ = writeln!(
        report,
        "\n{all} cases, each run for people and for machines, in {} s with {WORKERS} at a time; the \
         slowest took {} ms of its 1 s, the largest {} KiB; {} were tried again.",
        started.elapsed().as_secs(),
        worst(|seen| seen.elapsed),
        worst(|seen| seen.memory),
        again.into_inner(),
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::write(folder.join("fault-matrix.md"), &report).expect("a file");
    let mut lines = String::new();
    for ((f, c), seen) in &cells {
        for seen in seen {
            let _ = write!(
                lines,
                "{} | {} | {}",
                columns[*c].faults[*f].0, columns[*c].name, seen.line
            );
        }
    }
    std::fs::write(folder.join("fault-lines.txt"), lines).expect("a file");
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Fault by fault and kind by kind: how many cases were unhealthy (`-`) and healthy (`+`), and the
/// longest time of one in ms.
fn table(columns: &[Column], cells: &Cells) -> String {
    let mut text = String::from("| fault |");
    columns.iter().for_each(|column| {
        let _ = write!(text, " {} |", column.name);
    });
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(columns.len()));
    let mut line = |name: &str, cell: &dyn Fn(usize) -> String| {
        let _ = write!(text, "\n| {name} |");
        for c in 0..columns.len() {
            let _ = write!(text, " {} |", cell(c));
        }
    };
    for (f, (name, _)) in columns[0].faults.iter().enumerate() {
        line(name, &|c| {
            let seen = cells.get(&(f, c)).map_or(&[][..], Vec::as_slice);
            let well = seen.iter().filter(|seen| seen.healthy).count();
            let slowest = seen.iter().map(|seen| seen.elapsed).max().unwrap_or(0);
            let count =
                |sign: &str, n: usize| if n == 0 { String::new() } else { format!("{sign}{n} ") };
            format!("{}{}{slowest}", count("-", seen.len() - well), count("+", well))
        });
    }
    line("peak memory, KiB", &|c| {
        let of = |((_, column), seen): (&(usize, usize), &Vec<Seen>)| {
            seen.iter().filter(|_| *column == c).map(|seen| seen.memory).max()
        };
        cells.iter().filter_map(of).max().unwrap_or(0).to_string()
    });
    text + "\n"
}
