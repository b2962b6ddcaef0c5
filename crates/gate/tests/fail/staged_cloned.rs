//! The proof `Staged` cannot be cloned.

fn twice(proof: audit::Staged) -> [audit::Staged; 2] {
    [proof.clone(), proof]
}

fn main() {}
