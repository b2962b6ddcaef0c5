//! Who somebody is: agent and pipeline tokens, people's passphrases. Secrets are made and checked here, kept only as
//! hashes, and never shown again. It knows no store and no protocol.

mod passphrase;
mod scram;
mod token;

pub use passphrase::{BadPassphrase, hash_passphrase, is_passphrase_hash, verify_passphrase};
pub use scram::{Bearer, Exchange, Mechanism, Unproven, Verifier};
pub use token::{NoRandomness, Token, TokenCredential, random};
