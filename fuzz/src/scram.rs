//! What a client says in an exchange of SCRAM: its first words, and what it answers.

use identity::{Exchange, Mechanism, Verifier};
use model::PrincipalId;

/// Whatever a client without the token says, it comes to nothing, and what it is asked does not depend on whether there is
/// somebody of its name. The first byte says how it begins; a zero byte parts what it says at first from its answer, in
/// which `@` stands for the nonce that it was asked with.
pub fn exchange(bytes: &[u8]) {
    let Some((how, said)) = bytes.split_first() else { return };
    let mut parts = said.splitn(2, |byte| *byte == 0);
    let (first, answer) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let principal = PrincipalId::from_random([7; 16]);
    let verifier = Verifier::parse(VERIFIER).expect("it is one");
    let whom = (how & 1 == 0).then_some((principal, verifier));
    let mechanism = if how & 2 == 0 { Mechanism::Plain } else { Mechanism::Plus };
    let end_point = (how & 4 == 0).then_some(&b"a certificate"[..]);
    let Ok(begun) = Exchange::begin(("agent", whom), (mechanism, end_point), first) else { return };
    let challenge = begun.challenge().to_owned();
    let nonce = challenge.strip_prefix("r=").and_then(|rest| rest.split(',').next()).expect("a nonce is asked with");
    let answer: Vec<u8> =
        answer.iter().flat_map(|byte| if *byte == b'@' { nonce.as_bytes().to_vec() } else { vec![*byte] }).collect();
    assert!(challenge.ends_with(",i=4096") && nonce.len() > 24, "{challenge}");
    assert!(begun.finish(&answer).is_err(), "somebody came in without a token");
}

/// Of a token that nobody has.
const VERIFIER: &str =
    "SCRAM-SHA-256$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=:HxUVFBMSERAPDg0MCwoJCAcGBQQDAgEAAAECAwQFBgc=";
