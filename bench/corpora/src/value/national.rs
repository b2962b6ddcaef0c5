//! Numbers that European states give to people, with their check digits where they have one.

use super::{Kind, born, grouped, person, weak};
use crate::check::{mod_11_10, remainder, values, weighted, with_luhn};
use crate::random::{Random, UPPER};

pub(super) const KINDS: &[Kind] = &[
    weak("gb-nhs", &["NHS number", "NHS no", "nhs"], &["nhs_number", "nhs_no"], |random| {
        let whole = eleven(random, 9, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
        let between = random.pick(&["", " ", "-"]);
        grouped(&whole, &[3, 3], between)
    }),
    weak(
        "gb-nino",
        &["NINO", "national insurance number", "NI number"],
        &["nino", "national_insurance_number"],
        |random| {
            let prefix = random.text("ABCEGHJKLMPRSTWXYZ", 1) + &random.text("ABCEGHJKLMPRSTWXYZ", 1);
            let prefix =
                if ["GB", "KN", "NK", "NT", "TN", "ZZ", "BG"].contains(&prefix.as_str()) { "AB" } else { &prefix };
            let whole = format!("{prefix}{}{}", random.digits(6), random.text("ABCD", 1));
            let between = random.pick(&["", " "]);
            grouped(&whole, &[2, 2, 2, 2], between)
        },
    ),
    weak(
        "de-tax",
        &["Steuer-ID", "Steueridentifikationsnummer", "IdNr", "tax id"],
        &["steuer_id", "tax_id", "idnr"],
        |random| {
            // One digit of the first ten stands twice, one is missing.
            let missing = random.below(10);
            let twice = (missing + random.within(1..=9)) % 10;
            let mut pool: Vec<u64> = (0..10).map(|digit| if digit == missing { twice } else { digit }).collect();
            for at in (1..pool.len()).rev() {
                pool.swap(at, random.below(at as u64 + 1) as usize);
            }
            while pool.first() == Some(&0) {
                pool.rotate_left(1);
            }
            let body: String = pool.iter().map(u64::to_string).collect();
            let between = random.pick(&["", "", " "]);
            grouped(&format!("{body}{}", mod_11_10(&body)), &[2, 3, 3], between)
        },
    ),
    person(
        "fr-nir",
        &["NIR", "numéro de sécurité sociale", "sécurité sociale"],
        &["nir", "numero_securite_sociale"],
        |random| {
            let (year, month, _) = born(random);
            let department = random.pick(&["13", "31", "33", "59", "69", "75", "92"]);
            let body = format!(
                "{}{:02}{month:02}{department}{}{}",
                random.within(1..=2),
                year % 100,
                random.digits(3),
                random.digits(3)
            );
            let whole = format!("{body}{:02}", 97 - remainder(&body, 97));
            let between = random.pick(&["", " "]);
            grouped(&whole, &[1, 2, 2, 2, 3, 3], between)
        },
    ),
    person("es-dni", &["DNI", "NIF", "documento nacional de identidad"], &["dni", "nif"], |random| {
        let number = random.digits(8);
        format!("{number}{}{}", random.pick(&["", "", "-"]), spanish(&number))
    }),
    person("es-nie", &["NIE", "número de identidad de extranjero"], &["nie", "nie_number"], |random| {
        let (first, rest) = (random.below(3), random.digits(7));
        let letter = random.pick(&[("X", 0), ("Y", 1), ("Z", 2)]);
        let letter = if first == 0 { ("X", 0) } else { letter };
        format!("{}{rest}{}", letter.0, spanish(&format!("{}{rest}", letter.1)))
    }),
    person("it-fiscal", &["codice fiscale", "C.F.", "fiscal code"], &["codice_fiscale", "fiscal_code"], fiscal),
    weak("nl-bsn", &["BSN", "burgerservicenummer"], &["bsn", "burgerservicenummer"], |random| {
        loop {
            let body = random.figure(8);
            let check = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            if check < 10 {
                return format!("{body}{check}");
            }
        }
    }),
    person(
        "be-register",
        &["rijksregisternummer", "numéro national", "NN"],
        &["rijksregisternummer", "national_number"],
        |random| {
            let (year, month, day) = born(random);
            let body = format!("{:02}{month:02}{day:02}{:03}", year % 100, random.within(1..=998));
            let counted = if year < 2000 { body.clone() } else { format!("2{body}") };
            let whole = format!("{body}{:02}", 97 - remainder(&counted, 97));
            if random.chance(60) {
                let day = grouped(whole.get(..6).unwrap_or_default(), &[2, 2], ".");
                return format!("{day}-{}.{}", whole.get(6..9).unwrap_or_default(), whole.get(9..).unwrap_or_default());
            }
            whole
        },
    ),
    weak("pt-nif", &["NIF", "número de contribuinte", "contribuinte"], &["nif", "contribuinte"], |random| {
        let body = format!("{}{}", random.pick(&["1", "2", "3"]), random.digits(7));
        let rest = weighted(&body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        format!("{body}{}", if rest < 2 { 0 } else { 11 - rest })
    }),
    person("no-birth", &["fødselsnummer", "personnummer", "fnr"], &["fodselsnummer", "fnr"], |random| {
        loop {
            let (year, month, day) = born(random);
            let individual = if year < 2000 { random.within(0..=499) } else { random.within(500..=999) };
            let body = format!("{day:02}{month:02}{:02}{individual:03}", year % 100);
            let first = (11 - weighted(&body, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
            let body = format!("{body}{first}");
            let second = (11 - weighted(&body, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
            if first < 10 && second < 10 {
                return format!("{body}{second}");
            }
        }
    }),
    weak("pl-pesel", &["PESEL", "numer PESEL"], &["pesel", "pesel_number"], |random| {
        let (year, month, day) = born(random);
        let month = if year < 2000 { month } else { month + 20 };
        let body = format!("{:02}{month:02}{day:02}{}", year % 100, random.digits(4));
        let sum = weighted(&body, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
        format!("{body}{}", (10 - sum % 10) % 10)
    }),
    weak("se-person", &["personnummer", "personal identity number"], &["personnummer", "person_nummer"], |random| {
        let (year, month, day) = born(random);
        let whole = with_luhn(&format!("{:02}{month:02}{day:02}{}", year % 100, random.digits(3)));
        let century = if random.chance(50) { (year / 100).to_string() } else { String::new() };
        format!("{century}{}", grouped(&whole, &[6], "-"))
    }),
    person("fi-hetu", &["HETU", "henkilötunnus"], &["hetu", "henkilotunnus"], |random| {
        let (year, month, day) = born(random);
        let (date, serial) = (format!("{day:02}{month:02}{:02}", year % 100), random.within(2..=899));
        let sign = if year < 2000 { '-' } else { 'A' };
        let rest = remainder(&format!("{date}{serial:03}"), 31) as usize;
        let check = "0123456789ABCDEFHJKLMNPRSTUVWXY".get(rest..=rest).unwrap_or_default();
        format!("{date}{sign}{serial:03}{check}")
    }),
    weak("dk-cpr", &["CPR", "CPR-nummer", "cpr number"], &["cpr", "cpr_number"], |random| {
        let (year, month, day) = born(random);
        let century = if year < 2000 { random.below(4) } else { random.within(4..=9) };
        format!("{day:02}{month:02}{:02}-{century}{}", year % 100, random.digits(3))
    }),
    weak("tr-kimlik", &["T.C. kimlik no", "TC kimlik", "kimlik numarası"], &["tc_kimlik_no", "tckn"], |random| {
        let body = random.figure(9);
        let at = |wanted: usize| -> u32 {
            values(&body).enumerate().filter(|(at, _)| at % 2 == wanted).map(|(_, value)| value).sum()
        };
        let tenth = (at(0) * 7 + 100 - at(1)) % 10;
        format!("{body}{tenth}{}", (at(0) + at(1) + tenth) % 10)
    }),
];

/// So many digits and the one that makes their weighted sum a multiple of eleven.
fn eleven(random: &mut Random, length: usize, weights: &[u32]) -> String {
    loop {
        let body = random.figure(length);
        let check = (11 - weighted(&body, weights) % 11) % 11;
        if check < 10 {
            return format!("{body}{check}");
        }
    }
}

/// The letter of a Spanish number.
fn spanish(number: &str) -> &'static str {
    let rest = remainder(number, 23) as usize;
    "TRWAGMYFPDXBNJZSQVHLCKE".get(rest..=rest).unwrap_or_default()
}

/// Italy's fiscal code: six letters, the date, a place, and a letter for the check.
fn fiscal(random: &mut Random) -> String {
    let (year, month, day) = born(random);
    let month = "ABCDEHLMPRST".chars().nth(month as usize - 1).unwrap_or('A');
    let day = if random.chance(50) { day } else { day + 40 };
    let names = random.text("BCDFGLMNPRSTV", 6);
    let body = format!(
        "{names}{:02}{month}{day:02}{}{}",
        year % 100,
        random.pick(&["F", "H", "L", "A", "D"]),
        random.figure(3)
    );
    let check = fiscal_check(&body);
    format!("{body}{check}")
}

/// The letter that the first fifteen signs ask for (decree of 23 December 1976).
pub(super) fn fiscal_check(body: &str) -> char {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let value = |sign: char| sign.to_digit(36).map_or(0, |value| if value < 10 { value } else { value - 10 });
    let sum: u32 = body
        .chars()
        .enumerate()
        .map(|(at, sign)| if at % 2 == 0 { ODD.get(value(sign) as usize).copied().unwrap_or(0) } else { value(sign) })
        .sum();
    UPPER.as_bytes().get((sum % 26) as usize).copied().map_or('A', char::from)
}
