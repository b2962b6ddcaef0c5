//! The proof `Written` cannot be forged by a struct literal.

fn main() {
    let _forged = audit::Written { index: 7 };
}
