//! Doors: where actors come in. One file a protocol.

pub mod native;
pub mod postgres;
