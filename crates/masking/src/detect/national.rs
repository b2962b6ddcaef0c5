//! Numbers that states and public bodies give to people: identity, tax, health insurance. Each from its issuer's
//! public specification.

mod american;
mod asian;
mod central;
mod eastern;
mod nordic;
mod papers;
mod southerly;
mod southern;
mod western;

use super::scheme::Scheme;

const CLASS: &str = "national-id";

/// All of them. Of two that the same number satisfies, the one that needs less stands first.
pub(crate) static NATIONAL: &[Scheme] = &[
    american::US_SSN,
    american::US_ITIN,
    american::CA_SIN,
    american::BR_CPF,
    american::BR_CNPJ,
    american::MX_CURP,
    american::MX_RFC,
    american::MX_RFC_COMPANY,
    american::MX_RFC_UNCHECKED,
    american::CL_RUT,
    american::CL_RUT_PLAIN,
    american::AR_CUIT,
    american::CO_NIT,
    american::DO_CEDULA,
    american::EC_CEDULA,
    american::PE_RUC,
    western::GB_NHS,
    western::GB_NINO,
    western::GB_NINO_SHORT,
    western::GB_UTR,
    western::IE_PPS,
    western::FR_NIR,
    western::FR_NIR_PROVISIONAL,
    western::FR_NIR_SHORT,
    western::FR_SPI,
    western::BE_NATIONAL,
    western::BE_BIS,
    western::NL_BSN,
    western::LU_MATRICULE,
    central::DE_TAX,
    central::DE_PENSION,
    central::AT_INSURANCE,
    central::CH_AHV,
    southern::ES_DNI,
    southern::ES_NIE,
    southern::PT_NIF,
    southern::PT_CARD,
    southern::IT_FISCAL,
    southern::GR_AFM,
    southern::GR_AMKA,
    southern::TR_KIMLIK,
    southern::IL_ZEHUT,
    nordic::NO_BIRTH,
    nordic::SE_PERSON,
    nordic::FI_HETU,
    nordic::FI_HETU_HYPHEN,
    nordic::DK_CPR,
    nordic::DK_CPR_CHECKED,
    nordic::IS_KENNITALA,
    nordic::EE_LT_PERSON,
    nordic::LV_PERSON,
    nordic::LV_PERSON_DATELESS,
    eastern::PL_PESEL,
    eastern::PL_NIP,
    eastern::PL_CARD,
    eastern::CZ_SK_BIRTH,
    eastern::CZ_SK_BIRTH_OLD,
    eastern::HU_TAJ,
    eastern::HU_TAX,
    eastern::HU_PERSON,
    eastern::RO_CNP,
    eastern::BG_EGN,
    eastern::HR_OIB,
    eastern::YU_JMBG,
    eastern::UA_TAX,
    eastern::RU_INN,
    eastern::RU_SNILS,
    asian::IN_AADHAAR,
    asian::IN_PAN,
    asian::IN_EPIC,
    asian::PK_CNIC,
    asian::CN_RESIDENT,
    asian::HK_HKID,
    asian::TW_NATIONAL,
    asian::JP_MY_NUMBER,
    asian::KR_RRN,
    asian::KR_RRN_CHECKED,
    asian::SG_NRIC,
    asian::MY_NRIC,
    asian::TH_PIN,
    asian::ID_NIK,
    southerly::AU_TFN,
    southerly::AU_MEDICARE,
    southerly::NZ_IRD,
    southerly::ZA_IDENTITY,
    southerly::ZA_IDENTITY_OR_TIME,
    papers::PASSPORT,
    papers::DE_PAPER,
    papers::DE_PAPER_SHORT,
    papers::GB_LICENCE,
    papers::US_LICENCE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_sound, assert_total};
    use crate::detect::scheme::Needs;

    #[test]
    fn every_scheme_is_sound_and_rarely_passes_without_a_word() {
        assert_sound(NATIONAL);
    }

    #[test]
    fn no_check_panics() {
        assert_total(NATIONAL);
    }

    #[test]
    fn only_the_two_numbers_of_the_united_states_are_ssn() {
        let ssn: Vec<_> = NATIONAL.iter().filter(|s| s.class != CLASS).map(|s| (s.name, s.class)).collect();
        assert_eq!(ssn, [("us-ssn", "ssn"), ("us-itin", "ssn")]);
    }

    #[test]
    fn times_rarely_pass_where_no_word_is_needed() {
        let wordless: Vec<_> = NATIONAL.iter().filter(|s| s.needs == Needs::Nothing).collect();
        let ticks = || (0..10_000_u64).map(|i| i * 12_345_671);
        let millis = ticks().map(|tick| (1_600_000_000_000 + tick).to_string());
        let micros = ticks().map(|tick| (1_600_000_000_000_000 + tick * 1009).to_string());
        let digits = ticks().map(|tick| {
            let (minute, hour, day, month) = (tick % 60, tick / 60 % 24, tick / 1_440 % 28 + 1, tick / 40_320 % 12 + 1);
            format!("20{:02}{month:02}{day:02}{hour:02}{minute:02}{:02}", 10 + tick % 17, tick % 59)
        });
        for (kind, times) in [("millis", millis.collect()), ("micros", micros.collect()), ("digits", digits.collect())]
        {
            let times: Vec<String> = times;
            let cuts = || times.iter().flat_map(|time| [Some(time.as_str()), time.get(..12), time.get(2..)]).flatten();
            for scheme in &wordless {
                let passed = cuts().filter(|time| accepts(scheme, time)).count();
                assert!(passed <= 10, "{} takes {passed} of 10,000 {kind}", scheme.name);
            }
        }
    }
}
