//! Drop-in names against the originals: the same text, the same server, the same end.

mod http;
mod named;
mod services;

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use super::support::{Run, command, run};

/// Runs `text` by our `sh`, and by a real one with the real tools.
fn both(shell: &[&str], text: &str) -> (Run, Run) {
    let ours = run(&mut command(["sh", "-c", text]));
    let (first, more) = shell.split_first().expect("a shell");
    let theirs = run(Command::new(first)
        .args(more)
        .args(["-c", text])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/tmp")
        .stdin(Stdio::null()));
    (ours, theirs)
}

/// Calls `body` for each of `items`, several at once.
fn each<T: Sync>(items: &[T], body: impl Fn(&T) + Sync) {
    let next = Mutex::new(items.iter());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let item = next.lock().expect("no panic").next();
                    let Some(item) = item else { return };
                    body(item);
                }
            });
        }
    });
}
