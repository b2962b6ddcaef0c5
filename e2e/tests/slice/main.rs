//! The first slice from outside: the built binary over HTTP and the command line, on a SQLite target, with real
//! processes. Effects count, not words: rows in the shop's file, records in the log.

mod abuse;
mod bad_input;
mod cli;
mod crash;
mod life;
mod log;
mod restart;
mod sqlite;
