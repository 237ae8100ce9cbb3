//! argv becomes a [`Command`]. Opens no socket.

pub mod expand;
pub mod help;
mod slips;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser};

use crate::checks::Entry;
use crate::checks::TIMEOUT;
use crate::checks::kinds::{KINDS, Kind};
use crate::exit::FailCode;
use crate::input::flags::{Group, ROWS, Row, Takes};
use crate::input::{Flag, Given, Options, Text, Usage, value};
use crate::plan::{Expr, Plan, Quorum, Wait};
use crate::text::{Wrong, contains, find};

/// What was asked for.
#[derive(Debug)]
pub enum Command {
    /// `--help`, of all or of the kind of that name.
    Help(Option<&'static str>),
    /// `--version`
    Version,
    /// `--install PATH`
    Install(PathBuf),
    /// `--hold`
    Hold,
    /// `--explain`: the arguments without it.
    Explain(Vec<OsString>),
    /// Checks.
    Run(Plan, Output),
}

/// How the report is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Output {
    /// One line of JSON instead of text.
    pub json: bool,
    /// Nothing when healthy.
    pub quiet: bool,
    /// `--verbose`.
    pub verbose: bool,
    /// The exit code when unhealthy.
    pub fail: FailCode,
}

/// The most targets in one call.
const TARGETS: usize = 64;

/// The most bytes of arguments.
const BYTES: usize = 131_072;

/// Reads `args`, the program's name left out; without any, those in `HEALTHCHECK_ARGS`.
pub fn parse(args: Vec<OsString>, env: expand::Env<'_>) -> Result<Command, Usage> {
    let args = words(args, env)?;
    let ahead = Ahead::of(&args);
    understand(args, ahead, env)
}

/// The arguments: `args`, or those in `HEALTHCHECK_ARGS`.
pub fn words(args: Vec<OsString>, env: expand::Env<'_>) -> Result<Vec<OsString>, Usage> {
    match args.as_slice() {
        [] => expand::from_variable(env),
        _ => Ok(args),
    }
}

/// Reads the arguments that `ahead` is of. Only this may take its time, where they name files.
pub fn understand(
    args: Vec<OsString>,
    ahead: Ahead,
    env: expand::Env<'_>,
) -> Result<Command, Usage> {
    if args.iter().map(|arg| arg.len()).sum::<usize>() > BYTES {
        return Err(Usage::new("want at most 128 KiB of arguments"));
    }
    match ahead.answer {
        Some(Answer::Help(kind)) => Ok(Command::Help(kind)),
        Some(Answer::Version) => Ok(Command::Version),
        None => {
            let typed = read(args.clone(), env)?;
            let explains = typed.run.iter().any(|one| one.flag == Flag::Explain);
            match build(typed)? {
                Command::Run(..) if explains => Ok(Command::Explain(
                    args.into_iter().filter(|arg| arg != "--explain").collect(),
                )),
                command => Ok(command),
            }
        }
    }
}

/// What is seen of the arguments before they are understood, or are found to be wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ahead {
    answer: Option<Answer>,
    /// The exit code of a wrong command line.
    pub fail: FailCode,
    /// What bounds the work that [`Ahead::waits`] for.
    time: Option<Duration>,
    files: bool,
    /// Whether they ask for `--install`.
    pub installs: bool,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Help(Option<&'static str>),
    Version,
}

impl Ahead {
    /// `--help` and `--version` are answered before anything else is looked at; as the value of an
    /// option they are that value, or `--expect --help` would be healthy.
    pub fn of(args: &[OsString]) -> Self {
        let files = args.iter().any(|arg| contains(arg.as_bytes(), b"${file:"));
        let mut ahead = Self { files, ..Self::default() };
        if !args.iter().any(|arg| arg.as_bytes().starts_with(b"-")) {
            return ahead;
        }
        let mut parser = Parser::from_args(args);
        loop {
            let (row, long) = match parser.next() {
                Ok(None) => return ahead,
                Ok(Some(arg)) => (row(&arg), matches!(arg, Arg::Long(_))),
                Err(_) => (None, false),
            };
            let (flag, takes) =
                row.map_or((None, Takes::Nothing), |row| (Some(row.flag), row.takes()));
            // `--help=x` is wrong, and said to be so later; what follows a short one are more of
            // them.
            let value = match takes {
                Takes::Value(_) => parser.value().ok(),
                Takes::Maybe(_) => parser.optional_value(),
                Takes::Nothing if long => parser.optional_value(),
                Takes::Nothing => None,
            };
            let text = value.as_ref().map_or(&b""[..], |value| value.as_bytes());
            match flag {
                Some(Flag::Help) if value.is_none() => {
                    let next = parser.try_raw_args().and_then(|mut args| args.next());
                    ahead.answer = Some(Answer::Help(next.and_then(|name| kind(name.as_bytes()))));
                }
                Some(Flag::Version) if value.is_none() => ahead.answer = Some(Answer::Version),
                Some(Flag::FailCode) => ahead.fail = fail_code(text).unwrap_or(ahead.fail),
                Some(Flag::Timeout) => ahead.time = ahead.time.max(value::timeout(text).ok()),
                Some(Flag::Install) => ahead.installs = true,
                _ => {}
            }
            if ahead.answer.is_some() {
                return ahead;
            }
        }
    }

    /// How long files may be waited for before anything is checked: those of `${file:...}`, and
    /// what `--install` writes. `None` where there are none.
    pub fn waits(self) -> Option<Duration> {
        /// A copy to a slow volume is to end some time, and not to be cut short.
        const MINUTE: Duration = Duration::from_secs(60);
        let longest = if self.installs { MINUTE } else { TIMEOUT };
        (self.files || self.installs).then(|| self.time.unwrap_or(longest))
    }
}

/// The value of `--fail-code`.
fn fail_code(value: &[u8]) -> Result<FailCode, Wrong> {
    let code = value::number(value).ok().and_then(FailCode::new);
    code.ok_or_else(|| "a number from 1 to 255 is wanted".into())
}

/// The kind that a word behind `--help` names, by a scheme of it.
fn kind(name: &[u8]) -> Option<&'static str> {
    let named = |kind: &&Kind| kind.schemes.iter().any(|one| one.name.as_bytes() == name);
    KINDS.iter().find(named).map(Kind::name)
}

fn row(arg: &Arg<'_>) -> Option<&'static Row> {
    ROWS.iter().find(|row| match arg {
        Arg::Short(short) => row.short == Some(*short),
        Arg::Long(long) => row.is(long),
        Arg::Value(_) => false,
    })
}

/// What was typed, sorted by where it stands.
#[derive(Default)]
struct Typed {
    /// The run-wide options, from anywhere.
    run: Vec<Given>,
    /// Before the first target.
    defaults: Vec<Given>,
    targets: Vec<(Text, Vec<Given>)>,
}

fn read(args: Vec<OsString>, env: expand::Env<'_>) -> Result<Typed, Usage> {
    let mut typed = Typed::default();
    let mut parser = Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(wrong)? {
        let row = match row(&arg) {
            Some(row) => row,
            None => match arg {
                Arg::Value(target) => {
                    slips::target(target.as_bytes())?;
                    let text = expand::target(target.as_bytes(), env)?;
                    // A shell's unset variable, say: not what listens on port 80.
                    if text.meant.is_empty() {
                        return Err(Usage::new("want a TARGET, got an empty argument"));
                    }
                    typed.targets.push((text, Vec::new()));
                    continue;
                }
                unknown => return Err(wrong(unknown.unexpected())),
            },
        };
        let value = match row.takes() {
            Takes::Nothing => None,
            Takes::Value(_) => Some(parser.value().map_err(wrong)?),
            Takes::Maybe(_) => parser.optional_value().or_else(|| next_number(&mut parser)),
        };
        let value = value.map(|value| expand::text(value.as_bytes(), env)).transpose()?;
        let given = Given { flag: row.flag, value };
        match (row.group, typed.targets.last_mut()) {
            (Group::Run, _) => typed.run.push(given),
            (_, Some((_, own))) => own.push(given),
            (_, None) => typed.defaults.push(given),
        }
    }
    Ok(typed)
}

/// The next argument if it is a number: no target is.
fn next_number(parser: &mut Parser) -> Option<OsString> {
    parser
        .try_raw_args()?
        .next_if(|arg| !arg.is_empty() && arg.as_bytes().iter().all(u8::is_ascii_digit))
}

/// The parser's errors in our words; values, which may be secret, left out.
fn wrong(error: lexopt::Error) -> Usage {
    use lexopt::Error;
    Usage::new(match error {
        Error::MissingValue { option: Some(option) } => format!("{option}: a value is wanted"),
        Error::UnexpectedValue { option, value: _ } => format!("{option} takes no value"),
        Error::UnexpectedOption(option) => {
            let hint = slips::option(&option).unwrap_or("--help lists them");
            ["unknown option ", &option, "; ", hint].concat()
        }
        other => other.to_string(),
    })
}

fn build(typed: Typed) -> Result<Command, Usage> {
    once(&typed.run)?;
    let mut run = Options::new(&typed.run, &[]);
    if let Some(path) = run.path(Flag::Install)? {
        // What bounds it may stand there, too.
        let others = typed.defaults.iter().filter(|one| one.flag != Flag::Timeout).count();
        Options::new(&typed.defaults, &[]).last(Flag::Timeout, value::timeout)?;
        return match others + typed.targets.len() + typed.run.len() {
            1 => Ok(Command::Install(path)),
            _ => Err(Usage::new("--install PATH stands alone: want no target and no other option")),
        };
    }
    if run.has(Flag::Hold) {
        return match typed.defaults.len() + typed.targets.len() + typed.run.len() {
            1 => Ok(Command::Hold),
            _ => Err(Usage::new("--hold stands alone: want no target and no other option")),
        };
    }
    // Before the target is missed that stands in its place.
    let time = run.last(Flag::Wait, waited)?;
    if typed.targets.is_empty() {
        return Err(Usage::new(
            "want a TARGET such as http://localhost:8080/healthz; --help shows all",
        ));
    }
    if typed.targets.len() > TARGETS {
        return Err(Usage::new(format!(
            "want at most {TARGETS} targets, got {}",
            typed.targets.len()
        )));
    }
    let mut checks = Vec::with_capacity(typed.targets.len());
    let mut secrets = Vec::new();
    once(&typed.defaults)?;
    let mut unused: Vec<Flag> = typed.defaults.iter().map(|one| one.flag).collect();
    for (text, own) in &typed.targets {
        once(own)?;
        let options = Options::new(own, &typed.defaults);
        let (entry, left) =
            Entry::parse(text, options, &mut secrets).map_err(|wrong| slips::port(text, wrong))?;
        unused.retain(|flag| left.contains(flag));
        checks.push(entry);
    }
    if let Some(flag) = unused.first() {
        return Err(Usage::new(flag.spelled() + ": none of the targets takes it"));
    }
    let interval = run.duration(Flag::Interval)?;
    let wait = match (time, interval) {
        (Some(time), interval) => {
            Some(Wait { time, interval: interval.unwrap_or(Duration::from_secs(1)) })
        }
        (None, Some(_)) => return Err(Usage::new("--interval: want --wait too")),
        (None, None) => None,
    };
    let quorum = if run.has(Flag::Any) { Quorum::Any } else { Quorum::All };
    let json = run.last(Flag::Output, |value| match value::utf8(value)? {
        "text" => Ok(false),
        "json" => Ok(true),
        path if matches!(path.as_bytes(), [b'/' | b'-', ..]) => {
            Err("text or json is wanted; what a server answers is saved nowhere: leave -o out"
                .into())
        }
        _ => Err("text or json is wanted".into()),
    })?;
    let output = Output {
        json: json.unwrap_or(false),
        quiet: run.has(Flag::Quiet),
        verbose: run.has(Flag::Verbose),
        fail: run.last(Flag::FailCode, fail_code)?.unwrap_or_default(),
    };
    let expr = Expr::Checks(quorum, checks);
    Ok(Command::Run(Plan { expr, wait, secrets }, output))
}

/// The value of `--wait`, which is curl's for something else.
fn waited(value: &[u8]) -> Result<Duration, Wrong> {
    value::duration(value).map_err(|wrong| match value {
        value if value.contains(&b'%') => "a duration is wanted; curl's -w is none here: --status \
                                           says what is healthy"
            .into(),
        value if find(value, b"://").is_some() => {
            "a duration is wanted in front of the target: --wait 30s TARGET".into()
        }
        _ => wrong,
    })
}

/// Refuses an option that stands twice where once is all that makes sense: the second may be a slip
/// for another option, and whoever reads the command line sees the first.
fn once(scope: &[Given]) -> Result<(), Usage> {
    for (i, given) in scope.iter().enumerate() {
        let again = scope.iter().skip(i + 1).any(|other| other.flag == given.flag);
        if again && given.flag.row().is_some_and(|row| !row.repeats) {
            return Err(Usage::new(given.flag.spelled() + ": given twice, want it once"));
        }
    }
    Ok(())
}
