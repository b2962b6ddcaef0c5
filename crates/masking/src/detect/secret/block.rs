//! Secrets with an end of their own: private keys from BEGIN to END, and passwords in front of the `@` of an address.

use std::ops::Range;

use super::placeholder;

/// How many bytes of `rest`, which starts with `-----BEGIN `, a private key takes: to the end of its END line, or all of
/// them if that does not come. `None` for certificates, public keys and whatever else stands in such lines.
pub(crate) fn private_key(rest: &[u8]) -> Option<usize> {
    let body = rest.strip_prefix(BEGIN)?;
    let label = body.iter().take(LONGEST_LABEL).take_while(|byte| is_label(**byte)).count();
    let (label, body) = body.split_at_checked(label)?;
    if !body.starts_with(DASHES) || !label.windows(PRIVATE.len()).any(|part| part == PRIVATE) {
        return None;
    }
    let end = body.windows(END.len()).enumerate().find_map(|(place, window)| {
        let behind = (window == END).then(|| body.get(place + END.len()..))??;
        behind.strip_prefix(label)?.starts_with(DASHES).then_some(place + END.len())
    });
    let before = BEGIN.len() + label.len();
    Some(end.map_or(rest.len(), |end| before + end + label.len() + DASHES.len()))
}

/// Where in `rest`, which starts behind `://`, the password of `user:password@host` stands. RFC 3986 ends the part
/// before the host at the first `/`, `?` or `#`; people write these in passwords all the same, so up to the last `@`
/// before white space, a quote or an angle bracket counts where no port, and no query, says otherwise.
pub(crate) fn password_in_url(rest: &[u8]) -> Option<Range<usize>> {
    let near = rest.get(..LONGEST_ADDRESS).unwrap_or(rest);
    let ends = |(place, byte): (usize, &u8)| {
        ends_address(*byte) || (*byte == b':' && near.get(place..).is_some_and(|tail| tail.starts_with(b"://")))
    };
    let written = near.get(..near.iter().enumerate().position(ends).unwrap_or(near.len()))?;
    let colon = written.iter().position(|byte| matches!(byte, b':' | b'/' | b'?' | b'#' | b'@' | b'[' | b'\\'))?;
    let (_, [b':', behind @ ..]) = written.split_at_checked(colon)? else { return None };
    let password = behind.get(..end_of_password(behind)?)?;
    let secret = !password.is_empty() && !placeholder::is_placeholder(password);
    secret.then_some(colon + 1..colon + 1 + password.len())
}

/// Where the `@` stands that ends the password.
fn end_of_password(behind: &[u8]) -> Option<usize> {
    let last_at = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'@');
    let authority = behind.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(behind.len());
    let query = behind.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(behind.len());
    let port = behind.get(..authority).is_some_and(|port| port.len() < 6 && port.iter().all(u8::is_ascii_digit));
    let strict = last_at(behind.get(..authority)?);
    let path = last_at(behind.get(..query)?).filter(|at| {
        // `/@scope` is a path.
        at.checked_sub(1).and_then(|before| behind.get(before)) != Some(&b'/')
    });
    match (strict, path) {
        (None, _) if port => None,
        (strict, None) => strict.or_else(|| last_at(behind)),
        (_, path) => path,
    }
}

const fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>')
}

const fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const PRIVATE: &[u8] = b"PRIVATE KEY";

/// Bytes of the longest label: `PGP PRIVATE KEY BLOCK` and room for others.
const LONGEST_LABEL: usize = 64;

/// Bytes behind `://` that are looked at.
const LONGEST_ADDRESS: usize = 256;
