//! Rust files that no build reads: every file under `src/` or a test's folder must hang on a `mod` declaration.
//!
//! Reads `mod name;` and `#[path = "…"]` textually; a `mod name;` inside an inline module is looked for beside
//! the file's other modules.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::code::words;
use super::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    tree.rust()
        .filter(|file| must_be_reached(&file.path, tree) && !reached.contains(&file.path))
        .map(|file| {
            let message = "no `mod` declaration leads here: declare it or delete it".to_owned();
            Finding::new(&file.path, 1, message)
        })
        .collect()
}

/// Every file that cargo compiles by itself, and what their declarations lead to.
fn reached(tree: &Tree) -> BTreeSet<String> {
    let files: BTreeMap<&str, &File> = tree.rust().map(|file| (file.path.as_str(), file)).collect();
    let roots = files.keys().filter(|path| is_root(path, tree));
    let mut open: Vec<String> = roots.map(|path| (*path).to_owned()).collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        if let Some(file) = files.get(path.as_str())
            && reached.insert(path.clone())
        {
            open.extend(children(file, is_root(&path, tree)));
        }
    }
    reached
}

/// Files under `src/`, and under the folder of a test that has a `main.rs`; trybuild's cases are no modules.
fn must_be_reached(path: &str, tree: &Tree) -> bool {
    if path.contains("/src/") {
        return true;
    }
    let Some((package, rest)) = path.split_once("/tests/") else {
        return false;
    };
    let Some((test, inner)) = rest.split_once('/') else {
        return false;
    };
    let is_case = inner.split('/').any(|part| part == "fail" || part == "pass");
    !is_case && tree.file(&format!("{package}/tests/{test}/main.rs")).is_some()
}

/// What cargo compiles by itself: lib, main, binaries, tests, examples, and paths named in a manifest.
fn is_root(path: &str, tree: &Tree) -> bool {
    if let Some((package, rest)) = path.split_once("/src/") {
        return rest == "lib.rs"
            || rest == "main.rs"
            || is_target(rest, "bin/")
            || named_in_manifest(package, &format!("src/{rest}"), tree);
    }
    ["tests/", "benches/", "examples/"]
        .iter()
        .any(|kind| path.find(&format!("/{kind}")).is_some_and(|at| is_target(&path[at + 1..], kind)))
}

/// `bin/x.rs` or `bin/x/main.rs`.
fn is_target(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.split_once('/').is_none_or(|(_, inner)| inner == "main.rs"))
}

fn named_in_manifest(package: &str, path: &str, tree: &Tree) -> bool {
    tree.file(&format!("{package}/Cargo.toml")).is_some_and(|manifest| manifest.text.contains(&format!("\"{path}\"")))
}

/// The files that this file's `mod` declarations may mean.
fn children(file: &File, is_root: bool) -> Vec<String> {
    let folder = file.path.strip_suffix(file.name()).unwrap_or_default();
    let own = if is_root || file.name() == "mod.rs" {
        folder.to_owned()
    } else {
        format!("{}/", file.path.trim_end_matches(".rs"))
    };
    let mut paths = Vec::new();
    let mut named = None;
    for (code, line) in file.code().lines().zip(file.text.lines()) {
        if code.contains("#[path") {
            named = line.split('"').nth(1).map(|path| normal(folder, path));
        }
        if let Some(module) = declared(code) {
            match named.take() {
                Some(path) => paths.push(path),
                None => paths.extend([format!("{own}{module}.rs"), format!("{own}{module}/mod.rs")]),
            }
        }
    }
    paths
}

/// The module of `mod name;`.
fn declared(code: &str) -> Option<&str> {
    let before = code.split(';').next()?;
    if !code.contains(';') || before.contains('{') {
        return None;
    }
    let all: Vec<&str> = words(before).collect();
    let at = all.iter().position(|word| *word == "mod")?;
    let name = all.get(at + 1)?;
    Some(name.strip_prefix("r#").unwrap_or(name))
}

/// `folder/path` without `..`.
fn normal(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Tree::of(files));
        findings.into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_file_that_nothing_declares_is_dead() {
        let files = [
            ("crates/gate/src/lib.rs", "mod review;\n// mod old;\n"),
            ("crates/gate/src/review.rs", ""),
            ("crates/gate/src/old.rs", ""),
        ];
        assert_eq!(dead(&files), ["crates/gate/src/old.rs"]);
    }

    #[test]
    fn modules_are_followed_into_folders() {
        let files = [
            ("crates/gate/src/lib.rs", "pub mod review;"),
            ("crates/gate/src/review.rs", "#[cfg(test)]\nmod tests;\nmod terms;"),
            ("crates/gate/src/review/tests.rs", ""),
            ("crates/gate/src/review/terms/mod.rs", "mod deep;"),
            ("crates/gate/src/review/terms/deep.rs", ""),
            ("crates/gate/src/terms.rs", ""),
        ];
        assert_eq!(dead(&files), ["crates/gate/src/terms.rs"]);
    }

    #[test]
    fn a_file_declared_only_by_a_dead_file_is_dead() {
        let files =
            [("crates/gate/src/lib.rs", ""), ("crates/gate/src/a.rs", "mod b;"), ("crates/gate/src/a/b.rs", "")];
        assert_eq!(dead(&files).len(), 2);
    }

    #[test]
    fn a_path_attribute_leads_to_its_file() {
        let files = [
            ("crates/gate/src/lib.rs", "#[path = \"../src/x/odd.rs\"]\nmod even;"),
            ("crates/gate/src/x/odd.rs", ""),
            ("crates/gate/src/even.rs", ""),
        ];
        assert_eq!(dead(&files), ["crates/gate/src/even.rs"]);
    }

    #[test]
    fn binaries_tests_and_manifest_paths_are_roots() {
        let files = [
            ("e2e/src/lib.rs", ""),
            ("e2e/src/bin/bench.rs", ""),
            ("e2e/src/bin/load/main.rs", "mod rate;"),
            ("e2e/src/bin/load/rate.rs", ""),
            ("e2e/Cargo.toml", "path = \"src/other.rs\""),
            ("e2e/src/other.rs", ""),
            ("e2e/tests/psql.rs", ""),
            ("fuzz/fuzz_targets/sql.rs", ""),
        ];
        assert!(dead(&files).is_empty());
    }

    #[test]
    fn a_test_that_is_never_compiled_is_dead() {
        let files =
            [("e2e/tests/e2e/main.rs", "mod psql;"), ("e2e/tests/e2e/psql.rs", ""), ("e2e/tests/e2e/forgotten.rs", "")];
        assert_eq!(dead(&files), ["e2e/tests/e2e/forgotten.rs"]);
    }

    #[test]
    fn cases_that_must_not_compile_are_no_modules() {
        let files = [
            ("crates/gate/tests/fail/forge.rs", ""),
            ("crates/gate/tests/gate/main.rs", ""),
            ("crates/gate/tests/gate/fail/clone.rs", ""),
            ("crates/gate/tests/gate/pass/spend.rs", ""),
        ];
        assert!(dead(&files).is_empty());
    }
}
