//! A second opinion: serde_json must say of a body what the target `json` says.

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::targets::{self, Asked};

/// The target's body, and then serde_json's.
pub fn json(data: &[u8]) {
    targets::json(data);
    if let Some(asked) = targets::split(data) {
        same_text(&asked);
        same_value(&asked);
    }
}

/// Both take the same texts for JSON. Ours has a limit of depth, and reads the strings on the path:
/// a lone surrogate there is no text.
fn same_text(asked: &Asked) {
    let body = asked.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(asked.body);
    let theirs = str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    // Only these words are ours: pointer and body are shown around them.
    let why =
        asked.words().strip_prefix("body of ").and_then(|rest| rest.split(", want JSON").next());
    let why = why.unwrap_or_default();
    let ours = why.is_empty();
    let surrogate = body.windows(3).any(|w| w.eq_ignore_ascii_case(b"\\ud"));
    assert!(ours == theirs || theirs && (surrogate || why.contains("nested over")), "{why}");
}

/// Healthy only if the value is there; and a string that is there once is found.
fn same_value(asked: &Asked) {
    let body = asked.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(asked.body);
    let Ok(tree) = serde_json::from_slice::<Value>(body) else { return };
    let words = asked.words();
    match (tree.pointer(asked.pointer), asked.verdict.is_ok()) {
        (Some(Value::String(text)), healthy) if !words.contains("there twice") => {
            assert_eq!(text == asked.value, healthy, "{words}");
        }
        (Some(Value::Number(number)), true) => {
            let wanted: f64 = asked.value.parse().expect("a number");
            let got = number.as_f64().expect("a number");
            assert!((wanted - got).abs() <= got.abs() * 1e-9, "{wanted} {got}");
        }
        (Some(Value::Bool(_) | Value::Null), true) => {
            assert_eq!(
                tree.pointer(asked.pointer).map(Value::to_string).as_deref(),
                Some(asked.value)
            );
        }
        (found, true) => panic!("healthy, and serde_json has {found:?}"),
        (_, false) => {}
    }
}
