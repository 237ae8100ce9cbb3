//! The deadline as a property: whatever bytes come whenever, never late and never wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::cases::up_to;
use super::field;
use super::kinds::{Kind, kinds};
use super::server::{Listen, Step, serve};
use crate::support::{check, emulated, heavy};

/// Cases for each kind.
const CASES: u64 = 40;
/// What a run may take beyond its deadline, by its own clock.
const OVER: u64 = 100;
/// So many times as much where each instruction takes as long.
const EMULATED: u64 = 5;
/// What must be left for an answer to be in time on a machine that is busy.
const ROOM: u64 = 200;
/// For a machine that is busier than that.
const TRIES: usize = 4;

/// xorshift64*, seeded so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// A conversation in pieces, with pauses.
struct Play {
    steps: Vec<Step>,
    /// When the last byte that is needed comes, at the earliest; `None`: never.
    complete: Option<u64>,
    timeout: u64,
}

fn play(kind: &Kind, seed: u64) -> Play {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // The first numbers of close seeds are close.
    (0..8).for_each(|_| {
        random.below(2);
    });
    let timeout = 200 + random.below(700);
    let total: usize = kind.turns.iter().map(Vec::len).sum();
    // A third of all lose the end of the answer, or one of its bytes.
    let (lost, fault) = (random.below(total as u64 - kind.spare as u64) as usize, random.below(6));
    let (mut steps, mut at, mut said, mut complete) = (Vec::new(), 0, 0, 0);
    let longest = 1 + random.below(300);
    'all: for step in up_to(kind, kind.turns.len()) {
        let Step::Say(bytes) = step else {
            steps.push(step);
            continue;
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (mut piece, after) = rest.split_at(1 + random.below(rest.len() as u64) as usize);
            rest = after;
            if fault == 0 && said + piece.len() > lost {
                piece = &piece[..lost - said];
            }
            let pause = random.below(longest);
            at += pause;
            if said < total - kind.spare {
                complete = at;
            }
            said += piece.len();
            if let [first, more @ ..] = piece {
                steps.push(Step::Drip(vec![*first], Duration::from_millis(pause)));
                steps.push(Step::Say(more.to_vec()));
            }
            if fault == 0 && said == lost {
                break 'all;
            }
        }
    }
    if random.below(2) == 0 {
        steps.push(Step::Fin);
    }
    Play { steps, complete: (fault > 0).then_some(complete), timeout }
}

fn attempt(kind: &Kind, play: &Play) -> Result<(), String> {
    let held = serve(&Listen::Accept(play.steps.clone()), kind.echo);
    let port = held.port.to_string();
    let mut args: Vec<String> = kind.args.iter().map(|arg| arg.replace("PORT", &port)).collect();
    args.extend(["-t".into(), format!("{}ms", play.timeout), "-o".into(), "json".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let run = check(&args);
    let healthy = run.code == Some(0);
    let slower = if emulated() { EMULATED } else { 1 };
    let elapsed: u64 = field(&run.out, "elapsed_ms").and_then(|ms| ms.parse().ok()).unwrap_or(!0);
    let wrong = match play.complete {
        _ if !matches!(run.code, Some(0 | 1)) => "exit code",
        _ if elapsed > play.timeout + OVER * slower => "late",
        None if healthy => "healthy without an answer",
        // The server began to count after the client did.
        Some(at) if healthy && at > play.timeout => "healthy after the deadline",
        Some(at) if !healthy && at + ROOM * slower < play.timeout => {
            "unhealthy in spite of the answer"
        }
        _ => return Ok(()),
    };
    Err(format!("{wrong}, complete after {:?} of {} ms: {run:?}", play.complete, play.timeout))
}

#[test]
fn never_late_and_never_wrong() {
    let _alone = heavy();
    let kinds: Vec<Kind> = kinds()
        .into_iter()
        .filter(|kind| {
            ["http", "http --expect-json", "redis", "postgres", "mysql", "grpc"]
                .contains(&kind.name)
        })
        .collect();
    assert_eq!(kinds.len(), 6);
    let (next, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..if emulated() { 4 } else { 16 } {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let (kind, seed) = ((n / CASES) as usize, n + 1);
                    let Some(kind) = kinds.get(kind) else { break };
                    let play = play(kind, seed);
                    let mut tries = (0..TRIES).map(|_| attempt(kind, &play));
                    // A wrong "healthy" needs no second try.
                    let end = tries.find(|end| {
                        end.as_ref().err().is_none_or(|why| why.starts_with("healthy"))
                    });
                    if let Err(why) = end.unwrap_or_else(|| attempt(kind, &play)) {
                        wrong.lock().expect("a list").push(format!("{}, {seed}: {why}", kind.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("a list");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_generator_makes_all_sorts() {
    let redis = kinds().into_iter().find(|kind| kind.name == "redis").expect("it is there");
    let plays: Vec<Play> = (1..=CASES).map(|seed| play(&redis, seed)).collect();
    let count = |of: &dyn Fn(&Play) -> bool| plays.iter().filter(|play| of(play)).count();
    assert!(count(&|play| play.complete.is_none()) >= 3);
    assert!(count(&|play| play.complete.is_some_and(|at| at > play.timeout)) >= 3);
    assert!(count(&|play| play.complete.is_some_and(|at| at + ROOM < play.timeout)) >= 10);
}
