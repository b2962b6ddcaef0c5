//! Numbers of banks, health providers, vehicles and devices. Each from its issuer's public specification.

mod bank;
mod device;
mod health;
mod vehicle;

use super::scheme::Scheme;

/// All of them. Of two that the same number satisfies, the one that needs less stands first.
pub(crate) static BUSINESS: &[Scheme] = &[
    bank::US_ROUTING,
    bank::MX_CLABE,
    bank::BIC,
    bank::GB_SORT_CODE,
    bank::AU_BSB,
    bank::IN_IFSC,
    bank::ACCOUNT,
    health::US_NPI,
    health::US_DEA,
    health::US_MBI,
    health::DE_KVNR,
    health::NZ_NHI,
    health::RECORD,
    vehicle::VIN,
    vehicle::VIN_UNCHECKED,
    device::IMEI,
    device::IMEI_SV,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{assert_sound, assert_total};

    #[test]
    fn every_scheme_is_sound_and_rarely_passes_without_a_word() {
        assert_sound(BUSINESS);
    }

    #[test]
    fn no_check_panics() {
        assert_total(BUSINESS);
    }
}
