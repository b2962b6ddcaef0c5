//! Ids: 128 random bits each, with a typed prefix in text (`rev_…`).
//! The randomness is an argument; this crate has no source of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base32::{self, InvalidText};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes an id of 128 random bits.
            #[must_use]
            pub const fn from_random(bits: [u8; 16]) -> Self {
                Self(bits)
            }

            /// The 128 bits.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&base32::encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                text.strip_prefix($prefix)
                    .and_then(base32::decode_16)
                    .map(Self)
                    .ok_or_else(|| InvalidText::new($what, text))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One action as proposed by the native API.
    ActionId, "act_", "action id"
);
id!(
    /// One review.
    ReviewId, "rev_", "review id"
);
id!(
    /// One run of an action.
    RunId, "run_", "run id"
);
id!(
    /// One authenticated connection of an actor to a target.
    SessionId, "ses_", "session id"
);
id!(
    /// One person, agent or pipeline. A principal keeps it for life; names are display and policy text.
    PrincipalId, "prn_", "principal id"
);
id!(
    /// One live caller that waits for a review.
    PresenterId, "pre_", "presenter id"
);

/// The version of a policy set: the SHA-256 of its rules and schema, shown as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct PolicyVersion(pub crate::Digest);

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.as_bytes().iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_only_under_its_own_prefix() {
        let review = ReviewId::from_random([7; 16]);
        assert_eq!(review.to_string().parse(), Ok(review));
        assert!(review.to_string().parse::<RunId>().is_err());
    }
}
