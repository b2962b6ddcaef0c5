//! Canaries: unique values that must never come out, searched for in every disguise that costs nothing to put on.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

/// Values that must never come out.
#[derive(Debug, Clone, Default)]
pub struct Canaries(Vec<String>);

impl Canaries {
    /// Watches for these values too.
    pub fn and(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.0.extend(values);
        self
    }

    /// Fails if one of them is in `bytes`: as it is, reversed, as hex, as base64, as URL or JSON escapes.
    #[track_caller]
    pub fn assert_silent(&self, whence: &str, bytes: &[u8]) {
        assert!(!self.0.is_empty(), "no canary to look for");
        if let Some((canary, disguise)) = self.heard(bytes) {
            panic!("the canary `{canary}` came out of {whence} as `{disguise}`");
        }
    }

    /// The first canary that is in `bytes`, with its disguise.
    pub fn heard(&self, bytes: &[u8]) -> Option<(&str, String)> {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        self.0.iter().find_map(|canary| {
            let found = disguises(canary).into_iter().find(|disguise| text.contains(&disguise.to_lowercase()));
            found.map(|disguise| (canary.as_str(), disguise))
        })
    }
}

fn disguises(canary: &str) -> Vec<String> {
    let bytes = canary.as_bytes();
    let each = |show: fn(&u8) -> String| bytes.iter().map(show).collect::<String>();
    let mut all = vec![
        canary.to_owned(),
        canary.chars().rev().collect(),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("{byte},")),
    ];
    // Base64 of the canary at each of the three places that it can have in a longer text.
    for shift in 0..3 {
        let mut shifted = vec![b' '; shift];
        shifted.extend_from_slice(bytes);
        shifted.truncate(shifted.len() / 3 * 3);
        let from = if shift == 0 { 0 } else { 4 };
        all.push(BASE64_STANDARD_NO_PAD.encode(&shifted)[from..].to_owned());
        all.push(BASE64_URL_SAFE_NO_PAD.encode(&shifted)[from..].to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_heard_in_every_disguise() {
        let canaries = Canaries::default().and(["canary-7f3a9b21".to_owned()]);
        for disguise in disguises("canary-7f3a9b21") {
            assert!(canaries.heard(format!("x{disguise}y").as_bytes()).is_some(), "{disguise}");
        }
        let hidden = BASE64_STANDARD_NO_PAD.encode("a long text with canary-7f3a9b21 somewhere inside it");
        assert!(canaries.heard(hidden.as_bytes()).is_some());
        assert!(canaries.heard(b"nothing of that kind").is_none());
    }
}
