//! A sealed answer cannot be reached without opening the seal.

fn peek(sealed: gate::Sealed<Vec<u8>>) -> Vec<u8> {
    sealed.answer
}

fn main() {}
