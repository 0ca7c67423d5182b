//! The crash machine: kills processes and servers under load, then compares what was committed with what the
//! streams hold.
#![forbid(unsafe_code)]

mod chaos;
mod compare;
mod controller;
mod database;
mod ending;
mod journal;
mod options;
mod outage;
mod process;
mod queue;
mod queueing;
mod random;
mod report;
mod tables;
mod truth;
mod work;
mod worker;

use std::process::ExitCode;

use options::Task;

/// What ends a run early, as the message to print.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match options::parse(&arguments) {
        Ok(Task::Help) => {
            print!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Task::Work(options)) => worker::run(&options),
        Ok(Task::Control(options)) => match controller::run(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        Err(problem) => {
            eprint!("error: {problem}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}
