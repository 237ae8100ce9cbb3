//! The faults, one row each, and what they are for each kind of check.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::kinds::{self, Kind, kinds};
use super::server::{Listen, Relay, Step};

/// The verdict that is right.
pub enum Want {
    /// Unhealthy, with one of these words; with any when there are none.
    Sick(&'static [&'static str]),
    Well,
    /// What was needed may or may not have come.
    Either,
}

/// One run against one server.
pub struct Case {
    pub listen: Listen,
    pub want: Want,
    /// Which of the fault's cases it is.
    pub note: String,
    /// One of many: run once, for people only.
    pub brief: bool,
}

/// A kind of check with all faults.
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// Inside TLS, around it, or without.
    pub inside: Option<bool>,
    pub faults: Vec<(&'static str, Vec<Case>)>,
}

impl Column {
    pub fn args(&self) -> &'static [&'static str] {
        match (&self.inside, &self.kind.tls) {
            (Some(_), Some((_, args))) => args,
            _ => self.kind.args,
        }
    }
}

const HTTP: &[&str] = &["an HTTP/1 server answers here", "status 400"];
const SSH: &[&str] = &["an SSH server answers here"];
const TLS: &[&str] = &["a TLS server answers here", "the server speaks neither TLS 1.2 nor 1.3"];
const REFUSED: &[&str] = &["Connection refused (os error 111)"];
const LATE: &[&str] =
    &["timed out after 1 s while reading from", "timed out after 1 s in the TLS handshake"];

/// Every kind: without TLS, around TLS and inside it. `run` runs a case that must be healthy.
pub fn columns(front: u16, run: &dyn Fn(&Column, &Case)) -> Vec<Column> {
    let mut columns = Vec::new();
    let rows = |listen: &dyn Fn(Listen) -> Listen, kind: &Kind, tls: bool| {
        let rows = within(kind, tls);
        rows.into_iter()
            .map(|(name, cases)| {
                let cases =
                    cases.into_iter().map(|case| Case { listen: listen(case.listen), ..case });
                (name, cases.collect())
            })
            .collect()
    };
    for kind in kinds() {
        let datagram = Listen::Datagrams(vec![kinds::record(true)], Box::new(Listen::Refuse));
        let listen = |tcp: Listen| match &datagram {
            Listen::Datagrams(answers, _) if kind.echo => {
                Listen::Datagrams(answers.clone(), Box::new(tcp))
            }
            _ => tcp,
        };
        let faults = rows(&listen, &kind, false);
        columns.push(Column { name: kind.name.into(), kind, inside: None, faults });
    }
    for kind in kinds() {
        let Some((name, _)) = kind.tls else { continue };
        let mut faults: Vec<(&str, Vec<Case>)> = rows(&|listen| listen, &kind, true);
        for (_, cases) in faults.iter_mut().filter(|(name, _)| *name == "refused") {
            // By whom TLS is in front of: the connection is there, and ends.
            cases[0].want = Want::Sick(&["without close_notify", "(os error 104)", "closed"]);
        }
        columns.push(Column { name: format!("inside {name}"), kind, inside: Some(true), faults });
    }
    for kind in kinds() {
        let Some((name, _)) = kind.tls else { continue };
        let sound = Box::new(Listen::Accept(valid(&kind)));
        let mut column =
            Column { name: name.into(), kind, inside: Some(false), faults: Vec::new() };
        let count = Arc::new(AtomicUsize::new(0));
        let relay = Relay::Count(Arc::clone(&count));
        run(&column, &case(Listen::Relay(sound.clone(), front, relay), Want::Well, ""));
        // It ran twice.
        column.faults = around(&sound, front, count.load(Ordering::SeqCst) / 2);
        columns.push(column);
    }
    columns.extend([datagrams("udp"), datagrams("dns (udp)")]);
    columns
}

fn case(listen: Listen, want: Want, note: impl Into<String>) -> Case {
    let note: String = note.into();
    let note = if note.is_empty() { note } else { format!(" ({note})") };
    Case { listen, want, note, brief: false }
}

/// The whole conversation as it should be.
fn valid(kind: &Kind) -> Vec<Step> {
    let mut steps = up_to(kind, kind.turns.len());
    steps.push(Step::Fin);
    steps
}

/// The first turns, and what the server waits for before the next one.
pub fn up_to(kind: &Kind, turns: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for (i, turn) in kind.turns.iter().chain([&Vec::new()]).enumerate().take(turns + 1) {
        if (i > 0 || !kind.greets) && i < kind.turns.len() {
            steps.push(Step::Hear);
        }
        if i < turns {
            steps.push(Step::Say(turn.clone()));
        }
    }
    steps
}

/// The first `n` bytes of the conversation.
fn first(kind: &Kind, mut n: usize) -> Vec<Step> {
    for (i, turn) in kind.turns.iter().enumerate() {
        if n < turn.len() || i + 1 == kind.turns.len() {
            let mut steps = up_to(kind, i);
            steps.push(Step::Say(turn[..n].to_vec()));
            return steps;
        }
        n -= turn.len();
    }
    Vec::new()
}

/// All numbers below `total` when they are few; else the first, the last, and some between. Inside
/// TLS, and of TLS itself, some will do: it is slow, and the decoders are the same.
fn positions(total: usize, tls: bool) -> Vec<usize> {
    let (first, last, between) = if tls { (6, 6, 12) } else { (24, 16, 24) };
    let few = !tls && total <= 64;
    let some = |n: &usize| {
        few || *n < first || *n + last > total || n.is_multiple_of(total.div_ceil(between))
    };
    (0..total).filter(some).collect()
}

/// The faults of a server whose connections carry the protocol itself.
fn within(kind: &Kind, tls: bool) -> Vec<(&'static str, Vec<Case>)> {
    let accept = |steps: Vec<Step>, want, note: &str| case(Listen::Accept(steps), want, note);
    let turns = 0..kind.turns.len();
    let total: usize = kind.turns.iter().map(Vec::len).sum();
    let needed = total - kind.spare;
    let each = |more: &dyn Fn(usize) -> Vec<(Vec<Step>, Want, String)>| -> Vec<Case> {
        let cases = turns.clone().flat_map(|turn| {
            more(turn).into_iter().map(move |(steps, want, note)| {
                accept([up_to(kind, turn), steps].concat(), want, &format!("turn {turn}{note}"))
            })
        });
        cases.collect()
    };
    let endless = |which: usize| {
        each(&|_| {
            let (start, more) = &kind.endless[which];
            let steps = vec![Step::Say(start.clone()), Step::Flood(more.clone())];
            vec![(steps, Want::Sick(&[]), String::new())]
        })
    };
    let foreign = |bytes: &'static [u8], words: &'static [&'static str]| {
        // In a DNS message some bytes are the request's.
        let words = if kind.echo { &["want a DNS message"] } else { words };
        each(&|_| {
            let say = Step::Say(bytes.to_vec());
            vec![
                (vec![say.clone(), Step::Fin], Want::Sick(words), ", then the end".into()),
                (vec![say], Want::Sick(words), ", then silence".into()),
            ]
        })
    };
    let drip = Duration::from_millis(100);
    let dripped = match needed {
        ..=6 => Want::Well,
        7..=10 => Want::Either,
        _ => Want::Sick(LATE),
    };
    let drips: Vec<Step> = up_to(kind, kind.turns.len())
        .into_iter()
        .map(|step| match step {
            Step::Say(bytes) => Step::Drip(bytes, drip),
            step => step,
        })
        .collect();
    let cut = |end: &[Step]| -> Vec<Case> {
        let of = |n: &usize| {
            let want = if *n < needed { Want::Sick(&[]) } else { Want::Well };
            let steps = [first(kind, *n), end.to_vec()].concat();
            Case { brief: true, ..accept(steps, want, &format!("after {n} of {total}")) }
        };
        positions(total, tls).iter().map(of).collect()
    };
    vec![
        ("none", vec![accept(valid(kind), Want::Well, "")]),
        ("refused", vec![case(Listen::Refuse, Want::Sick(REFUSED), "")]),
        ("full backlog", vec![case(Listen::Full, Want::Sick(&["timed out after 1 s while"]), "")]),
        ("reset", {
            let mut cases = vec![accept(vec![Step::Reset], Want::Sick(&[]), "at once")];
            cases.extend(each(&|_| vec![(vec![Step::Reset], Want::Sick(&[]), String::new())]));
            let half = [first(kind, needed / 2), vec![Step::Reset]].concat();
            cases.push(accept(half, Want::Sick(&[]), "half-way"));
            cases
        }),
        ("silence", each(&|_| vec![(vec![], Want::Sick(LATE), String::new())])),
        ("closed after each byte", cut(&[Step::Fin])),
        ("silent after a byte", {
            let few = [1, needed / 2, needed - 1];
            let of =
                |n: usize| accept(first(kind, n), Want::Sick(LATE), &format!("{n} of {total}"));
            few.into_iter().map(of).collect()
        }),
        ("a byte per 100 ms", vec![accept(drips, dripped, "")]),
        ("a byte per 200 ms for ever", {
            each(&|_| {
                let (start, more) = &kind.endless[0];
                let pause = Duration::from_millis(200);
                let steps = vec![Step::Say(start.clone()), Step::DripForever(more.clone(), pause)];
                vec![(steps, Want::Sick(LATE), String::new())]
            })
        }),
        ("endless head", endless(0)),
        ("endless body", endless(1)),
        ("lengths that lie", lies(kind)),
        ("HTTP", foreign(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", HTTP)),
        ("an SSH banner", foreign(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", SSH)),
        ("a TLS alert", foreign(b"\x15\x03\x01\0\x02\x02\x46", TLS)),
        ("half-close", {
            let mut cases = vec![accept(vec![Step::Fin], Want::Sick(&[]), "before a word")];
            cases.extend(each(&|_| vec![(vec![Step::Fin], Want::Sick(&[]), String::new())]));
            cases
        }),
        ("data before the request", {
            let all = vec![Step::Say(kind.turns.concat())];
            let other = vec![Step::Say(b"220 mail.test ESMTP\r\n".to_vec())];
            vec![accept(all, Want::Either, "valid"), accept(other, Want::Sick(&[]), "another's")]
        }),
        ("64 KiB of noise", {
            let noisy = |seed: u64| {
                each(&|_| {
                    vec![(
                        vec![Step::Say(noise(seed)), Step::Fin],
                        Want::Sick(&[]),
                        format!(", seed {seed}"),
                    )]
                })
            };
            (1..=4).flat_map(noisy).collect()
        }),
    ]
}

/// Answers whose lengths are too large, too small, or not there, and then the end, or silence.
fn lies(kind: &Kind) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lie = |turn: usize, bytes: Vec<u8>, note: String| {
        for (end, how) in [(vec![Step::Fin], "the end"), (vec![], "silence")] {
            let steps = [up_to(kind, turn), vec![Step::Say(bytes.clone())], end].concat();
            cases.push(case(Listen::Accept(steps), Want::Sick(&[]), format!("{note}, then {how}")));
        }
    };
    let last = kind.turns.len() - 1;
    for (i, bytes) in kind.lies.iter().enumerate() {
        lie(last, bytes.clone(), format!("answer {i}"));
    }
    for (turn, at, width) in kind.lengths {
        let field = *at..at + width;
        let mut values: Vec<Vec<u8>> = vec![vec![0; *width], vec![0xff; *width]];
        for end in [0, width - 1] {
            for by in [1, 0xff, 0x80] {
                let mut value = kind.turns[*turn][field.clone()].to_vec();
                value[end] = value[end].wrapping_add(by);
                values.push(value);
            }
        }
        for value in values {
            let mut bytes = kind.turns[*turn].clone();
            bytes[field.clone()].copy_from_slice(&value);
            lie(*turn, bytes, format!("turn {turn}, {value:x?} at {at}"));
        }
    }
    cases
}

/// xorshift64.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..8192).flat_map(|_| next()).collect()
}

/// The faults of a server that ought to speak TLS: `sound` is one that does, by way of `front`, in
/// `total` bytes.
fn around(sound: &Listen, front: u16, total: usize) -> Vec<(&'static str, Vec<Case>)> {
    let relay = |how: Relay, want, note: &str| {
        case(Listen::Relay(Box::new(sound.clone()), front, how), want, note)
    };
    // As a kind whose answer is the start of a handshake: a ServerHello with its lengths.
    let mut hello = b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03".to_vec();
    hello.extend_from_slice(&[7; 116]);
    let kind = Kind {
        name: "",
        args: &[],
        greets: false,
        turns: vec![hello],
        spare: 0,
        endless: [
            (b"\x16\x03\x03\x40\0\x02\0\xff\xff\x03\x03".to_vec(), b"x".to_vec()),
            (Vec::new(), b"\x15\x03\x03\0\x02\x01\x5a".to_vec()),
        ],
        lengths: &[(0, 3, 2), (0, 6, 3)],
        lies: Vec::new(),
        echo: false,
        tls: None,
    };
    let mut rows = within(&kind, true);
    for (name, cases) in &mut rows {
        match *name {
            "none" => *cases = vec![relay(Relay::Cut(usize::MAX), Want::Well, "")],
            "closed after each byte" => {
                // The last record is a close_notify, which may have come or not; before it comes
                // the answer, without which nobody may be called healthy. A signature's length
                // differs by a byte or three.
                let of = |n: &usize| {
                    let want = if n + 28 < total { Want::Sick(&[]) } else { Want::Either };
                    let note = format!("after {n} of {total}");
                    Case { brief: true, ..relay(Relay::Cut(*n), want, &note) }
                };
                *cases = positions(total, true).iter().map(of).collect();
            }
            "a byte per 100 ms" => {
                let how = Relay::Drip(Duration::from_millis(100));
                *cases = vec![relay(how, Want::Sick(LATE), "")];
            }
            "data before the request" => {
                for case in cases {
                    case.want = Want::Sick(&[]);
                }
            }
            _ => {}
        }
    }
    rows
}

/// UDP has no connections: what comes closest to each fault, in datagrams.
fn datagrams(name: &'static str) -> Column {
    let dns = name != "udp";
    let whole = if dns { kinds::record(false) } else { b"pong".to_vec() };
    let answers = |answers: Vec<Vec<u8>>, want, note: &str| {
        case(Listen::Datagrams(answers, Box::new(Listen::Refuse)), want, note)
    };
    let sick = |list: Vec<Vec<u8>>| vec![answers(list, Want::Sick(&[]), "")];
    let silence = || answers(vec![], Want::Sick(LATE), "");
    let patched = |at: usize, bytes: &[u8]| {
        let mut message = whole.clone();
        message[at..at + bytes.len()].copy_from_slice(bytes);
        message
    };
    let kind = Kind {
        args: if dns {
            &["dns://127.0.0.1:PORT/a.test"]
        } else {
            &["udp://127.0.0.1:PORT", "--send", "ping", "-e", "pong"]
        },
        ..kinds::kind(name, &[], &[&whole])
    };
    let cuts = (0..whole.len())
        .map(|n| answers(vec![whole[..n].to_vec()], Want::Sick(&[]), &format!("after {n}")));
    let bytes: Vec<Vec<u8>> = whole.iter().map(|byte| vec![*byte]).collect();
    // A text, or an answer, lies within one datagram.
    let dripped = Want::Sick(&[]);
    let lies = if dns {
        let lie = |at: usize, bytes: &[u8]| {
            answers(vec![patched(at, bytes)], Want::Sick(&[]), &format!("{bytes:x?} at {at}"))
        };
        vec![
            lie(4, &[0xff, 0xff]),
            lie(6, &[0xff, 0xff]),
            lie(6, &[0, 2]),
            lie(6, &[0, 0]),
            lie(34, &[0xff, 0xff]),
            lie(34, &[0, 5]),
            lie(34, &[0, 3]),
            lie(12, &[63]),
            lie(24, &[64]),
        ]
    } else {
        vec![answers(vec![b"99999 pon".to_vec()], Want::Sick(&[]), "")]
    };
    let foreign = |bytes: &[u8]| sick(vec![bytes.to_vec()]);
    let faults = vec![
        ("none", vec![answers(vec![whole.clone()], Want::Well, "")]),
        (
            "refused",
            vec![case(Listen::Refuse, Want::Sick(&["Connection refused (os error 111)"]), "")],
        ),
        ("full backlog", vec![silence()]),
        (
            "reset",
            vec![case(Listen::Refuse, Want::Sick(&["Connection refused (os error 111)"]), "")],
        ),
        ("silence", vec![silence()]),
        ("closed after each byte", cuts.collect()),
        ("silent after a byte", sick(vec![whole[..1].to_vec()])),
        ("a byte per 100 ms", vec![answers(bytes, dripped, "a datagram for each byte")]),
        ("a byte per 200 ms for ever", sick(vec![vec![0]; 5])),
        ("endless head", sick(vec![vec![b'x'; 500]; 200])),
        ("endless body", sick(vec![vec![b'x'; 60_000]; 100])),
        ("lengths that lie", lies),
        ("HTTP", foreign(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
        ("an SSH banner", foreign(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
        ("a TLS alert", foreign(b"\x15\xfe\xff\0\0\0\0\0\0\0\0\0\x02\x02\x46")),
        ("half-close", sick(vec![vec![]])),
        ("data before the request", sick(vec![b"220 mail.test\r\n".to_vec()])),
        ("64 KiB of noise", sick(noise(1).chunks(60_000).map(<[u8]>::to_vec).collect())),
    ];
    Column { name: name.into(), kind: Kind { echo: dns, ..kind }, inside: None, faults }
}
