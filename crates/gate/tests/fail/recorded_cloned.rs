//! The proof `Recorded` cannot be cloned.

fn twice(proof: audit::Recorded) -> [audit::Recorded; 2] {
    [proof.clone(), proof]
}

fn main() {}
