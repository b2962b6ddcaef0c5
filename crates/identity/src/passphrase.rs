//! People's passphrases, for embedded mode: argon2id (OWASP's parameters: 19 MiB, 2 passes, 1 lane), one per verdict.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret as _, SecretString};

use crate::random;

/// Why a passphrase is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BadPassphrase {
    /// Too short to be one.
    #[error("a passphrase needs at least {MINIMUM} characters")]
    TooShort,
    /// Too long to be hashed.
    #[error("a passphrase has at most 1,000 bytes")]
    TooLong,
    /// The hash could not be made.
    #[error("the passphrase could not be hashed")]
    Unhashable,
}

/// Hashes a passphrase with a fresh salt, as a PHC string. Takes some 20 ms of CPU and 19 MiB.
///
/// # Errors
/// If it is too short or too long, or there is no randomness.
pub fn hash_passphrase(passphrase: &SecretString) -> Result<String, BadPassphrase> {
    let text = passphrase.expose_secret();
    if text.chars().count() < MINIMUM {
        return Err(BadPassphrase::TooShort);
    }
    if text.len() > MAXIMUM {
        return Err(BadPassphrase::TooLong);
    }
    let salt = random::<16>().map_err(|_| BadPassphrase::Unhashable)?;
    let hash = argon2().hash_password_with_salt(text.as_bytes(), &salt).map_err(|_| BadPassphrase::Unhashable)?;
    Ok(hash.to_string())
}

/// Whether `passphrase` is the one that was hashed. As slow for a wrong one, and for `None`, a person that does not exist.
#[must_use]
pub fn verify_passphrase(passphrase: &SecretString, hash: Option<&str>) -> bool {
    let text = passphrase.expose_secret();
    if text.len() > MAXIMUM {
        return false;
    }
    let parsed = PasswordHash::new(hash.unwrap_or(NOBODY));
    parsed.is_ok_and(|parsed| argon2().verify_password(text.as_bytes(), &parsed).is_ok()) && hash.is_some()
}

/// Whether `hash` is an argon2id string with our parameters: nothing weaker is kept.
#[must_use]
pub fn is_passphrase_hash(hash: &str) -> bool {
    hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && hash.len() < 200 && PasswordHash::new(hash).is_ok()
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

const MINIMUM: usize = 12;
const MAXIMUM: usize = 1_000;
/// A hash that nothing is known to match, with the same parameters: so that unknown names take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ24tbm8$0000000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_passphrase_verifies() {
        let right = SecretString::from("correct horse battery");
        let hash = hash_passphrase(&right).unwrap();
        assert!(is_passphrase_hash(&hash), "{hash}");
        assert!(!is_passphrase_hash(&hash.replace("m=19456", "m=8")));
        assert!(verify_passphrase(&right, Some(&hash)));
        assert!(!verify_passphrase(&SecretString::from("correct horse batterx"), Some(&hash)));
        assert!(!verify_passphrase(&right, None));
    }

    #[test]
    fn a_person_that_does_not_exist_takes_the_same_work() {
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert!(matches!(hash_passphrase(&SecretString::from("short")), Err(BadPassphrase::TooShort)));
    }
}
