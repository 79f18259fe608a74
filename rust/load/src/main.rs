//! Generate load for a Multiplayer Piano server, to find out how many clients a machine can serve.
//!
//! One thread and one epoll loop run all clients. The schedule is open: each message is sent when it is
//! due, however slow the answers are. Latency is measured from the time at which the message was due,
//! so that a stalled server cannot hide it.

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

/// The exit status of a wrong command line or a missing server, as of `clap` and `fortepiano`.
const EXIT_FAILURE: u8 = 2;

fn main() -> ExitCode {
    let options = options::Options::parse();
    match scenario::run(&options) {
        Ok(report) => {
            let text = if options.json { report.json() } else { report.table() };
            // The reader of the output may be gone, which is no error.
            let _ = writeln!(stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(stderr(), "fortepiano-load: {error}");
            ExitCode::from(EXIT_FAILURE)
        }
    }
}
