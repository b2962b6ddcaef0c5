//! What a write takes along: values of classified columns that it may store where they have no class, and what stood in
//! the place of values that were masked, which it would store over them. For classes that the actor may not see it is
//! `unknown` as well, like nothing that a rule grants.

use std::collections::BTreeSet;

use enforcement::Session;
use gate::Refusal;
use model::{DataClass, Operation, Parameter, Resource, ResourceKind, Statement, Verb};

/// What storing values of `copied` classes, and masked values, is, by what the actor may see now: an operation for each that
/// it may not. To be asked again before what waited goes on.
///
/// # Errors
/// If what the actor may see cannot be read.
pub(super) async fn hidden(
    session: &mut Session,
    copied: &BTreeSet<DataClass>,
    (statement, parameters): (&Statement, &[Parameter]),
) -> Result<Vec<Operation>, Refusal> {
    let texts = brought(statement, parameters);
    if copied.is_empty() && texts.is_empty() {
        return Ok(Vec::new());
    }
    let hidden = session.classes_hidden_now().await?;
    let unknown = |what: String| Operation::new(Verb::Unknown, Resource::new(ResourceKind::Object, "", &what));
    let store = |class: &DataClass| unknown(format!("storing values of class {class} where they are not classified"));
    let mut operations: Vec<Operation> = copied.intersection(&hidden).map(store).collect();
    let detected = session.detected_classes();
    for class in hidden.union(&detected) {
        let mask = format!("[{class}]");
        if texts.iter().any(|text| text.windows(mask.len()).any(|window| window == mask.as_bytes())) {
            operations
                .push(unknown(format!("storing {mask}, which stands for a value that was masked, over that value")));
        }
    }
    Ok(operations)
}

/// What a write brings that may hold masked values: its text, and its values.
fn brought<'a>(statement: &'a Statement, parameters: &'a [Parameter]) -> Vec<&'a [u8]> {
    if statement.operations.iter().all(|operation| operation.verb.only_reads()) {
        return Vec::new();
    }
    let values = parameters.iter().filter_map(|parameter| parameter.value.as_deref());
    [statement.text.as_bytes()].into_iter().chain(values).filter(|text| text.contains(&b'[')).collect()
}
