//! The simulation: the gate's own machines over a log, a store and an upstream in memory that fail wherever they can.
//! One thread and one seed: agents, people, time, crashes and faults come in an order that the seed repeats, and after
//! every step a witness holds what it sees to the laws. Tests only; it knows no runtime and does no IO.

mod cast;
mod disk;
mod flaw;
mod ground;
mod node;
mod random;
mod session;
mod settle;
mod start;
mod store;
mod witness;
mod world;

pub use flaw::Flaw;
pub use witness::{Broken, Law};
pub use world::{Ending, simulate};
