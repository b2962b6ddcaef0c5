//! A clearance's bytes cannot be exchanged before it is spent.

fn rewrite(mut clearance: gate::Clearance) -> gate::Clearance {
    clearance.payload = gate::Payload(b"drop table customers".to_vec());
    clearance
}

fn main() {}
