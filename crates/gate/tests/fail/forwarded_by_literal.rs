//! What seals an answer cannot be made without spending a clearance.

fn main() {
    let _forged = gate::Forwarded {};
}
