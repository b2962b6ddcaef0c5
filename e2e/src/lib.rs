//! What the end-to-end tests stand on: the built binary, gateways of their own in throw-away folders, callers over
//! HTTP and the command line, a real PostgreSQL with its own clients, and a look at effects from outside (the databases'
//! rows, the log's bytes).
//!
//! Promises that tests may run side by side and that every wait is on a condition with a limit. Knows the product
//! only by its public surface: no crate of the product is linked here.

pub mod binary;
pub mod caller;
pub mod canary;
pub mod gateway;
pub mod log;
pub mod memory;
pub mod postgres;
pub mod random;
pub mod shop;
pub mod site;
pub mod wait;

pub use binary::{Ran, countersign};
pub use caller::{Answer, Caller, Held};
pub use gateway::Gateway;
pub use memory::Memory;
pub use site::Site;
pub use wait::until;
