//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's side: a client shows that it has a token without saying it, and is
//! shown that the other end knows of it. With a binding (RFC 5929) both see that nobody stands in between. It does no IO.

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{hmac, pbkdf2};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::{PrincipalId, sha256};
use zeroize::Zeroize as _;

use crate::{NoRandomness, Token, random};

/// What is kept of a token for SCRAM. Who has it can play the gateway to a bearer that verifies no certificate, and who has
/// done that once, or has overheard one exchange, can come in as the bearer (RFC 5802, section 9).
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    stored_key: [u8; KEY],
    server_key: [u8; KEY],
}

/// A way of SCRAM, as clients choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// `SCRAM-SHA-256`.
    Plain,
    /// `SCRAM-SHA-256-PLUS`: bound to the server's certificate.
    Plus,
}

/// A client that was asked to prove itself.
#[derive(Debug)]
#[must_use]
pub struct Exchange {
    /// Who it says it is. `None`: nobody of that name can come in, which shows at the end only.
    principal: Option<PrincipalId>,
    /// Of nobody's name a random one, which is verified by like any.
    verifier: Verifier,
    first: String,
    challenge: String,
    nonce: String,
    /// What it must say that it is bound to.
    bound: Vec<u8>,
}

/// A client that proved itself.
#[derive(Debug)]
#[must_use]
pub struct Bearer {
    principal: PrincipalId,
    answer: String,
}

/// Why a client did not prove itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// What it says is not SCRAM, or not what was asked for.
    #[error("{0}")]
    ClientMisbehaved(&'static str),
    /// What it says shows that somebody may stand between it and the gateway.
    #[error("{0}")]
    StandsBetween(&'static str),
    /// It has not the token, or there is nobody of that name.
    #[error("the proof is wrong")]
    Wrong,
    /// The system has no randomness.
    #[error("the system's random source failed")]
    NoRandomness,
}

impl From<NoRandomness> for Unproven {
    fn from(NoRandomness: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl Verifier {
    /// Of the token of whoever has this name.
    #[must_use]
    pub fn of(token: &Token, name: &str) -> Self {
        let mut salted = [0; KEY];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, &salt(name), token.reveal().as_bytes(), &mut salted);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        salted.zeroize();
        let mut client_key = signed(&key, b"Client Key");
        let stored_key = *sha256(&[&client_key]).as_bytes();
        client_key.zeroize();
        Self { stored_key, server_key: signed(&key, b"Server Key") }
    }

    /// Reads what its `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stored, server) = text.strip_prefix(PREFIX)?.split_once(':')?;
        let key = |text: &str| BASE64_STANDARD.decode(text).ok()?.try_into().ok();
        Some(Self { stored_key: key(stored)?, server_key: key(server)? })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [stored, server] = [&self.stored_key, &self.server_key].map(|key| BASE64_STANDARD.encode(key));
        write!(f, "{PREFIX}{stored}:{server}")
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

impl Mechanism {
    /// By the name that clients choose it by.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Plain, Self::Plus].into_iter().find(|mechanism| mechanism.as_str() == name)
    }

    /// Its registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "SCRAM-SHA-256",
            Self::Plus => "SCRAM-SHA-256-PLUS",
        }
    }
}

impl Exchange {
    /// A client that calls itself `name` begins by `message`. `end_point` is what it can be bound to, where `Plus` was
    /// offered; `whom` is who has that name, if somebody has.
    ///
    /// # Errors
    /// If it does not begin as it must.
    pub fn begin(
        (name, whom): (&str, Option<(PrincipalId, Verifier)>),
        (mechanism, end_point): (Mechanism, Option<&[u8]>),
        message: &[u8],
    ) -> Result<Self, Unproven> {
        let message = text_of(message)?;
        let (flag, rest) = message.split_once(',').ok_or(MALFORMED)?;
        let (identity, first) = rest.split_once(',').ok_or(MALFORMED)?;
        if !identity.is_empty() {
            return Err(Unproven::ClientMisbehaved("an identity beside the name is not taken"));
        }
        let mut bound = format!("{flag},,").into_bytes();
        match (flag, mechanism, end_point) {
            ("n", Mechanism::Plain, _) | ("y", Mechanism::Plain, None) => {}
            ("y", Mechanism::Plain, Some(_)) => {
                let why = "the client could be bound and was not offered it: somebody may stand in between";
                return Err(Unproven::StandsBetween(why));
            }
            ("p=tls-server-end-point", Mechanism::Plus, Some(end_point)) => bound.extend_from_slice(end_point),
            _ => return Err(Unproven::ClientMisbehaved("the client binds itself to what was not offered")),
        }
        let mut attributes = first.split(',');
        attributes.next().filter(|name| name.starts_with("n=")).ok_or(MALFORMED)?;
        let theirs = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or(MALFORMED)?;
        if theirs.is_empty() || !theirs.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(MALFORMED);
        }
        let nonce = format!("{theirs}{}", BASE64_STANDARD.encode(random::<NONCE>()?));
        let challenge = format!("r={nonce},s={},i={ITERATIONS}", BASE64_STANDARD.encode(salt(name)));
        let (principal, verifier) = match whom {
            Some((principal, verifier)) => (Some(principal), verifier),
            None => (None, Verifier { stored_key: random()?, server_key: random()? }),
        };
        Ok(Self { principal, verifier, first: first.to_owned(), challenge, nonce, bound })
    }

    /// What the client is asked.
    #[must_use]
    pub fn challenge(&self) -> &str {
        &self.challenge
    }

    /// The client answers by `message`.
    ///
    /// # Errors
    /// If that does not prove that it has the token.
    pub fn finish(self, message: &[u8]) -> Result<Bearer, Unproven> {
        let message = text_of(message)?;
        let (said, proof) = message.rsplit_once(",p=").ok_or(MALFORMED)?;
        let mut attributes = said.split(',');
        let bound = attributes.next().and_then(|bound| bound.strip_prefix("c=")).ok_or(MALFORMED)?;
        let nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r=")).ok_or(MALFORMED)?;
        if BASE64_STANDARD.decode(bound).ok().as_deref() != Some(&self.bound) {
            let why = "the client is bound to another connection: somebody may stand in between";
            return Err(Unproven::StandsBetween(why));
        }
        if nonce != self.nonce {
            return Err(MALFORMED);
        }
        let proof: [u8; KEY] =
            BASE64_STANDARD.decode(proof).ok().and_then(|key| key.try_into().ok()).ok_or(MALFORMED)?;
        let verifier = &self.verifier;
        let all = format!("{},{},{said}", self.first, self.challenge);
        let mask = signed(&hmac::Key::new(hmac::HMAC_SHA256, &verifier.stored_key), all.as_bytes());
        let mut client_key = proof;
        client_key.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        let stored_key = sha256(&[&client_key]);
        client_key.zeroize();
        let is_right = verify_slices_are_equal(stored_key.as_bytes(), &verifier.stored_key).is_ok();
        let principal = self.principal.filter(|_| is_right).ok_or(Unproven::Wrong)?;
        let ours = signed(&hmac::Key::new(hmac::HMAC_SHA256, &verifier.server_key), all.as_bytes());
        Ok(Bearer { principal, answer: format!("v={}", BASE64_STANDARD.encode(ours)) })
    }
}

impl Bearer {
    /// Who it is.
    #[must_use]
    pub const fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// What shows the client that the gateway knows its token.
    #[must_use]
    pub fn answer(&self) -> &str {
        &self.answer
    }
}

/// The salt of whoever has this name, and of a name that nobody has. A token has 256 random bits: its salt need be neither
/// random nor secret, and so no client learns from it which names there are.
fn salt(name: &str) -> [u8; SALT] {
    let mut salt = [0; SALT];
    let digest = sha256(&[b"countersign/scram-salt/v1\0", name.as_bytes()]);
    salt.iter_mut().zip(digest.as_bytes()).for_each(|(byte, of)| *byte = *of);
    salt
}

fn signed(key: &hmac::Key, text: &[u8]) -> [u8; KEY] {
    let mut signature = [0; KEY];
    signature.iter_mut().zip(hmac::sign(key, text).as_ref()).for_each(|(byte, of)| *byte = *of);
    signature
}

fn text_of(message: &[u8]) -> Result<&str, Unproven> {
    if message.len() > LONGEST {
        return Err(Unproven::ClientMisbehaved("a message of SCRAM is over 4096 bytes"));
    }
    std::str::from_utf8(message).map_err(|_| MALFORMED)
}

const MALFORMED: Unproven = Unproven::ClientMisbehaved("what the client says is not SCRAM-SHA-256");
const PREFIX: &str = "SCRAM-SHA-256$";
/// What RFC 7677 asks at least, and clients take. More would slow nobody down who has to guess 256 bits.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4_095);
/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a salt.
const SALT: usize = 16;
/// Random bytes of our part of a nonce.
const NONCE: usize = 18;
/// Bytes of a client's message.
const LONGEST: usize = 4_096;

#[cfg(test)]
mod tests;
