//! A clearance cannot be minted outside the gate, not even with a proof in hand.

fn mint(payload: gate::Payload, recorded: audit::Recorded, staged: audit::Staged) {
    let digest = model::sha256(&[b"anything"]);
    let _forged = gate::Clearance::recorded(digest, payload.clone(), None, &recorded);
    let _forged = gate::Clearance::staged(digest, payload, staged);
}

fn main() {}
