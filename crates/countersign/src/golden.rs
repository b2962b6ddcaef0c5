//! Golden documents: what the code says of itself, kept in `docs/reference`, so that every change of it shows in a
//! difference that somebody looks at.

use std::path::Path;

/// Fails if the document is not the one that is kept, which is renewed.
#[track_caller]
pub(crate) fn hold(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::fs::read_to_string(&path).ok().as_deref() != Some(text) {
        std::fs::write(&path, text).unwrap();
        panic!("docs/reference/{name} was out of date and is rewritten: look at the difference and commit it");
    }
}
