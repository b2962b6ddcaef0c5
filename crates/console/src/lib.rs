//! The reviewers' side: the REST API for reviews, records, checkpoints and events. People prove themselves afresh with
//! every call; nothing here can let an action run except a verdict that the gate counts.

mod api;
mod layout;
mod view;

pub use api::{Console, ConsoleApi};
