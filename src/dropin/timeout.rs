//! `timeout N WORDS`: GNU's and BusyBox's.

use super::Call;
use super::expr::{Reads, Value};
use crate::input::value;
use crate::text::Wrong;

/// Reads its own options, and then the words as a call.
pub fn read(call: &Call<'_>) -> Result<Reads, Wrong> {
    let mut words = call.words;
    let mut time = None;
    while let [Value::Text(word), rest @ ..] = words {
        words = rest;
        match word.as_slice() {
            b"-s" | b"--signal" | b"-k" | b"--kill-after" => {
                words = words.get(1..).unwrap_or_default()
            }
            // BusyBox had the time as an option once.
            b"-t" => {}
            [b'-', ..] => {}
            given => {
                time = Some(given);
                break;
            }
        }
    }
    let Some(time) = time.filter(|_| !words.is_empty()) else {
        return Err(call.refuse("want a time and a command"));
    };
    let mut reads = call.call(words)?;
    if !time.iter().all(|byte| b"0s".contains(byte)) {
        let time = value::duration(time).map_err(|_| call.wrong(time, "a time: 3, 3s, 2m"))?;
        reads.expr = reads.expr.within(time);
    }
    Ok(reads)
}
