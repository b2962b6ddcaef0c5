//! The proof `Recorded` cannot be forged by a struct literal.

fn main() {
    let _forged = audit::Recorded { index: 7 };
}
