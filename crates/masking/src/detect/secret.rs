//! Secrets that are told by how they begin, how long they are and of which characters, and those that are told by the
//! key before them. Ordinary words are rejected by their first bytes; what is refused after its prefix cost no more
//! bytes than a bounded few. It knows no text: the scanner says where tokens, keys and values begin.

mod assignment;
mod block;
mod families;
mod family;
mod jwt;
mod placeholder;
mod shape;
mod words;

pub(crate) use self::assignment::{Strength, assigned, strength_of};
pub(crate) use self::block::{password_in_url, private_key};
pub(crate) use self::words::{PAIRS, PASSWORDS, SECRETS, TOKENS};

/// A secret that stands at the start of what was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recognised {
    /// What it is: `github-token`.
    pub(crate) name: &'static str,
    /// How many bytes it takes.
    pub(crate) length: usize,
    /// How many of them only name it, such as `AccountKey=`, and may stay.
    pub(crate) lead: usize,
}

/// Tells whether a secret stands at the very start of `rest`, which begins with a letter or digit that no letter or
/// digit precedes, or with one of [`BEGINNINGS`].
pub(crate) fn recognise(rest: &[u8]) -> Option<Recognised> {
    let head = *rest.first_chunk()?;
    if ends_within(head) {
        return None;
    }
    let family = families::shelf(head).iter().find_map(|family| Some((family.name, family.length(rest)?)));
    let family = family.map(|(name, length)| Recognised { name, length, lead: 0 });
    family.or_else(|| shape::begun(head, rest)).or_else(|| shape::marked(rest))
}

/// Whether white space, a control character, `!` or `"` is among the first bytes, as it is with most words: one
/// subtraction borrows from each byte below `#`, so that this costs less than to look at them.
fn ends_within(head: [u8; families::HEAD]) -> bool {
    let bytes = u64::from_le_bytes(head);
    bytes.wrapping_sub(0x2323_2323_2323_2323) & !bytes & 0x8080_8080_8080_8080 != 0
}

/// Beginnings that are distinctive enough to be looked for inside longer runs of letters and digits as well.
pub(crate) const BEGINNINGS: &[&str] = &[
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "AIza",
    "ABSK",
    "GOCSPX-",
    "ya29.",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glrt-",
    "glptt-",
    "gloas-",
    "glcbt-",
    "ATATT3",
    "ATBB",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxr-",
    "xoxs-",
    "xoxe.",
    "xapp-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "whsec_",
    "sq0atp-",
    "sq0csp-",
    "shpat_",
    "shpca_",
    "shppa_",
    "shpss_",
    "sk-ant-",
    "sk-proj-",
    "sk-svcacct-",
    "sk-admin-",
    "sk-or-v1-",
    "gsk_",
    "xai-",
    "pplx-",
    "nvapi-",
    "npm_",
    "pypi-",
    "rubygems_",
    "dckr_pat_",
    "dckr_oat_",
    "xkeysib-",
    "xsmtpsib-",
    "dop_v1_",
    "doo_v1_",
    "dor_v1_",
    "hvs.",
    "hvb.",
    "NRAK-",
    "glsa_",
    "glc_",
    "sntrys_",
    "sntryu_",
    "lin_api_",
    "ntn_",
    "figd_",
    "PMAK-",
    "ops_eyJ",
    "AGE-SECRET-KEY-1",
    "cfut_",
    "cfat_",
    "tskey-",
    "pscale_",
    "sbp_",
    "eyJhbGciOi",
    "eyJ0eXAiOi",
    "eyJraWQiOi",
    "eyJlbmMiOi",
    "eyJjdHkiOi",
    "eyJ6aXAiOi",
    "eyJ4NXQiOi",
    "eyJqa3UiOi",
    "eyJqd2siOi",
];

#[cfg(test)]
mod tests;
