//! E-mail addresses: what stands around an `@`, by RFC 5321's lengths; also internationalised (RFC 6531), tagged and quoted
//! ones. Addresses of repositories, versions of packages and names of picture files are none.

use super::Class;
use super::scan::Scan;

impl Scan<'_> {
    /// An address around the `@` at `at`. Returns where to go on.
    pub(super) fn email(&mut self, at: usize) -> usize {
        let next = at + 1;
        if !self.looks_for(Class::EMAIL) {
            return next;
        }
        let domain = domain(self.slice(next, next + DOMAIN));
        if domain.len() < SHORTEST {
            return next;
        }
        let end = next + domain.len();
        let start = self.local(at);
        let is_address = start < at && is_domain(domain) && !self.is_repository(start, at, end);
        if is_address {
            self.push(start..end, Class::EMAIL, "email");
        }
        if is_address { end } else { next }
    }

    /// Where the local part starts that ends at `at`.
    fn local(&self, at: usize) -> usize {
        // What is told already is no local part.
        let before = self.slice(at.saturating_sub(LOCAL).max(self.told_before), at);
        if let Some(quoted) = before.strip_suffix(b"\"") {
            let start = quoted.iter().rposition(|byte| matches!(byte, b'"' | b'\n' | b'<' | b'>'));
            return start
                .filter(|start| quoted.get(*start) == Some(&b'"') && start + 1 < quoted.len())
                .map_or(at, |start| at - before.len() + start);
        }
        let length = before.iter().rev().take_while(|byte| is_of_local(**byte)).count();
        let local = before.get(before.len() - length..).unwrap_or_default();
        let is_first = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80;
        local.iter().position(is_first).map_or(at, |first| at - length + first)
    }

    /// `git@host:path`, and the like.
    fn is_repository(&self, start: usize, at: usize, end: usize) -> bool {
        matches!(self.slice(start, at), b"git" | b"hg" | b"svn") && matches!(self.at(end), Some(b':' | b'/'))
    }
}

fn is_of_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'%' | b'\'' | b'~' | b'!' | b'#')
}

/// The labels at the start of `text`, without a dot or dash behind the last.
fn domain(text: &[u8]) -> &[u8] {
    let is_of_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut end = 0;
    while let Some(byte) = text.get(end).copied()
        && (is_of_label(byte) || (byte == b'.' && text.get(end + 1).is_some_and(|next| is_of_label(*next))))
    {
        end += 1;
    }
    while let Some(b'-' | b'.') = text.get(..end).and_then(<[u8]>::last) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn is_domain(domain: &[u8]) -> bool {
    let mut labels = domain.rsplit(|byte| *byte == b'.');
    let Some(top) = labels.next() else { return false };
    let is_top = top.len() >= 2
        && top.len() <= 63
        && (top.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80) || top.starts_with(b"xn--"));
    let is_file = FILES.iter().any(|file| file.as_bytes().eq_ignore_ascii_case(top));
    let mut named = false;
    let mut labels_are_whole = true;
    for label in labels {
        named |= label.iter().any(|byte| !byte.is_ascii_digit());
        labels_are_whole &=
            !label.is_empty() && label.len() <= 63 && !label.starts_with(b"-") && !label.ends_with(b"-");
    }
    is_top && !is_file && named && labels_are_whole && !is_version(domain)
}

/// `1.2.3-beta.rc`: two numbers, to begin with.
fn is_version(domain: &[u8]) -> bool {
    let mut labels = domain.split(|byte| *byte == b'.');
    let is_number =
        |label: Option<&[u8]>| label.is_some_and(|label| !label.is_empty() && label.iter().all(u8::is_ascii_digit));
    is_number(labels.next()) && is_number(labels.next())
}

/// Endings of files that are no top-level domains.
const FILES: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "svg", "ico", "js", "mjs", "css", "html", "json", "xml", "yaml", "yml",
    "toml", "lock", "txt", "pdf", "gz", "tgz", "whl", "jar", "service", "socket", "timer", "target",
];
/// Bytes of the shortest domain: `a.bc`.
const SHORTEST: usize = 4;
/// Bytes of a local part, with its quotes.
const LOCAL: usize = 66;
/// Bytes of a domain.
const DOMAIN: usize = 255;
