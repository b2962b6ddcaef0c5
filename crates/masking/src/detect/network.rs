//! Addresses of networks and devices: IPv4 in its dotted form, IPv6 in all that its text may be (RFC 4291, RFC 5952, zones
//! and prefixes too), and hardware addresses.

use std::net::Ipv6Addr;

use super::Class;
use super::scan::{Kind, Scan, kind};
use super::words::VERSION;

impl Scan<'_> {
    /// The address around the first colon of it, at `at`. Returns where it ends.
    pub(super) fn colon_address(&mut self, at: usize) -> Option<usize> {
        let looks = self.looks_for(Class::IP) || self.looks_for(Class::DEVICE);
        // Between hexadecimal digits, or beside another colon.
        let is_of_address = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':');
        if !looks || at < self.no_address_before || !is_of_address(self.at(at + 1)) {
            return None;
        }
        let start =
            at - self.slice(at.saturating_sub(4), at).iter().rev().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if start
            .checked_sub(1)
            .and_then(|before| self.at(before))
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        {
            return None;
        }
        let text = self.slice(start, start + IPV6);
        let length = text.iter().take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')).count();
        let text = text.get(..length).unwrap_or_default().trim_suffix_of(b'.');
        self.no_address_before = start + text.len();
        let colons = text.iter().filter(|byte| **byte == b':').count();
        if colons < 5 && !text.windows(2).any(|pair| pair == b"::") {
            return None;
        }
        if self.at(start + text.len()).is_some_and(|byte| matches!(kind(byte), Kind::Letter | Kind::Digit | Kind::Hex))
        {
            return None;
        }
        if HARDWARE_BY_COLONS.fits(text) && self.looks_for(Class::DEVICE) {
            self.push(start..start + text.len(), Class::DEVICE, "mac-address");
            return Some(start + text.len());
        }
        // Without a digit it may be code: `a::b`.
        let is_code = text.len() < 3 || !text.iter().any(u8::is_ascii_digit);
        if is_code || !self.looks_for(Class::IP) || std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().is_err() {
            return None;
        }
        let mut end = start + text.len();
        if self.at(end) == Some(b'%') {
            let zone = self.slice(end + 1, end + 17);
            end += 1 + zone.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
        }
        end = self.prefix_behind(end, 128);
        self.push(start..end, Class::IP, "ipv6");
        Some(end)
    }

    /// The address of a device that starts here. In groups of four without a letter it may be numbers.
    pub(super) fn hardware(&mut self, start: usize, way: Hardware) -> Option<usize> {
        let end = start + way.length();
        let text = self.slice(start, end);
        let goes_on = self.at(end).is_some_and(|byte| byte == way.sign || kind(byte).is_of_token());
        let may_be_numbers = way.group == 4 && !text.iter().any(u8::is_ascii_alphabetic);
        if !self.looks_for(Class::DEVICE) || !way.fits(text) || goes_on || may_be_numbers {
            return None;
        }
        self.push(start..end, Class::DEVICE, "mac-address");
        Some(end)
    }

    /// Four numbers of a byte each with dots between them, at these bytes.
    pub(super) fn ipv4(&mut self, start: usize, end: usize) -> Option<usize> {
        if !self.looks_for(Class::IP) {
            return None;
        }
        let before = start.checked_sub(1).and_then(|before| self.at(before));
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            || self.at(end).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'-')
            || (self.at(end) == Some(b'.') && self.at(end + 1).is_some_and(|byte| byte.is_ascii_alphanumeric()))
        {
            return None;
        }
        if self.slice(start, end) == b"0.0.0.0" || self.says(start, VERSION) {
            return None;
        }
        let end = self.prefix_behind(end, 32);
        self.push(start..end, Class::IP, "ipv4");
        Some(end)
    }

    /// Where `/24` ends, if it stands at `end`.
    fn prefix_behind(&self, end: usize, longest: u32) -> usize {
        let rest = self.slice(end, end + 4);
        let Some(digits) = rest.strip_prefix(b"/") else { return end };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number =
            std::str::from_utf8(digits.get(..count).unwrap_or_default()).ok().and_then(|text| text.parse::<u32>().ok());
        if number.is_some_and(|number| number <= longest) { end + 1 + count } else { end }
    }
}

/// A way to write the address of a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hardware {
    /// Hexadecimal digits of a group.
    group: usize,
    sign: u8,
}

pub(super) const HARDWARE_BY_TWOS: Hardware = Hardware { group: 2, sign: b'-' };
pub(super) const HARDWARE_BY_FOURS: Hardware = Hardware { group: 4, sign: b'.' };
const HARDWARE_BY_COLONS: Hardware = Hardware { group: 2, sign: b':' };

impl Hardware {
    const fn length(self) -> usize {
        12 + 12 / self.group - 1
    }

    /// Whether this is twelve digits in its groups.
    fn fits(self, text: &[u8]) -> bool {
        let is_sign = |at: usize| at % (self.group + 1) == self.group;
        let fits = |(at, byte): (usize, &u8)| if is_sign(at) { *byte == self.sign } else { byte.is_ascii_hexdigit() };
        text.len() == self.length() && text.iter().enumerate().all(fits)
    }
}

trait TrimSuffix {
    fn trim_suffix_of(&self, byte: u8) -> &Self;
}

impl TrimSuffix for [u8] {
    fn trim_suffix_of(&self, byte: u8) -> &Self {
        let end = self.iter().rposition(|last| *last != byte).map_or(0, |at| at + 1);
        self.get(..end).unwrap_or_default()
    }
}

/// Bytes of the longest text of an IPv6 address.
const IPV6: usize = 45;
