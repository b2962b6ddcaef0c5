//! Enforcement: carries out the gate's steps. Sole caller of the store's claims and of the log's append, owner of the
//! log's files and threads; hands each session its passage, wakes who waits. It orders nothing itself.

mod directory;
mod enforcement;
mod follower;
mod http;
mod insight;
mod log;
mod problem;
mod search;
mod session;
mod settle;
mod stripe;
mod waker;
mod writer;

pub use directory::{AuthenticationFailed, Minted, NewAgent, NewPerson, ScramFailed};
pub use enforcement::{Cut, Enforcement, Event, Settings, Startup};
pub use http::{Caller, OrProblem, refuse_the_rest};
pub use identity::Mechanism;
pub use log::{LogError, Proven, ReadRecord};
pub use problem::Problem;
pub use search::{Found, SearchError};
pub use session::{HeldNotice, News, Session, Settlement};
pub use settle::{GivenVerdict, SettleError};
pub use store::{Proposal as StoredProposal, RecordFilter, ReviewRow, StoreError, TargetRow};
