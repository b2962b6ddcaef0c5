//! JSON rows of about 380 bytes with eight sensitive values each: as a database of customers holds them, and as labelled
//! items.

use crate::labelled::{Labelled, Writer};
use crate::random::Random;
use crate::template::Quoting;
use crate::value::{kind, uuid};

/// So many rows.
pub fn dense_rows(seed: u64, count: usize) -> Vec<Labelled> {
    let mut random = Random::new(seed);
    (0..count).map(|_| row(&mut random)).collect()
}

/// The values of so many rows one by one, under the names of their columns.
pub(crate) fn dense_cells(seed: u64, rows: usize) -> Vec<(&'static str, String)> {
    let mut random = Random::new(seed);
    let mut cells = Vec::new();
    for _ in 0..rows {
        cells.push(("id", uuid(&mut random)));
        cells.push(("name", random.pick(NAMES).to_owned()));
        for Column(name, class, shapes) in COLUMNS {
            let shape = random.pick(shapes);
            cells.extend(kind(class, shape).map(|kind| (*name, kind.value(&mut random).text)));
        }
        cells.push(("city", random.pick(CITIES).to_owned()));
        cells.push(("status", "active".to_owned()));
    }
    cells
}

fn row(random: &mut Random) -> Labelled {
    let mut writer = Writer::new(Quoting::Json);
    let (id, name) = (uuid(random), random.pick(NAMES));
    writer.plain(&format!("{{\"id\":\"{id}\",\"name\":\"{name}\""));
    for Column(name, class, shapes) in COLUMNS {
        let shape = random.pick(shapes);
        let Some(kind) = kind(class, shape) else { continue };
        writer.plain(&format!(",\"{name}\":\""));
        writer.value(kind, &kind.value(random));
        writer.plain("\"");
    }
    writer.plain(&format!(
        ",\"city\":\"{}\",\"status\":\"active\",\"plan\":\"standard\",\"created\":\"2026-03-14\"}}",
        random.pick(CITIES)
    ));
    writer.finish("dense", None)
}

struct Column(&'static str, &'static str, &'static [&'static str]);

const COLUMNS: &[Column] = &[
    Column("email", "email", &["plain", "plain", "tagged", "subdomain"]),
    Column("phone", "phone", &["e164", "us-brackets", "us-dashes", "international-grouped"]),
    Column("ssn", "ssn", &["dashes"]),
    Column("card_number", "card", &["visa-16", "mastercard-5", "mastercard-2", "amex-15", "visa-19", "jcb-16"]),
    Column("iban", "iban", &["plain", "plain", "spaces"]),
    Column("last_ip", "ip", &["v4", "v4", "v6-compressed"]),
    Column("date_of_birth", "birth-date", &["iso"]),
    Column("mobile", "phone", &["e164", "us-dots", "international-brackets"]),
];
const NAMES: &[&str] = &["Anna Fischer", "Ben Okafor", "Carla Costa", "David Huang", "Elif Demir", "Hugo Dubois"];
const CITIES: &[&str] = &["Lyon", "Hamburg", "Portland", "Osaka", "Nairobi", "Porto Alegre", "Gdansk"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_eight_values_in_about_380_bytes() {
        let rows = dense_rows(1, 500);
        assert!(rows.iter().all(|row| row.spans.len() == 8));
        let mean = rows.iter().map(|row| row.text.len()).sum::<usize>() / rows.len();
        assert!((360..=400).contains(&mean), "{mean}");
        assert_eq!(rows, dense_rows(1, 500));
    }
}
