//! A clearance cannot be forged by a struct literal.

fn main() {
    let digest = model::sha256(&[b"anything"]);
    let payload = gate::Payload(b"drop table customers".to_vec());
    let _forged = gate::Clearance { digest, payload, run: None };
}
