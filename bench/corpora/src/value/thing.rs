//! Numbers of health, vehicles and devices: all of them need a word that announces them.

use super::{Kind, Need, grouped};
use crate::check::{luhn, values, with_luhn};
use crate::random::{HEX, Random, UPPER};

const fn thing(class: &'static str, shape: &'static str, make: fn(&mut Random) -> String) -> Kind {
    Kind { class, shape, need: Need::Context, says: &[], columns: &[], make }
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        says: &["NPI", "npi number", "National Provider Identifier"],
        columns: &["npi", "provider_npi", "npi_number"],
        ..thing("health", "npi", |random| {
            let body = format!("1{}", random.digits(8));
            format!("{body}{}", luhn(&format!("80840{body}")))
        })
    },
    Kind {
        says: &["DEA", "DEA number", "dea registration"],
        columns: &["dea_number", "dea", "prescriber_dea"],
        ..thing("health", "dea", |random| {
            let digits = random.digits(6);
            let at = |wanted: usize| -> u32 {
                values(&digits).enumerate().filter(|(at, _)| at % 2 == wanted).map(|(_, value)| value).sum()
            };
            let check = (at(0) + 2 * at(1)) % 10;
            format!("{}{}{digits}{check}", random.pick(&["A", "B", "F", "M"]), random.text(UPPER, 1))
        })
    },
    Kind {
        says: &["MRN", "medical record number", "patient record number"],
        columns: &["mrn", "medical_record_number", "patient_mrn"],
        ..thing("health", "record", |random| {
            let length = random.within(7..=10) as usize;
            random.figure(length)
        })
    },
    Kind {
        says: &["VIN", "vehicle identification number", "chassis number"],
        columns: &["vin", "vehicle_vin", "vin_number"],
        ..thing("vehicle", "vin", vehicle)
    },
    Kind {
        says: &["IMEI", "imei number", "device IMEI"],
        columns: &["imei", "device_imei"],
        ..thing("device", "imei", |random| {
            let whole = with_luhn(&format!("35{}", random.digits(12)));
            match random.below(3) {
                0 => grouped(&whole, &[2, 6, 6], "-"),
                1 => grouped(&whole, &[2, 6, 6], " "),
                _ => whole,
            }
        })
    },
    Kind {
        says: &["MAC", "mac address", "MAC address", "hardware address"],
        columns: &["mac", "mac_address", "device_mac"],
        ..thing("device", "mac", |random| {
            let maker = random.pick(&["00", "3c", "a4", "d8", "f0", "02"]);
            let (octets, between) = (maker.to_owned() + &random.text(HEX, 10), random.pick(&[":", ":", "-"]));
            let octets = if random.chance(50) { octets.to_uppercase() } else { octets };
            grouped(&octets, &[2; 5], between)
        })
    },
    Kind {
        says: &["MAC", "mac address", "MAC address"],
        columns: &["mac", "mac_address", "device_mac"],
        ..thing("device", "mac-dots", |random| grouped(&format!("00{}", random.text(HEX, 10)), &[4, 4], "."))
    },
];

/// 17 signs, the ninth of which is the check (49 CFR 565).
fn vehicle(random: &mut Random) -> String {
    let maker = random.pick(&["1HG", "1FT", "2C3", "3VW", "5YJ", "JTD", "WBA", "WVW"]);
    let (model, rest) = (random.text(SIGNS, 5), random.text(SIGNS, 2) + &random.digits(6));
    let body = format!("{maker}{model}0{rest}");
    let weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = body.chars().zip(weights).map(|(sign, weight)| vehicle_value(sign) * weight).sum();
    let check = if sum % 11 == 10 { "X".to_owned() } else { (sum % 11).to_string() };
    format!("{maker}{model}{check}{rest}")
}

/// What a sign of a vehicle's number counts.
pub(super) fn vehicle_value(sign: char) -> u32 {
    let letters = ["", "AJ", "BKS", "CLT", "DMU", "ENV", "FW", "GPX", "HY", "RZ"];
    let letter = letters.iter().position(|group| group.contains(sign)).unwrap_or(0);
    sign.to_digit(10).unwrap_or(letter as u32)
}

const SIGNS: &str = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
