//! Protocols: hostile bytes become messages, messages become actions. One folder a protocol with the same files in each
//! (`message`, `action`, `result`); `sql` classifies statements, one file a dialect. No IO: what is missing from the
//! catalog is asked for, never fetched.

pub mod native;
pub mod postgres;
pub mod sql;
