//! JSON as records have it: written without spaces into one buffer, and brought into the canonical form of RFC 8785 by
//! moving the fields of its objects, so that no tree of values is built. It knows nothing of records.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize as _, Serialize, Serializer as _};

/// RFC 8785 for the values we use: objects, arrays, strings, booleans, null and integers below 2^53.
pub(crate) fn write_canonical(out: &mut Vec<u8>, value: &impl Serialize) {
    let start = out.len();
    write_json(out, value);
    sort_names(out.get_mut(start..).unwrap_or_default());
}

/// Puts the names of every object in order: all that JSON without spaces lacks of the canonical form.
pub(crate) fn sort_names(json: &mut [u8]) {
    if !json.contains(&b'{') {
        return;
    }
    // INVARIANT: `open` says of each object that is open where its fields start in `starts`, of each array nothing.
    let (mut open, mut starts): (Vec<Option<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = end_of_text(json, at),
            b'[' => open.push(None),
            b'{' => {
                open.push(Some(starts.len()));
                starts.push(at + 1);
            }
            b',' if matches!(open.last(), Some(Some(_))) => starts.push(at + 1),
            b']' | b'}' => {
                if let Some(first) = open.pop().flatten() {
                    sort_fields(json, starts.get(first..).unwrap_or_default(), at);
                    starts.truncate(first);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Puts the fields that start at `starts` in order; the last ends at `end`.
fn sort_fields(json: &mut [u8], starts: &[usize], end: usize) {
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([end]);
    let fields = starts.iter().zip(ends).filter_map(|(start, end)| json.get(*start..end));
    let mut fields: Vec<_> = fields.map(|field| (name_of(field), field)).collect();
    if fields.is_sorted_by(|(a, _), (b, _)| in_order(a, b).is_le()) {
        return;
    }
    fields.sort_by(|(a, _), (b, _)| in_order(a, b));
    let start = starts.first().copied().unwrap_or(end);
    let mut sorted = Vec::with_capacity(end - start + 1);
    for (_, field) in fields {
        sorted.extend_from_slice(field);
        sorted.push(b',');
    }
    sorted.pop();
    if let Some(place) = json.get_mut(start..end) {
        place.copy_from_slice(&sorted);
    }
}

fn name_of(field: &[u8]) -> Cow<'_, [u8]> {
    match field.get(1..end_of_text(field, 0)) {
        Some(name) if !name.contains(&b'\\') => Cow::Borrowed(name),
        _ => {
            let name = String::deserialize(&mut serde_json::Deserializer::from_slice(field));
            Cow::Owned(name.unwrap_or_default().into_bytes())
        }
    }
}

/// Where the text that starts at `at` has its closing quote.
fn end_of_text(json: &[u8], mut at: usize) -> usize {
    loop {
        let rest = json.get(at + 1..).unwrap_or_default();
        at += 1 + rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
        match json.get(at) {
            Some(b'\\') => at += 1,
            _ => return at,
        }
    }
}

/// Writes fields that are in order.
pub(crate) fn write_object<T>(
    out: &mut Vec<u8>,
    fields: &[(&'static str, T)],
    mut write: impl FnMut(&mut Vec<u8>, &T),
) {
    out.push(b'{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_text(out, name);
        out.push(b':');
        write(out, value);
    }
    out.push(b'}');
}

/// The order of RFC 8785, section 3.2.3: by UTF-16 code units. It is that of the bytes, but for the letters U+E000 to
/// U+FFFF, whose first bytes are these two: they come behind those of a surrogate pair.
pub(crate) fn in_order(a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Ordering {
    let place = |byte: &u8| if matches!(byte, 0xee | 0xef) { byte + 0x10 } else { *byte };
    a.as_ref().iter().map(place).cmp(b.as_ref().iter().map(place))
}

/// serde_json escapes strings exactly as RFC 8785, section 3.2.2.2, and prints integers in plain decimal.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Memory takes all of it, and there are no keys here that are not text.
    serde_json::to_writer(out, value).unwrap_or_default();
}

/// A word needs no escapes; the names of fields are words.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'-')) {
        return write_json(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

pub(crate) fn write_token(out: &mut Vec<u8>, token: impl fmt::Display) {
    serde_json::Serializer::new(out).collect_str(&token).unwrap_or_default();
}

pub(crate) fn write_list<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

/// At most 33 bytes, which fit.
pub(crate) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut text = [0; 44];
    let length = BASE64_URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).unwrap_or_default();
    out.push(b'"');
    out.extend_from_slice(text.get(..length).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_canonical_form_is_that_of_rfc_8785() {
        let value: Value = serde_json::from_str(r#"{"b":[1,null,true],"a":"\u20ac\u000f\n\"\\\/"}"#).unwrap();
        let mut out = Vec::new();
        write_canonical(&mut out, &value);
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":\"€\\u000f\\n\\\"\\\\/\",\"b\":[1,null,true]}");
    }

    #[test]
    fn names_stand_in_the_order_of_utf_16() {
        let names = ["", "a", "ab", "b", "\u{e9}", "\u{20ac}", "\u{10000}", "\u{ffff}"];
        for (at, one) in names.iter().enumerate() {
            for (other_at, other) in names.iter().enumerate() {
                assert_eq!(in_order(one, other), at.cmp(&other_at), "{one:?} {other:?}");
            }
        }
    }
}
