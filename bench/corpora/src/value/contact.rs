//! Ways to reach and tell people: US social security numbers, telephone numbers, mail and network addresses, dates of
//! birth.

use super::{Kind, Need, born, grouped};
use crate::random::{HEX, LOWER, LOWER_DIGITS, Random};

const fn ssn(shape: &'static str, need: Need, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "ssn", shape, need, says: SSN_SAYS, columns: SSN_COLUMNS, make }
}

const fn phone(shape: &'static str, need: Need, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "phone", shape, need, says: PHONE_SAYS, columns: PHONE_COLUMNS, make }
}

const fn email(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "email", shape, need: Need::Nothing, says: EMAIL_SAYS, columns: EMAIL_COLUMNS, make }
}

const fn ip(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "ip", shape, need: Need::Nothing, says: IP_SAYS, columns: IP_COLUMNS, make }
}

const fn birth(shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class: "birth-date", shape, need: Need::Context, says: BIRTH_SAYS, columns: BIRTH_COLUMNS, make }
}

pub(super) const KINDS: &[Kind] = &[
    ssn("dashes", Need::Nothing, |random| grouped(&social(random), &[3, 2], "-")),
    ssn("spaces", Need::Nothing, |random| grouped(&social(random), &[3, 2], " ")),
    ssn("dots", Need::Nothing, |random| grouped(&social(random), &[3, 2], ".")),
    ssn("plain", Need::Context, social),
    Kind {
        says: &["ITIN", "taxpayer id", "itin number"],
        columns: &["itin", "taxpayer_itin"],
        ..ssn("itin", Need::Context, |random| {
            let group = random.pick(&[50, 57, 65, 70, 77, 88, 90, 92, 94, 99]);
            format!("9{}-{group}-{:04}", random.digits(2), random.within(1..=9999))
        })
    },
    phone("e164", Need::Nothing, |random| {
        let (code, national) = national(random);
        format!("+{code}{national}")
    }),
    phone("international-grouped", Need::Nothing, |random| {
        let (code, national) = national(random);
        let between = random.pick(&[" ", "-", "."]);
        format!("+{code}{}{}", random.pick(&[" ", between]), grouped(&national, &[3, 3], between))
    }),
    phone("international-brackets", Need::Nothing, |random| {
        let (area, exchange, line) = american(random);
        format!("+1 ({area}) {exchange}-{line}")
    }),
    phone("us-brackets", Need::Nothing, |random| {
        let (area, exchange, line) = american(random);
        format!("({area}) {exchange}-{line}")
    }),
    phone("us-dashes", Need::Nothing, |random| {
        let (area, exchange, line) = american(random);
        format!("{}{area}-{exchange}-{line}", random.pick(&["", "", "1-"]))
    }),
    phone("us-dots", Need::Nothing, |random| {
        let (area, exchange, line) = american(random);
        format!("{area}.{exchange}.{line}")
    }),
    phone("us-extension", Need::Nothing, |random| {
        let (area, exchange, line) = american(random);
        format!("{area}-{exchange}-{line} {}{}", random.pick(&["x", "ext. ", "ext "]), random.figure(3))
    }),
    phone("us-plain", Need::Context, |random| {
        let (area, exchange, line) = american(random);
        format!("{area}{exchange}{line}")
    }),
    phone("gb-national", Need::Context, |random| {
        format!("07{} {}", random.pick(&["400", "456", "534"]), random.figure(6))
    }),
    phone("de-national", Need::Context, |random| {
        format!("0{}/{}", random.pick(&["30", "40", "89", "221"]), random.figure(7))
    }),
    phone("fr-national", Need::Context, |random| {
        let between = random.pick(&[" ", ".", "-"]);
        let first = random.pick(&["014", "047", "061", "076"]);
        grouped(&format!("{first}{}", random.figure(7)), &[2; 4], between)
    }),
    email("plain", |random| address(random, &["com", "net", "org", "io", "de", "co.uk", "fr", "edu"])),
    email("tagged", |random| {
        address(random, &["com", "org"]).replacen('@', &format!("+{}@", random.text(LOWER, 5)), 1)
    }),
    email("subdomain", |random| address(random, &["example.com", "mail.example.org", "eu.corp.example.net"])),
    email("long-label", |random| address(random, &["museum", "photography", "technology", "consulting"])),
    email("upper-case", |random| address(random, &["com", "org"]).to_uppercase()),
    email("signs", |random| {
        format!("{}{}", random.pick(&["o'", "a_b-", "x%y.", "j&k=", "r!s#"]), address(random, &["com"]))
    }),
    email("quoted", |random| {
        let local = format!("\"{} {}\"", random.pick(FIRST), random.pick(LAST));
        format!("{local}@{}.com", random.pick(HOSTS))
    }),
    email("international-local", |random| {
        format!(
            "{}@{}.com",
            random.pick(&["jürgen", "françois", "søren", "иван", "用户", "josé.núñez"]),
            random.pick(HOSTS)
        )
    }),
    email("international-domain", |random| {
        let host = random.pick(&["müller.de", "почта.рф", "例え.jp", "bücher.example", "café-été.fr"]);
        format!("{}@{host}", random.pick(FIRST))
    }),
    ip("v4", four),
    ip("v4-cidr", |random| format!("{}/{}", four(random), random.within(8..=32))),
    ip("v4-port", |random| format!("\u{27E6}{}\u{27E7}:{}", four(random), random.within(1024..=65535))),
    ip("v6-full", |random| six(random, 8)),
    ip("v6-compressed", |random| format!("{}::{}", six(random, 3), six(random, 2))),
    ip("v6-end", |random| {
        format!("2001:db8:{}::{}", random.text("123456789abcdef", 2), random.text("123456789abcdef", 2))
    }),
    ip("v6-zoned", |random| format!("fe80::{}%{}", six(random, 4), random.pick(&["eth0", "en0", "wlan1"]))),
    ip("v6-mapped", |random| format!("::ffff:{}", four(random))),
    ip("v6-cidr", |random| format!("2001:db8:{}::/{}", random.text("123456789abcdef", 3), random.pick(&[32, 48, 64]))),
    birth("iso", |random| {
        let (year, month, day) = born(random);
        format!("{year}-{month:02}-{day:02}")
    }),
    birth("us", |random| {
        let (year, month, day) = born(random);
        format!("{month:02}/{day:02}/{year}")
    }),
    birth("european", |random| {
        let (year, month, day) = born(random);
        let sign = random.pick(&[".", "/", "-"]);
        format!("{day:02}{sign}{month:02}{sign}{year}")
    }),
    birth("day-month-name", |random| {
        let (year, month, day) = born(random);
        let name = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
        let short = name.get(..3).unwrap_or_default();
        match random.below(3) {
            0 => format!("{day} {name} {year}"),
            1 => format!("{day:02}-{short}-{year}"),
            _ => format!("{day} {short} {year}"),
        }
    }),
    birth("month-name-day", |random| {
        let (year, month, day) = born(random);
        format!("{} {day}, {year}", MONTHS.get(month as usize - 1).copied().unwrap_or_default())
    }),
];

/// A social security number without separators.
fn social(random: &mut Random) -> String {
    let (low, high) = (random.within(1..=665), random.within(667..=899));
    let area = random.pick(&[low, high]);
    format!("{area:03}{:02}{:04}", random.within(1..=99), random.within(1..=9999))
}

/// A country's code and a national number of it.
fn national(random: &mut Random) -> (&'static str, String) {
    let (code, prefix, length) = random.pick(PHONES);
    (code, format!("{prefix}{}", random.digits(length)))
}

fn american(random: &mut Random) -> (&'static str, String, String) {
    let exchange = format!("{}{}", random.text("23456789", 1), random.text("02345678", 2));
    (random.pick(AREAS), exchange, random.digits(4))
}

pub(crate) fn address(random: &mut Random, tops: &[&str]) -> String {
    let (first, last) = (random.pick(FIRST), random.pick(LAST));
    let local = match random.below(5) {
        0 => format!("{first}.{last}"),
        1 => format!("{first}{}", random.below(1000)),
        2 => format!("{}{last}", random.text(LOWER, 1)),
        3 => format!("{first}_{last}{}", random.below(100)),
        _ => random.text(LOWER_DIGITS, 8),
    };
    format!("{local}@{}.{}", random.pick(HOSTS), random.pick(tops))
}

fn four(random: &mut Random) -> String {
    let first = random.pick(&[10, 23, 52, 81, 93, 104, 172, 185, 192, 203, 212]);
    format!("{first}.{}.{}.{}", random.below(256), random.below(256), random.within(1..=254))
}

fn six(random: &mut Random, groups: usize) -> String {
    let group = |random: &mut Random| random.text("123456789abcdef", 1) + &random.text(HEX, 3);
    (0..groups).map(|_| group(random)).collect::<Vec<_>>().join(":")
}

const AREAS: &[&str] =
    &["212", "213", "305", "312", "404", "415", "503", "512", "617", "702", "713", "808", "916", "206", "646"];
/// Country codes, how a national number starts, and how many digits follow.
const PHONES: &[(&str, &str, usize)] = &[
    ("44", "74001", 5),
    ("44", "2079", 6),
    ("49", "1512", 7),
    ("33", "612", 6),
    ("34", "612", 6),
    ("39", "347", 7),
    ("31", "61", 7),
    ("32", "471", 6),
    ("41", "791", 6),
    ("46", "701", 6),
    ("48", "501", 6),
    ("351", "912", 6),
    ("353", "851", 6),
    ("90", "532", 7),
    ("91", "98", 8),
    ("86", "138", 8),
    ("81", "90", 8),
    ("65", "81", 6),
    ("61", "41", 7),
    ("64", "21", 7),
    ("27", "82", 7),
    ("55", "119", 8),
    ("52", "55", 8),
    ("972", "544", 6),
    ("971", "50", 7),
    ("1", "415555", 4),
    ("1", "212736", 4),
];
const HOSTS: &[&str] = &["example", "acme-corp", "northwind", "contoso", "gmail", "proton", "web", "mail2", "tailspin"];
pub(crate) const FIRST: &[&str] =
    &["anna", "ben", "carla", "david", "elif", "farid", "greta", "hugo", "ines", "jonas", "keiko", "liam", "maria"];
pub(crate) const LAST: &[&str] =
    &["adams", "bauer", "costa", "dubois", "eriksen", "fischer", "garcia", "huang", "ivanov", "jansen", "kowalski"];
const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SSN_SAYS: &[&str] = &["SSN", "ssn", "social security number", "Social Security No", "social security"];
const SSN_COLUMNS: &[&str] = &["ssn", "social_security_number", "customer_ssn", "SSN", "tax_ssn", "employeeSsn"];
const PHONE_SAYS: &[&str] = &["phone", "mobile", "telephone", "cell", "phone number", "tel", "mobile number", "fax"];
const PHONE_COLUMNS: &[&str] = &["phone", "mobile", "phone_number", "contact_phone", "telephone", "homePhone", "fax"];
const EMAIL_SAYS: &[&str] = &["email", "e-mail", "mail", "email address", "contact"];
const EMAIL_COLUMNS: &[&str] = &["email", "email_address", "contact_email", "userEmail", "mail"];
const IP_SAYS: &[&str] = &["IP", "ip address", "client", "address", "remote host"];
const IP_COLUMNS: &[&str] = &["ip", "ip_address", "client_ip", "remoteAddr", "last_login_ip"];
const BIRTH_SAYS: &[&str] = &["date of birth", "DOB", "birthday", "born", "birth date", "born on"];
const BIRTH_COLUMNS: &[&str] = &["date_of_birth", "dob", "birth_date", "birthday", "dateOfBirth"];
