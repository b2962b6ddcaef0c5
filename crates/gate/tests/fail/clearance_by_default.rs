//! A clearance cannot be made from nothing.

fn main() {
    let _forged: gate::Clearance = Default::default();
}
