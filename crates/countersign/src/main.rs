//! The binary: command line, configuration, wiring. It alone reads the wall clock and the environment.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod classes;
mod client;
mod clock;
mod commands;
mod config;
mod failure;
mod gateway;
#[cfg(test)]
mod golden;
mod keys;
mod openapi;
mod server;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = commands::Cli::parse();
    let json = arguments.json;
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("error: TLS could not be set up");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime could not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(commands::run(arguments));
    // Blocking work that outlives the command, such as a read of the terminal, must not hold it up.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error, json),
    }
}
