//! Numbers of India, Pakistan, China, Hong Kong, Taiwan, Japan, Korea, Singapore, Malaysia, Thailand and Indonesia.

use super::CLASS;
use crate::detect::calendar::{is_date, is_full_ymd, is_ymd};
use crate::detect::checksum::{
    complement, digit, is_constant, letter, mod_11_2, number, part, split_check, value, verhoeff, weighted,
};
use crate::detect::scheme::{Needs, Scheme};

/// UIDAI, "Aadhaar".
pub(super) const IN_AADHAAR: Scheme = Scheme {
    name: "in-aadhaar",
    class: CLASS,
    forms: &["999999999999"],
    groups: &[&[4, 4, 4]],
    check: is_aadhaar,
    needs: Needs::WordUnlessGrouped,
    words: &["aadhaar", "aadhar", "adhaar", "adhar", "uidai", "आधार"],
};

/// Income Tax Department, "permanent account number": its check letter is not published.
pub(super) const IN_PAN: Scheme = Scheme {
    name: "in-pan",
    class: CLASS,
    forms: &["AAAAA9999A"],
    groups: &[],
    check: is_pan,
    needs: Needs::Word,
    words: &["pan", "panno", "pannumber", "pancard", "permanent", "incometax", "tax"],
};

/// Election Commission of India, "elector's photo identity card".
pub(super) const IN_EPIC: Scheme = Scheme {
    name: "in-epic",
    class: CLASS,
    forms: &["AAA9999999"],
    groups: &[&[3, 7]],
    check: is_epic,
    needs: Needs::Word,
    words: &["epic", "voter", "voterid", "elector", "election"],
};

/// NADRA, "computerized national identity card".
pub(super) const PK_CNIC: Scheme = Scheme {
    name: "pk-cnic",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[5, 7, 1]],
    check: is_cnic,
    needs: Needs::WordUnlessGrouped,
    words: &["cnic", "nic", "nicop", "nadra"],
};

/// GB 11643-1999, "citizen identification number".
pub(super) const CN_RESIDENT: Scheme = Scheme {
    name: "cn-resident",
    class: CLASS,
    forms: &["999999999999999999", "99999999999999999X"],
    groups: &[&[6, 8, 4], &[6, 4, 4, 4]],
    check: is_chinese,
    needs: Needs::Nothing,
    words: &["shenfenzheng", "sfz", "sfzh", "resident", "citizen", "身份证", "身份证号", "身份证号码"],
};

/// Immigration Department, "Hong Kong identity card"; its check digit often stands in brackets.
pub(super) const HK_HKID: Scheme = Scheme {
    name: "hk-hkid",
    class: CLASS,
    forms: &[
        "A9999999",
        "A999999A",
        "AA9999999",
        "AA999999A",
        "A999999(9)",
        "A999999(A)",
        "AA999999(9)",
        "AA999999(A)",
    ],
    groups: &[&[7, 1], &[8, 1]],
    check: is_hkid,
    needs: Needs::Word,
    words: &["hkid", "hkidno", "hkic", "identity", "身份證", "身分證"],
};

/// Ministry of the Interior, "national identification" and "resident certificate" numbers.
pub(super) const TW_NATIONAL: Scheme = Scheme {
    name: "tw-national",
    class: CLASS,
    forms: &["A999999999"],
    groups: &[],
    check: is_taiwanese,
    needs: Needs::Word,
    words: &["twid", "national", "nationalid", "identity", "arc", "身分證", "身分證字號", "身份證", "居留證"],
};

/// Ministry of Internal Affairs and Communications, "My Number" (Order 85 of 2014, article 5).
pub(super) const JP_MY_NUMBER: Scheme = Scheme {
    name: "jp-my-number",
    class: CLASS,
    forms: &["999999999999"],
    groups: &[&[4, 4, 4]],
    check: is_my_number,
    needs: Needs::WordUnlessGrouped,
    words: &["mynumber", "kojin", "kojinbango", "マイナンバー", "個人番号"],
};

/// Ministry of the Interior and Safety, "resident registration number": since October 2020 without a check digit.
pub(super) const KR_RRN: Scheme = Scheme {
    name: "kr-rrn",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[6, 7]],
    check: is_korean,
    needs: Needs::Word,
    words: RRN_WORDS,
};

/// One that has it.
pub(super) const KR_RRN_CHECKED: Scheme = Scheme {
    name: "kr-rrn-checked",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[6, 7]],
    check: is_korean_checked,
    needs: Needs::WordUnlessGrouped,
    words: RRN_WORDS,
};

const RRN_WORDS: &[&str] =
    &["rrn", "jumin", "resident", "frn", "arc", "주민등록번호", "주민번호", "주민", "외국인등록번호"];

/// Immigration and Checkpoints Authority, "NRIC" and "FIN".
pub(super) const SG_NRIC: Scheme = Scheme {
    name: "sg-nric",
    class: CLASS,
    forms: &["A9999999A"],
    groups: &[],
    check: is_nric,
    needs: Needs::Word,
    words: &["nric", "nricno", "fin", "nricfin", "uinfin", "ic"],
};

/// National Registration Department, "MyKad": no check digit.
pub(super) const MY_NRIC: Scheme = Scheme {
    name: "my-nric",
    class: CLASS,
    forms: &["999999999999"],
    groups: &[&[6, 2, 4]],
    check: is_malaysian,
    needs: Needs::WordUnlessGrouped,
    words: &["nric", "mykad", "ic", "icno", "kad", "pengenalan", "kp"],
};

/// Department of Provincial Administration, "population identification code".
pub(super) const TH_PIN: Scheme = Scheme {
    name: "th-pin",
    class: CLASS,
    forms: &["9999999999999"],
    groups: &[&[1, 4, 5, 2, 1]],
    check: is_thai,
    needs: Needs::WordUnlessGrouped,
    words: &["thai", "citizen", "citizenid", "pid", "บัตรประชาชน", "เลขประจำตัวประชาชน"],
};

/// "Nomor induk kependudukan": no check digit.
pub(super) const ID_NIK: Scheme = Scheme {
    name: "id-nik",
    class: CLASS,
    forms: &["9999999999999999"],
    groups: &[&[6, 6, 4]],
    check: is_indonesian,
    needs: Needs::Word,
    words: &["nik", "ktp", "noktp", "ektp", "kependudukan"],
};

fn is_aadhaar(c: &[u8]) -> bool {
    // No palindrome is given out.
    !is_constant(c) && digit(c, 0) >= 2 && !c.iter().eq(c.iter().rev()) && verhoeff(c)
}

fn is_pan(c: &[u8]) -> bool {
    b"ABCEFGHJLPTK".contains(&letter(c, 3)) && number(c, 5..9) > 0
}

fn is_epic(c: &[u8]) -> bool {
    !is_constant(part(c, 3..10))
}

fn is_cnic(c: &[u8]) -> bool {
    !is_constant(c) && matches!(digit(c, 0), 1..=7) && digit(c, 12) > 0 && number(c, 5..12) > 0
}

fn is_chinese(c: &[u8]) -> bool {
    let province = matches!(number(c, 0..2), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83);
    province && is_full_ymd(part(c, 6..14)) && mod_11_2(c)
}

fn is_hkid(c: &[u8]) -> bool {
    let bare: Vec<u8> = c.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let Some((&last, body)) = bare.split_last() else { return false };
    let check = match last {
        b'A' => 10,
        b'0'..=b'9' => value(last),
        _ => return false,
    };
    // One letter stands as if a blank, which counts 36, were before it.
    let blank = if body.len() == 7 { 36 * 9 } else { 0 };
    let sum = blank + body.iter().rev().zip(2..).map(|(&c, weight)| value(c) * weight).sum::<u64>();
    !is_constant(part(body, body.len().saturating_sub(6)..body.len())) && complement(sum, 11) == check
}

fn is_taiwanese(c: &[u8]) -> bool {
    // The letters in the order of the two-digit codes that they stand for, from ten.
    let county = b"ABCDEFGHJKLMNPQRSTUVXYWZIO".iter().position(|&of| of == letter(c, 0));
    let code = 10 + county.and_then(|i| u64::try_from(i).ok()).unwrap_or_default();
    let sum = code / 10 + code % 10 * 9 + weighted(part(c, 1..10), &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(digit(c, 1), 1 | 2 | 8 | 9) && !is_constant(part(c, 1..10)) && sum.is_multiple_of(10)
}

fn is_my_number(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    !is_constant(c) && complement(weighted(body, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]), 11) % 10 == check
}

fn is_korean(c: &[u8]) -> bool {
    let century = match digit(c, 6) {
        9 | 0 => 1800,
        1 | 2 | 5 | 6 => 1900,
        _ => 2000,
    };
    !is_constant(c) && is_date(century + number(c, 0..2), number(c, 2..4), number(c, 4..6))
}

fn is_korean_checked(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    is_korean(c) && (11 - weighted(body, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == check
}

fn is_nric(c: &[u8]) -> bool {
    let (offset, letters): (u64, &[u8]) = match letter(c, 0) {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let sum = offset + weighted(part(c, 1..8), &[2, 7, 6, 5, 4, 3, 2]);
    !is_constant(part(c, 1..8)) && usize::try_from(sum % 11).is_ok_and(|i| letter(letters, i) == letter(c, 8))
}

fn is_malaysian(c: &[u8]) -> bool {
    let place = number(c, 6..8);
    !is_constant(c)
        && is_ymd(c)
        && !matches!(place, 0 | 17..=20 | 69 | 70 | 73 | 80 | 81 | 94..=97)
        && number(c, 8..12) > 0
}

fn is_thai(c: &[u8]) -> bool {
    let (body, check) = split_check(c);
    let sum = weighted(body, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    !is_constant(c) && matches!(digit(c, 0), 1..=8) && (11 - sum % 11) % 10 == check
}

fn is_indonesian(c: &[u8]) -> bool {
    // Women's days have forty more.
    let day = number(c, 6..8);
    let born = is_date(2000 + number(c, 10..12), number(c, 8..10), if day > 40 { day - 40 } else { day });
    !is_constant(c)
        && matches!(number(c, 0..2), 11..=21 | 31..=36 | 51..=53 | 61..=65 | 71..=76 | 81 | 82 | 91..=97)
        && born
        && number(c, 12..16) > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::checksum::trial::{accepts, assert_vectors};

    #[test]
    fn published_numbers_pass_and_near_misses_do_not() {
        assert_vectors(
            &[
                &IN_AADHAAR,
                &IN_PAN,
                &IN_EPIC,
                &PK_CNIC,
                &CN_RESIDENT,
                &HK_HKID,
                &TW_NATIONAL,
                &JP_MY_NUMBER,
                &KR_RRN,
                &KR_RRN_CHECKED,
                &SG_NRIC,
                &MY_NRIC,
                &TH_PIN,
                &ID_NIK,
            ],
            &[
                ("in-aadhaar", "2341 2341 2346", ["2341 2341 2347", "2341 3241 2346"]),
                ("in-pan", "ACUPA7085R", ["ACUXA7085R", "ACUPA0000R"]),
                ("in-epic", "WKH1186253", ["WKH118625", "1231186253"]),
                ("pk-cnic", "34201-0891231-8", ["04201-0891231-8", "34201-0000000-8"]),
                ("cn-resident", "360426199101010071", ["360426199101010072", "360426199113010071"]),
                ("cn-resident", "11010519491231002X", ["110105194912310021", "11010519491231020X"]),
                ("hk-hkid", "A123456(3)", ["A123456(4)", "A124356(3)"]),
                ("hk-hkid", "AB987654(3)", ["AB987654(2)", "BA987654(3)"]),
                ("tw-national", "A123456789", ["A123456788", "A132456789"]),
                ("tw-national", "A800000014", ["A800000015", "B800000014"]),
                ("jp-my-number", "6214 9832 0257", ["6214 9832 0258", "6214 9382 0257"]),
                ("jp-my-number", "123456789018", ["123456789019", "132456789018"]),
                ("kr-rrn", "971013-9019902", ["971313-9019902", "971032-9019902"]),
                ("kr-rrn-checked", "971013-9019902", ["971013-9019903", "971013-9091902"]),
                ("sg-nric", "S1234567D", ["S1234567E", "S1243567D"]),
                ("sg-nric", "G1234567X", ["G1234568X", "F1234567X"]),
                ("sg-nric", "M1234567K", ["M1234567L", "M2134567K"]),
                ("my-nric", "770305-02-1234", ["771305-02-1234", "770305-17-1234"]),
                ("th-pin", "3-1006-00445-63-5", ["3-1006-00445-63-9", "3-1006-00445-53-6"]),
                ("id-nik", "3171011708450001", ["9971011708450001", "3171013213450001"]),
            ],
        );
    }

    #[test]
    fn brackets_are_not_needed_in_hong_kong() {
        assert!(accepts(&HK_HKID, "A1234563"));
        assert!(accepts(&HK_HKID, "a123456-3"));
    }
}
