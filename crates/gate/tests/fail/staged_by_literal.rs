//! The proof `Staged` cannot be forged by a struct literal.

fn main() {
    let _forged = audit::Staged { index: 7 };
}
