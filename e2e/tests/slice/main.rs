//! The first slice from outside: the built binary over HTTP and the command line on a SQLite target, and over
//! PostgreSQL's protocol on a real server, with real processes. Effects count, not words: rows in the databases, records
//! in the log.

mod abuse;
mod bad_input;
mod cli;
mod crash;
mod damage;
mod full_store;
mod life;
mod log;
mod postgres;
mod restart;
mod search;
mod sqlite;
