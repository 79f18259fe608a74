//! Load for a Multiplayer Piano server, so that an operator can tell what a machine carries.
//!
//! One thread and one epoll loop play all the people. The schedule is open: what is due is sent
//! when it is due, however slow the answers are, and latency runs from the time at which a message
//! was due. A server that stalls can therefore not hide it.

mod client;
mod crowd;
mod error;
mod frame;
mod message;
mod options;
mod process;
mod progress;
mod report;
mod scenario;
mod schedule;
mod tally;
mod target;

use clap::Parser;
use std::io::{stderr, stdout, Write};
use std::process::ExitCode;

/// A wrong command line, a server that is not there: as `clap` and `fortepiano` end.
const MISTAKE: u8 = 2;

fn main() -> ExitCode {
    let options = options::Options::parse();
    match scenario::run(&options) {
        Ok(report) => {
            let text = if options.json { report.json() } else { report.table() };
            // Nobody may be reading any more, which is his choice.
            let _ = writeln!(stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(stderr(), "fortepiano-load: {error}");
            ExitCode::from(MISTAKE)
        }
    }
}
