//! What may stand nowhere: silenced lints, ignored tests, code left for later.
//!
//! A lint exception is an `expect` with a reason; a test runs or is deleted.

use super::Finding;
use super::tree::{File, Tree};

/// The words are put together here, so that this file does not hold what it looks for.
const SILENCED: &str = concat!("al", "low(");
const IGNORED: &str = concat!("ig", "nore");
const UNFINISHED: [&str; 2] = [concat!("to", "do!("), concat!("unimplem", "ented!(")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(judge).collect()
}

fn judge(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.code().lines().enumerate() {
        let dense: String = line.split_whitespace().collect();
        if let Some(message) = judge_line(&dense, file.path.starts_with("crates/")) {
            findings.push(Finding::new(&file.path, index + 1, message.to_owned()));
        }
    }
    findings
}

fn judge_line(line: &str, product: bool) -> Option<&'static str> {
    let attribute = line.contains("#[") || line.contains("#![");
    if product && attribute && has_item(line, SILENCED) {
        return Some("a silenced lint: use `expect` with a reason");
    }
    if attribute && (has_item(line, IGNORED)) {
        return Some("an ignored test: let it run or delete it");
    }
    let unfinished = UNFINISHED.iter().any(|word| line.contains(word));
    unfinished.then_some("code left for later: write it or return an error")
}

/// Is the word an attribute, or an item of a `cfg_attr`?
fn has_item(line: &str, word: &str) -> bool {
    line.contains(&format!("[{word}")) || line.contains(&format!(",{word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    const MODEL: &str = "crates/model/src/lib.rs";

    #[test]
    fn a_lint_is_never_silenced_in_the_product() {
        assert_eq!(found(MODEL, &format!("#[{SILENCED}dead_code)]")), 1);
        assert_eq!(found(MODEL, &format!("#![{SILENCED}dead_code)]")), 1);
        assert_eq!(found(MODEL, &format!("# [ {SILENCED}dead_code)]")), 1);
        assert_eq!(found(MODEL, &format!("#[cfg_attr(test, {SILENCED}dead_code))]")), 1);
        assert_eq!(found(MODEL, "#[expect(dead_code, reason = \"why\")]"), 0);
    }

    #[test]
    fn a_function_of_that_name_is_no_attribute() {
        assert_eq!(found(MODEL, &format!("policy.{SILENCED}request)")), 0);
    }

    #[test]
    fn no_test_is_ignored_anywhere() {
        assert_eq!(found("e2e/tests/psql.rs", &format!("#[{IGNORED}]")), 1);
        assert_eq!(found(MODEL, &format!("#[{IGNORED} = \"slow\"]")), 1);
        assert_eq!(found(MODEL, &format!("fn {IGNORED}d() {{}}")), 0);
    }

    #[test]
    fn nothing_is_left_for_later_anywhere() {
        for word in UNFINISHED {
            assert_eq!(found("xtask/src/main.rs", &format!("fn f() {{ {word}) }}")), 1);
            assert_eq!(found(MODEL, &format!("// {word}) in a comment")), 0);
        }
    }
}
