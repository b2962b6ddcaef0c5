//! A clearance cannot be spent twice.

fn twice(clearance: gate::Clearance) {
    let (_payload, _forwarded) = clearance.spend();
    let (_payload, _forwarded) = clearance.spend();
}

fn main() {}
