//! Abuse: one file a case of the catalogue, named by its id. Half one shows that the exploit works without the
//! gateway, or that its lawful twin works with the right; half two that it fails through the gateway, judged by
//! effects; then the neighbour still works, and the attempt is on a record that verifies.

mod d01_renamed_columns;
mod d02_transformed_columns;
mod d03_copies_of_columns;
mod d04_copies_out;
mod d05_binary_results;
mod d06_values_in_errors;
mod d07_protocol_metadata;
mod d09_samples_and_texts;
mod d10_laundered_values;
mod d16_inherited_exemption;
mod d18_secrets_of_the_gateway;
mod d19_edited_log;
mod d20_log_that_is_full;
mod d22_injected_readers;
mod i09_empty_requirements;
mod i14_bootstrap_left_active;
mod i15_open_endpoints;
mod i16_guessed_passphrases;
mod p01_unmodelled_messages;
mod p02_overflown_lengths;
mod p03_overtaking_pipelines;
mod p04_late_runs_and_stray_cancels;
mod p05_settings_in_the_start;
mod p06_plaintext_before_tls;
mod p07_batches;
mod p08_moved_names;
mod p09_two_tables_of_names;
mod p10_hidden_values;
mod p11_two_lexers;
mod p12_writes_called_reads;
mod p13_code_at_planning;
mod p14_files_and_programs;
mod p15_lifted_guards;
mod p16_halfway_denials;
mod v02_stalled_handshakes;
mod v07_floods;
mod w01_own_action;
mod w02_own_agent;
mod w03_administrators;
mod w04_several_slots;
mod w05_swapped_bytes;
mod w06_altered_afterwards;
mod w07_spent_twice;
mod w08_gone_ground;
mod w09_racing_verdicts;
mod w10_quorum_arithmetic;
mod w11_another_door;
mod w12_seen_less;
mod w13_seen_otherwise;
mod w14_flooded_reviewers;
mod w15_persuasion;
mod w19_awaited_crash;
mod w20_taken_reviews;
mod w21_stretched_grants;
mod w22_machines_yes;
mod w23_page_tricks;
mod w24_own_leash;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use e2e::Gateway;
use e2e::log::Record;
use e2e::site::Site;
use serde_json::json;

/// Every record of a kind that names this review, in a log that verifies offline. Fails if there is none.
async fn on_the_record(gateway: &Gateway, kind: &str, review: &str) -> Vec<Record> {
    let mut records = verified(gateway).await.log().of_kind(kind);
    records.retain(|record| record.text("review") == review);
    assert!(!records.is_empty(), "no `{kind}` of {review} is on the record");
    records
}

/// The refusals on the record, each with its reason, in a log that verifies offline.
async fn refusals_on_the_record(gateway: &Gateway) -> Vec<Record> {
    let refused = verified(gateway).await.log().of_kind("refused");
    for record in &refused {
        assert!(record.opened("reason").as_str().is_some_and(|reason| !reason.is_empty()), "{record:?}");
        assert!(!record.text("policy").is_empty(), "it names no policy version: {record:?}");
    }
    refused
}

async fn verified(gateway: &Gateway) -> &Site {
    let report = gateway.site.verify(&[]).await.ok().json();
    assert_eq!(report["findings"], json!([]), "{report}");
    &gateway.site
}

/// The catalogue's ids with what becomes of each: `tested`, or `later: why`.
fn cases() -> BTreeMap<&'static str, &'static str> {
    let lines = include_str!("abuse/cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs =
        lines.map(|line| line.split_once(' ').unwrap_or_else(|| panic!("`{line}`: an id and what becomes of it")));
    let mut cases = BTreeMap::new();
    for (id, what) in pairs {
        assert!(what == "tested" || what.strip_prefix("later: ").is_some_and(|why| why.len() > 10), "{id}: {what}");
        assert!(cases.insert(id, what).is_none(), "{id} is listed twice");
    }
    cases
}

#[test]
fn every_case_of_the_catalogue_is_tested_or_says_why_not() {
    let cases = cases();
    let all: BTreeSet<String> = [('I', 16), ('P', 39), ('W', 25), ('D', 22), ('V', 8)]
        .into_iter()
        .flat_map(|(chapter, last)| (1..=last).map(move |number| format!("{chapter}{number:02}")))
        .collect();
    assert_eq!(
        cases.keys().map(ToString::to_string).collect::<BTreeSet<_>>(),
        all,
        "ids are stable and all are listed"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slice/abuse");
    let names =
        std::fs::read_dir(folder).expect("the cases have a folder").map(|entry| entry.expect("an entry").file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let files: BTreeSet<String> =
        names.iter().filter(|name| name.ends_with(".rs")).map(|name| name[..3].to_uppercase()).collect();
    let tested = cases.iter().filter(|(_, what)| **what == "tested").map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(files, tested, "the files of this folder against the cases that cases.txt calls tested");
    let declared = include_str!("abuse.rs");
    for name in names.iter().filter_map(|name| name.strip_suffix(".rs")) {
        assert!(declared.contains(&format!("mod {name};")), "{name} is not declared");
    }
}
