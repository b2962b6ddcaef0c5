//! What remains of a spent clearance cannot be cloned: it seals one answer.

fn twice(forwarded: gate::Forwarded) {
    let _first = forwarded.clone().seal("rows");
    let _second = forwarded.seal("rows");
}

fn main() {}
