//! Why an actor does something, as far as a client of PostgreSQL can say it: in a comment of the text, or by a setting of
//! its own. It is the actor's word, for people to read; nothing is decided by it.

use model::limit;

/// The reason that stands in a comment of `text`: `/* countersign: reason=quarterly clean-up */`.
#[must_use]
pub fn in_comment(text: &str) -> Option<&str> {
    text.match_indices(OPENS).find_map(|(at, _)| {
        let (comment, _) = text.get(at..)?.strip_prefix(OPENS)?.split_once("*/")?;
        let reason = comment.trim_start().strip_prefix(SAYS)?.trim_start().strip_prefix("reason=")?.trim();
        (!reason.is_empty()).then(|| shortened(reason))
    })
}

/// As much of a reason as is kept.
#[must_use]
pub fn shortened(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(limit::REASON_BYTES)).unwrap_or(reason)
}

const OPENS: &str = "/*";
const SAYS: &str = "countersign:";
/// The setting that holds it for the statements that follow.
pub(super) const SETTING: &str = "countersign.reason";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_from_a_comment_that_says_so() {
        for (text, reason) in [
            ("/* countersign: reason=ticket 7 */ DELETE FROM orders", Some("ticket 7")),
            ("DELETE /* x */ FROM orders /*countersign:reason=  late one*/", Some("late one")),
            ("SELECT '/* countersign: reason=quoted, and harmless */'", Some("quoted, and harmless")),
            ("/* countersign: reason= */ SELECT 1", None),
            ("/* reason=none */ SELECT 1", None),
            ("/* countersign: reason=open", None),
            ("-- countersign: reason=line\nSELECT 1", None),
        ] {
            assert_eq!(in_comment(text), reason, "{text}");
        }
        let long = format!("/* countersign: reason={} */", "ö".repeat(limit::REASON_BYTES));
        assert!(in_comment(&long).is_some_and(|reason| reason.len() <= limit::REASON_BYTES));
    }
}
