//! No Rust file is longer than a thousand lines; at six hundred a reader already asks for a door.

use super::Finding;
use super::tree::Tree;

const LONGEST: usize = 1_000;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.text.lines().count();
        if lines > LONGEST {
            let message = format!("{lines} lines; {LONGEST} is the limit: split the file");
            findings.push(Finding::new(&file.path, LONGEST + 1, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: usize) -> usize {
        let text = "//! Long.\n".repeat(lines);
        check(&Tree::of(&[("crates/model/src/lib.rs", &text)])).len()
    }

    #[test]
    fn a_thousand_lines_pass_and_one_more_does_not() {
        assert_eq!(found(1_000), 0);
        assert_eq!(found(1_001), 1);
    }
}
