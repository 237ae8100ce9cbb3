//! Plays the other part in the containers of tests/docker: its arguments say which. Standard library only.
//!
//! | arguments | part |
//! |---|---|
//! | `idle` | lives |
//! | `silent PORT` | takes UDP on 127.0.0.1 and never answers |
//! | `late PORT SECONDS` | listens on 127.0.0.1 after this long |
//! | `socket FILE` | listens on that Unix socket |
//! | `beat FILE SECONDS` | touches the file, ten times a second, for this long; then only lives |
//! | `fill MIB SECONDS` | fills this much memory after this long |
//! | `zombie PROGRAM` | starts a program and never asks how it ended |
//! | `exec` | starts `sleep` and ends with it: for those who look for processes being started |

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, error::Error, fs, hint, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["idle"] => live(),
        ["silent", port] => {
            let _socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
            live()
        }
        ["late", port, seconds] => {
            thread::sleep(Duration::from_secs(seconds.parse()?));
            let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
            live()
        }
        ["socket", file] => {
            let _listener = UnixListener::bind(file)?;
            live()
        }
        ["beat", file, seconds] => {
            let (started, time) = (Instant::now(), Duration::from_secs(seconds.parse()?));
            while started.elapsed() < time {
                fs::write(file, "beat\n")?;
                thread::sleep(Duration::from_millis(100));
            }
            live()
        }
        ["fill", mib, seconds] => {
            let size: usize = mib.parse::<usize>()? << 20;
            thread::sleep(Duration::from_secs(seconds.parse()?));
            let filled = hint::black_box(vec![1_u8; size]);
            println!("{} bytes", filled.len());
            live()
        }
        ["zombie", program] => {
            let _child = Command::new(program).spawn()?;
            live()
        }
        ["exec"] => {
            Command::new("sleep").arg("0").status()?;
            Ok(())
        }
        _ => Err("unknown part".into()),
    }
}

fn live() -> ! {
    loop {
        thread::park();
    }
}
