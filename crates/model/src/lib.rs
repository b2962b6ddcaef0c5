//! The words of Countersign as types: who acts, on what, what they try, and what came of it.
//! Every other crate speaks in these; this one depends on nothing of ours and does no IO.
//! It deliberately knows no protocol, no policy language and no storage.

#![deny(missing_docs)]

mod action;
mod base32;
mod cell;
mod decision;
mod digest;
mod id;
mod insight;
pub mod limit;
mod operation;
mod principal;
mod review;
mod target;
mod time;
mod visible;

pub use action::{Action, Bound, Format, Parameter, Purpose, SessionState, Statement};
pub use base32::InvalidText;
pub use cell::{Cell, DataClass, InvalidClass, Provenance, Span};
pub use decision::{Decision, DenyReason, Explained, Requirement, RuleHash, RuleRef, Verdicts};
pub use digest::{Canonical, Digest, ShortCode, sha256};
pub use id::{ActionId, PolicyVersion, PresenterId, PrincipalId, ReviewId, RunId, SessionId};
pub use insight::Insight;
pub use operation::{Category, Facts, Operation, Resource, ResourceKind, Verb};
pub use principal::{Actor, GroupName, InvalidName, Lineage, Name, Owner, Principal, PrincipalKind, Standing};
pub use review::{Channel, Grant, Outcome, Run, Strength, Verdict, VerdictKind};
pub use target::{Labels, Target, TargetKind, TargetVersion};
pub use time::{Clock, Duration, Timestamp};
pub use visible::{OneLine, Visible, contains_hidden};
