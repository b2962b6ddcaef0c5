//! The proof `Written` cannot be cloned.

fn twice(proof: audit::Written) -> [audit::Written; 2] {
    [proof.clone(), proof]
}

fn main() {}
