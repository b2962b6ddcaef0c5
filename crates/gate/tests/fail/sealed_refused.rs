//! A sealed answer is moved by opening it: a refused opening gives the seal back, not the answer.

fn peek(sealed: gate::Sealed<Vec<u8>>) -> Vec<u8> {
    match sealed.open() {
        Ok(answer) => answer,
        Err(sealed_still) => sealed_still,
    }
}

fn main() {}
