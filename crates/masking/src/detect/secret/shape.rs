//! Secrets that no single prefix and run describes: several parts, a mark inside, an address that is itself the secret.
//! Each is told by bytes at known places before anything is read.

use super::Recognised;
use super::families::HEAD;
use super::family::Alphabet::{Base62, Base64Url, Hex, Parts, Wide};
use super::{jwt, placeholder};

/// Tells whether a secret that begins in one of these ways stands at the start of `rest`.
pub(super) fn begun(head: [u8; HEAD], rest: &[u8]) -> Option<Recognised> {
    match head {
        [b'e', b'y', b'J' | b'A' | b'I', ..] => whole("jwt", jwt::length(rest)),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/'] => webhook(rest.get(HTTPS..)?).map(|mut found| {
            found.length += HTTPS;
            found.lead += HTTPS;
            found
        }),
        [b'S', b'G', b'.', ..] => whole("sendgrid-key", pair(rest.get(3..)?, (16, 32), b'.', (32, 64)).map(|n| n + 3)),
        [b's' | b'p', b'k', b'.', b'e', b'y', b'J', ..] => whole("mapbox-token", mapbox(rest)),
        [b'p', b'a', b't', ..] if rest.get(17) == Some(&b'.') => {
            whole("airtable-token", parts(rest, &[(Base62, 17), (Hex, 64)]))
        }
        [b'a', b'c', b'c', b'e', b's', b's', b'_', ..] => whole("paypal-token", braintree(rest)),
        [b'A' | b'S', b'c' | b'h', ..] => named(rest, AZURE_KEYS, "azure-key", 40),
        [b's', b'i', b'g', b'=', ..] => named(rest, &["sig="], "azure-signature", 43),
        _ => None,
    }
}

fn whole(name: &'static str, length: Option<usize>) -> Option<Recognised> {
    length.map(|length| Recognised { name, length, lead: 0 })
}

/// Tells whether a secret with a mark at a known place, whatever it begins with, stands at the start of `rest`.
pub(super) fn marked(rest: &[u8]) -> Option<Recognised> {
    let at = |place: usize| rest.get(place).copied().unwrap_or_default();
    // No letters or digits: hardly any token has one of these signs at its place.
    if (2..=5).any(|place| at(place) == b'~') {
        return whole("entra-secret", entra(rest));
    }
    if at(0).is_ascii_digit() && (8..=10).any(|place| at(place) == b':') {
        return telegram(rest);
    }
    match (at(14), at(24), at(26), at(32)) {
        (b'.', ..) if is_at(rest, 14, b".atlasv1.") => {
            let length = tail(rest, 23, (60, 80));
            whole("terraform-token", length.filter(|_| Base62.run(rest, 14) == 14))
        }
        (_, b'.', ..) | (_, _, b'.', _) => whole("discord-token", discord(rest)),
        (.., b'-') if is_at(rest, 32, b"-us") => whole("mailchimp-key", mailchimp(rest)),
        _ if is_at(rest, 52, b"JQQJ99") => whole("azure-key", parts(rest, &[(Base62, 84)])),
        _ => None,
    }
}

fn is_at(rest: &[u8], place: usize, mark: &[u8]) -> bool {
    rest.get(place..).is_some_and(|tail| tail.starts_with(mark))
}

/// Microsoft Entra: three characters, a digit, `Q~` and 31 or 34 more. Those before the digit may be signs, so a token
/// may begin later.
fn entra(rest: &[u8]) -> Option<usize> {
    let start = (0..=3).find(|start| {
        matches!(rest.get(*start..), Some([b'0'..=b'9', b'Q', b'~', ..]))
            && rest.iter().take(*start).all(|byte| is_entra(*byte))
    })?;
    let body = rest.get(start + 3..)?;
    let run = body.iter().take(35).take_while(|byte| is_entra(**byte)).count();
    (31..=34).contains(&run).then_some(start + 3 + run)
}

fn is_entra(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'~' | b'.' | b'-')
}

/// The number of a bot, a colon and 35 characters.
fn telegram(rest: &[u8]) -> Option<Recognised> {
    let colon = (8..=10).find(|place| rest.get(*place) == Some(&b':'))?;
    let number = rest.get(..colon)?;
    let length = tail(rest, colon + 1, (35, 35))?;
    let body = rest.get(colon + 1..length)?;
    let secret = number.iter().all(u8::is_ascii_digit) && !placeholder::is_filler(body) && body.starts_with(b"AA");
    whole("telegram-token", secret.then_some(length))
}

/// The number of a user in base64, a time, and a code of both.
fn discord(rest: &[u8]) -> Option<usize> {
    let user = Base62.run(rest, 27);
    let first = rest.first()?;
    if !matches!(first, b'M' | b'N' | b'O') || !matches!(user, 24 | 26) || Base64Url.run(rest.get(user + 1..)?, 7) != 6
    {
        return None;
    }
    (rest.get(user + 7) == Some(&b'.')).then_some(())?;
    tail(rest, user + 8, (27, 40))
}

fn mailchimp(rest: &[u8]) -> Option<usize> {
    let digits = rest.get(35..)?.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
    let key = rest.get(..32)?;
    ((1..=2).contains(&digits) && Hex.run(key, 32) == 32 && !placeholder::is_filler(key)).then_some(35 + digits)
}

fn mapbox(rest: &[u8]) -> Option<usize> {
    // `pk.` is the public kind.
    let body = rest.strip_prefix(b"sk.")?;
    pair(body, (40, 200), b'.', (20, 24)).map(|length| length + 3)
}

fn braintree(rest: &[u8]) -> Option<usize> {
    let start = [&b"access_token$production$"[..], b"access_token$sandbox$"];
    let body = start.iter().find_map(|start| rest.strip_prefix(*start))?;
    let length = pair(body, (16, 16), b'$', (32, 32))?;
    Some(rest.len() - body.len() + length)
}

/// An address that whoever knows it may post to. What names the service may stay.
fn webhook(address: &[u8]) -> Option<Recognised> {
    let host = address.iter().take(80).position(|byte| !Parts.has(*byte))?;
    let (host, path) = address.split_at_checked(host)?;
    let (name, start): (_, &[&str]) = match host {
        b"hooks.slack.com" | b"hooks.slack-gov.com" => ("slack-webhook", &["/services/", "/workflows/", "/triggers/"]),
        b"discord.com" | b"discordapp.com" | b"canary.discord.com" | b"ptb.discord.com" => {
            ("discord-webhook", &["/api/webhooks/"])
        }
        b"hooks.zapier.com" => ("zapier-webhook", &["/hooks/catch/"]),
        b"chat.googleapis.com" => ("google-chat-webhook", &["/v1/spaces/"]),
        _ if host.ends_with(b".webhook.office.com") => ("teams-webhook", &["/webhook"]),
        b"outlook.office.com" => ("teams-webhook", &["/webhook"]),
        _ => return None,
    };
    let start = start.iter().find(|start| path.starts_with(start.as_bytes()))?.len();
    let part = path.get(start..)?;
    let run = part.iter().take(512).take_while(|byte| is_of_path(**byte)).count();
    let run = part.get(..run)?.iter().rposition(|byte| *byte != b'.').map_or(0, |last| last + 1);
    let secret = run >= 16 && !placeholder::is_filler(part.get(..run)?);
    secret.then_some(Recognised { name, length: host.len() + start + run, lead: host.len() + start })
}

fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'@' | b'.' | b'?' | b'=' | b'&' | b'%')
}

/// `AccountKey=` and its like, then a key in base64, plain or percent-encoded.
fn named(rest: &[u8], starts: &[&str], name: &'static str, least: usize) -> Option<Recognised> {
    let lead = starts.iter().find(|start| rest.starts_with(start.as_bytes()))?.len();
    let body = rest.get(lead..)?;
    let run = body.iter().take(200).take_while(|byte| Wide.has(**byte) || **byte == b'%').count();
    let key = body.get(..run)?;
    let whole = run == UNPADDED || key.ends_with(b"=") || key.ends_with(b"%3D") || key.ends_with(b"%3d");
    (run >= least && whole && !placeholder::is_filler(key)).then_some(Recognised { name, length: lead + run, lead })
}

/// Two parts in base64url with a sign between them.
fn pair(body: &[u8], first: (usize, usize), sign: u8, second: (usize, usize)) -> Option<usize> {
    let run = Base64Url.run(body, first.1 + 1);
    if run < first.0 || run > first.1 || body.get(run) != Some(&sign) || placeholder::is_filler(body.get(..run)?) {
        return None;
    }
    tail(body, run + 1, second)
}

/// Where a last part of `least` to `most` characters in base64url ends, which begins at `from`.
fn tail(rest: &[u8], from: usize, (least, most): (usize, usize)) -> Option<usize> {
    let run = Base64Url.run(rest.get(from..)?, most + 1);
    (least..=most).contains(&run).then_some(from + run)
}

/// Parts of known lengths with full stops between them, and no letter or digit behind the last.
fn parts(rest: &[u8], parts: &[(super::family::Alphabet, usize)]) -> Option<usize> {
    let mut end = 0;
    for (index, (alphabet, length)) in parts.iter().enumerate() {
        if index > 0 {
            (rest.get(end) == Some(&b'.')).then_some(())?;
            end += 1;
        }
        let part = rest.get(end..)?;
        if alphabet.run(part, *length) != *length || placeholder::is_filler(part.get(..*length)?) {
            return None;
        }
        end += length;
    }
    (!rest.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

/// 32 bytes in base64 without the sign at the end, as the addresses of workflows are signed.
const UNPADDED: usize = 43;

const HTTPS: usize = "https://".len();

const AZURE_KEYS: &[&str] = &["AccountKey=", "SharedAccessKey="];
