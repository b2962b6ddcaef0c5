//! Policy: Cedar rules with our schema and annotations, read as they stand. Loads and strictly validates a set,
//! decides actions by it with the determining rules, and says who may countersign. No IO: files come in as text.
//! An evaluation error is never a yes, and nothing that a rule does not grant by name reaches the meta-actions.

#![deny(missing_docs)]

mod decide;
mod entities;
mod error;
mod index;
mod rules;
mod schema;

pub use decide::{Asker, Countersign, PolicySet, Question};
pub use error::PolicyError;
pub use rules::{Lift, Rule, SourceFile};
pub use schema::schema_text;
