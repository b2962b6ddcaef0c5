//! Doors: where actors come in. One file a protocol.

mod copies;
pub mod native;
pub mod postgres;
