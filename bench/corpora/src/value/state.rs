//! Numbers that states outside Europe give to people, passports and driving licences.

use super::{Kind, born, grouped, person, weak};
use crate::check::{verhoeff, weighted, with_luhn};
use crate::random::{Random, UPPER};

pub(super) const KINDS: &[Kind] = &[
    weak("ca-sin", &["SIN", "social insurance number"], &["sin", "social_insurance_number"], |random| {
        let whole = with_luhn(&format!("{}{}", random.pick(&["1", "2", "4", "5", "6", "7"]), random.digits(7)));
        let between = random.pick(&["", " ", "-"]);
        grouped(&whole, &[3, 3], between)
    }),
    weak("in-aadhaar", &["Aadhaar", "aadhaar number", "UIDAI"], &["aadhaar", "aadhaar_number"], |random| {
        let body = random.text("23456789", 1) + &random.digits(10);
        let between = random.pick(&["", " ", "-"]);
        grouped(&format!("{body}{}", verhoeff(&body)), &[4, 4], between)
    }),
    weak("in-pan", &["PAN", "permanent account number", "PAN card"], &["pan", "pan_number"], |random| {
        format!("{}P{}{}{}", random.text(UPPER, 3), random.text(UPPER, 1), random.digits(4), random.text(UPPER, 1))
    }),
    person("br-cpf", &["CPF", "cpf"], &["cpf", "cpf_number"], |random| {
        let body = random.figure(9);
        let first = brazilian(&body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
        let body = format!("{body}{first}");
        let second = brazilian(&body, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
        brazilian_form(random, &format!("{body}{second}"), &[3, 3, 3])
    }),
    person("br-cnpj", &["CNPJ", "cnpj"], &["cnpj", "company_cnpj"], |random| {
        let body = random.figure(8) + "0001";
        let first = brazilian(&body, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
        let body = format!("{body}{first}");
        let second = brazilian(&body, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]);
        let whole = format!("{body}{second}");
        if random.chance(40) {
            return whole;
        }
        let (company, rest) = whole.split_at_checked(8).unwrap_or_default();
        format!("{}/{}", grouped(company, &[2, 3], "."), grouped(rest, &[4], "-"))
    }),
    weak("au-tfn", &["TFN", "tax file number"], &["tfn", "tax_file_number"], |random| {
        loop {
            let whole = random.figure(9);
            if weighted(&whole, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) {
                let between = random.pick(&["", " ", "-"]);
                return grouped(&whole, &[3, 3], between);
            }
        }
    }),
    weak(
        "au-medicare",
        &["Medicare", "Medicare number", "medicare card"],
        &["medicare", "medicare_number"],
        |random| {
            let body = random.text("23456", 1) + &random.digits(7);
            let check = weighted(&body, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
            let between = random.pick(&["", " "]);
            grouped(&format!("{body}{check}{}", random.within(1..=9)), &[4, 5], between)
        },
    ),
    person("cn-resident", &["身份证号", "resident id", "ID card"], &["id_card", "resident_id"], |random| {
        let (year, month, day) = born(random);
        let region = random.pick(&["110101", "310115", "440305", "510104", "330106"]);
        let body = format!("{region}{year}{month:02}{day:02}{}", random.digits(3));
        let sum = weighted(&body, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) as usize;
        format!("{body}{}", "10X98765432".get(sum % 11..=sum % 11).unwrap_or_default())
    }),
    weak(
        "jp-my-number",
        &["My Number", "マイナンバー", "individual number"],
        &["my_number", "individual_number"],
        |random| {
            let body = random.digits(11);
            let rest = weighted(&body, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
            let whole = format!("{body}{}", if rest < 2 { 0 } else { 11 - rest });
            let between = random.pick(&["", " ", "-"]);
            grouped(&whole, &[4, 4], between)
        },
    ),
    person("sg-nric", &["NRIC", "nric", "FIN"], &["nric", "nric_fin"], |random| {
        let (prefix, digits) = (random.pick(&["S", "T", "F", "G"]), random.digits(7));
        let offset = if ["T", "G"].contains(&prefix) { 4 } else { 0 };
        let rest = ((weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11) as usize;
        let letters = if ["S", "T"].contains(&prefix) { "JZIHGFEDCBA" } else { "XWUTRQPNMLK" };
        format!("{prefix}{digits}{}", letters.get(rest..=rest).unwrap_or_default())
    }),
    person("mx-curp", &["CURP", "curp"], &["curp", "curp_number"], mexican),
    weak("za-id", &["ID number", "SA ID", "South African ID"], &["sa_id_number", "id_number"], |random| {
        let (year, month, day) = born(random);
        let citizen = random.below(2);
        with_luhn(&format!("{:02}{month:02}{day:02}{}{citizen}8", year % 100, random.digits(4)))
    }),
    weak(
        "kr-resident",
        &["주민등록번호", "RRN", "resident registration number"],
        &["rrn", "resident_registration_number"],
        |random| {
            let (year, month, day) = born(random);
            let sex = if year < 2000 { random.within(1..=2) } else { random.within(3..=4) };
            format!("{:02}{month:02}{day:02}-{sex}{}", year % 100, random.digits(6))
        },
    ),
    weak("passport", &["passport", "passport number", "Passport No"], &["passport", "passport_number"], |random| {
        let length = random.pick(&[0, 1, 2]);
        let letters = random.text("ACEGHKLMNPRTX", length);
        format!("{letters}{}", random.figure(9 - length))
    }),
    weak(
        "driving-licence",
        &["driver's license", "driving licence", "driver license number"],
        &["drivers_license", "driving_licence_no"],
        |random| match random.below(3) {
            0 => format!("{}{}", random.text(UPPER, 1), random.digits(7)),
            1 => format!("{}{}", random.text(UPPER, 1), grouped(&random.digits(12), &[3, 3, 2, 3], "-")),
            _ => {
                let (year, month, day) = born(random);
                format!("{}{}{month:02}{day:02}{}{}", random.text("BCDFGHKLM", 5), year / 10 % 10, year % 10, "AB9CD")
            }
        },
    ),
];

/// A check digit of a Brazilian number.
fn brazilian(body: &str, weights: &[u32]) -> u32 {
    let rest = weighted(body, weights) % 11;
    if rest < 2 { 0 } else { 11 - rest }
}

fn brazilian_form(random: &mut Random, whole: &str, sizes: &[usize]) -> String {
    if random.chance(40) {
        return whole.to_owned();
    }
    let (body, check) = whole.split_at_checked(sizes.iter().sum()).unwrap_or_default();
    format!("{}-{check}", grouped(body, sizes, "."))
}

/// Mexico's CURP: letters of the name, date, sex, state, consonants, and the sum of all for the check.
fn mexican(random: &mut Random) -> String {
    const SIGNS: &str = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ";
    let (year, month, day) = born(random);
    let name = format!("{}{}{}", random.text("BCDFGHLMPR", 1), random.text("AEIOU", 1), random.text("BCDFGHLMPR", 2));
    let place = random.pick(&["DF", "JC", "NL", "PL", "VZ"]);
    let serial = if year < 2000 { random.digits(1) } else { random.text("ABCD", 1) };
    let body = format!(
        "{name}{:02}{month:02}{day:02}{}{place}{}{serial}",
        year % 100,
        random.pick(&["H", "M"]),
        random.text("BCDFGLMNPRST", 3)
    );
    let places = body.chars().map(|sign| SIGNS.chars().position(|known| known == sign).unwrap_or(0));
    let sum: usize = places.enumerate().map(|(at, value)| value * (18 - at)).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
