//! Small workspaces as cargo would describe them, and what is wrong with each.

use serde_json::json;

use super::*;

/// The messages about a workspace given as `(crate, [(dependency, kind)])`.
fn messages(crates: &[(&str, &[(&str, &str)])]) -> Vec<String> {
    let packages: Vec<Value> = crates.iter().map(|(name, on)| described(name, on)).collect();
    let metadata = json!({ "workspace_root": "/w", "packages": packages });
    let findings = judge(&super::packages(&metadata));
    findings.iter().map(ToString::to_string).collect()
}

fn described(name: &str, on: &[(&str, &str)]) -> Value {
    let dependencies: Vec<Value> = on
        .iter()
        .map(|(to, kind)| {
            let outside = IMPURE.contains(to) || *to == "serde";
            json!({
                "name": to,
                "kind": if *kind == "normal" { Value::Null } else { json!(kind) },
                "path": if outside { Value::Null } else { json!(format!("/w/crates/{to}")) },
            })
        })
        .collect();
    let manifest = format!("/w/crates/{name}/Cargo.toml");
    json!({ "name": name, "manifest_path": manifest, "dependencies": dependencies })
}

#[test]
fn an_arrow_of_the_table_is_silent() {
    let gate: (&str, &[_]) = ("gate", &[("model", "normal"), ("audit", "normal"), ("serde", "normal")]);
    assert!(messages(&[gate]).is_empty());
}

#[test]
fn an_arrow_outside_the_table_is_found_where_it_is() {
    let found = messages(&[("masking", &[("protocol", "normal")])]);
    assert_eq!(
        found,
        ["crates/masking/Cargo.toml:1: `masking` may not depend on `protocol` (table in xtask/src/arrows.rs)"]
    );
    assert_eq!(messages(&[("proxy", &[("audit", "build")])]).len(), 1);
}

#[test]
fn nobody_may_depend_on_the_binary_or_the_simulation() {
    assert_eq!(messages(&[("console", &[("countersign", "normal")])]).len(), 1);
    assert_eq!(messages(&[("countersign", &[("simulation", "normal")])]).len(), 1);
    assert_eq!(messages(&[("xtask", &[("model", "normal")])]).len(), 1);
}

#[test]
fn a_crate_without_a_row_is_found() {
    let found = messages(&[("newcomer", &[])]);
    assert!(found[0].contains("`newcomer` has no row"), "{found:?}");
}

#[test]
fn a_pure_crate_has_no_runtime() {
    for impure in IMPURE {
        assert_eq!(messages(&[("gate", &[(impure, "normal")])]).len(), 1, "{impure}");
        assert!(messages(&[("proxy", &[(impure, "normal")])]).is_empty());
        assert!(messages(&[("gate", &[(impure, "dev")])]).is_empty());
    }
}

#[test]
fn a_dev_dependency_may_point_sideways_but_not_up() {
    assert!(messages(&[("masking", &[("protocol", "dev")])]).is_empty());
    let up = messages(&[("audit", &[("gate", "dev")])]);
    assert!(up[0].contains("points up"), "{up:?}");
}

#[test]
fn two_crates_may_not_be_each_others_dev_dependency() {
    let found = messages(&[("masking", &[("protocol", "dev")]), ("protocol", &[("masking", "dev")])]);
    assert_eq!(found.len(), 2);
}

#[test]
fn the_table_itself_points_down_only() {
    for (name, allowed) in TABLE {
        for to in *allowed {
            assert!(!reaches(to, name, &[]), "{name} and {to}");
        }
    }
}

#[test]
fn the_line_of_a_dependency_is_told() {
    let package = Package {
        name: "gate".to_owned(),
        manifest: "crates/gate/Cargo.toml".to_owned(),
        manifest_text: "[dependencies]\nserde_json.workspace = true\nserde = \"1\"\n".to_owned(),
        dependencies: Vec::new(),
    };
    assert_eq!(package.finding("serde", String::new()), Finding::new("crates/gate/Cargo.toml", 3, String::new()));
}
