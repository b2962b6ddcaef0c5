//! A clearance cannot be cloned.

fn twice(clearance: gate::Clearance) -> [gate::Clearance; 2] {
    [clearance.clone(), clearance]
}

fn main() {}
