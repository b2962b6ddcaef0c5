//! Tokens of agents and pipelines: `cst_<principal id>_<256 random bits>`, shown once, stored as SHA-256.
//! The id stands in the token, so that checking one reads one row; equality is compared in constant time. Beside the hash
//! stands what proves the token by SCRAM.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use model::{PrincipalId, sha256};
use secrecy::{ExposeSecret as _, SecretString};

use crate::Verifier;

/// A token as its bearer has it.
#[derive(Debug)]
pub struct Token {
    principal: PrincipalId,
    text: SecretString,
}

/// What the store keeps of a token: its hash, then its [`Verifier`]. Tokens that were minted before there was one have the
/// hash alone.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenCredential(pub String);

impl fmt::Debug for TokenCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenCredential(…)")
    }
}

impl TokenCredential {
    fn hash(&self) -> &str {
        self.0.split_once(' ').map_or(&self.0, |(hash, _)| hash)
    }

    /// What proves the token by SCRAM, if that is known of it.
    #[must_use]
    pub fn verifier(&self) -> Option<Verifier> {
        self.0.split_once(' ').and_then(|(_, verifier)| Verifier::parse(verifier))
    }
}

/// The system's random source failed: no secret can be made.
#[derive(Debug, thiserror::Error)]
#[error("the system's random source failed")]
pub struct NoRandomness;

/// `N` random bytes from the operating system.
///
/// # Errors
/// If the system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

impl Token {
    /// Makes a token for a principal.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn mint(principal: PrincipalId) -> Result<Self, NoRandomness> {
        let secret: String = random::<32>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let id = principal.to_string();
        let id = id.strip_prefix("prn_").unwrap_or(&id);
        Ok(Self { principal, text: SecretString::from(format!("cst_{id}_{secret}")) })
    }

    /// Reads what a caller presents. `None` if it has not the form of a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("cst_")?.split_once('_')?;
        let hex = |letter: u8| letter.is_ascii_digit() || (b'a'..=b'f').contains(&letter);
        if secret.len() != 64 || !secret.bytes().all(hex) {
            return None;
        }
        Some(Self { principal: format!("prn_{id}").parse().ok()?, text: SecretString::from(text) })
    }

    /// Whose it claims to be.
    #[must_use]
    pub const fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// The token itself, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.text.expose_secret()
    }

    /// What the store keeps, of a principal with this name. A few ms of CPU.
    #[must_use]
    pub fn credential(&self, name: &str) -> TokenCredential {
        TokenCredential(format!("{} {}", self.hash(), Verifier::of(self, name)))
    }

    fn hash(&self) -> String {
        sha256(&[b"countersign/token/v1\0", self.text.expose_secret().as_bytes()]).to_string()
    }

    /// Whether it is the token that is stored as `credential`.
    #[must_use]
    pub fn matches(&self, credential: &TokenCredential) -> bool {
        verify_slices_are_equal(self.hash().as_bytes(), credential.hash().as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_matches_only_its_own_hash() {
        let principal = PrincipalId::from_random([5; 16]);
        let (one, two) = (Token::mint(principal).unwrap(), Token::mint(principal).unwrap());
        let again = Token::parse(one.reveal()).unwrap();
        assert_eq!(again.principal(), principal);
        let (of_one, of_two) = (one.credential("agent"), two.credential("agent"));
        assert!(again.matches(&of_one) && !again.matches(&of_two));
        assert!(of_one.verifier().is_some() && of_one.verifier() != of_two.verifier());
        // As they were before there was SCRAM.
        let old = TokenCredential(of_one.hash().to_owned());
        assert!(again.matches(&old) && old.verifier().is_none());
    }

    #[test]
    fn what_is_no_token_is_not_read_as_one() {
        let token = Token::mint(PrincipalId::from_random([5; 16])).unwrap();
        let mut short = token.reveal().to_owned();
        short.pop();
        for wrong in ["", "cst_", "cst_x_y", short.as_str(), &token.reveal().to_uppercase()] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_does_not_show_itself_in_logs() {
        let token = Token::mint(PrincipalId::from_random([5; 16])).unwrap();
        let secret = token.reveal().rsplit('_').next().unwrap().to_owned();
        assert!(!format!("{token:?}").contains(&secret));
    }
}
