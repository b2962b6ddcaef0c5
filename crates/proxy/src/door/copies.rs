//! What a write takes along: values of classified columns that it may store where they have no class. For classes that
//! the actor may not see it is `unknown` as well, like nothing that a rule grants.

use std::collections::BTreeSet;

use enforcement::Session;
use gate::Refusal;
use model::{DataClass, Operation, Resource, ResourceKind, Verb};

/// What storing values of `copied` classes is, by what the actor may see now: an operation for each that it may not. To be
/// asked again before what waited goes on.
///
/// # Errors
/// If what the actor may see cannot be read.
pub(super) async fn hidden(session: &mut Session, copied: &BTreeSet<DataClass>) -> Result<Vec<Operation>, Refusal> {
    if copied.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = session.classes_hidden_now().await?;
    let store = |class: &DataClass| {
        let what = format!("storing values of class {class} where they are not classified");
        Operation::new(Verb::Unknown, Resource::new(ResourceKind::Object, "", &what))
    };
    Ok(copied.intersection(&hidden).map(store).collect())
}
