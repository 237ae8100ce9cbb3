//! `cat FILE`: it can be read.

use super::Call;
use super::expr::{Expr, Output, Reads, join};
use crate::text::Wrong;

/// Reads its words; without one, what a pipe brings.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    match (call.texts()?.as_slice(), &call.stdin) {
        ([] | [b"-"], Some(stdin)) => Ok(stdin.clone()),
        ([] | [b"-"], None) => Ok(Reads::settled(true, "cat")),
        ([path], _) if !path.starts_with(b"-") => {
            let arguments = vec![target(path), b"--readable".to_vec()];
            Ok(Reads { expr: Expr::Native(arguments.clone()), output: Output::Body(arguments) })
        }
        _ => Err(call.refuse("want one file")),
    }
}

/// `file:///PATH`; a relative one from the working directory.
pub fn target(path: &[u8]) -> Vec<u8> {
    let here: &[u8] = if path.starts_with(b"/") { b"" } else { b"/proc/self/cwd/" };
    join(&[b"file://", here, path])
}
