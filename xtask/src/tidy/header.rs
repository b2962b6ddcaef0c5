//! Every Rust file opens with a header: what it is, what it promises, what it does not know.

use super::Finding;
use super::tree::{File, Tree};

const LONGEST: usize = 8;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().filter_map(judge).collect()
}

fn judge(file: &File) -> Option<Finding> {
    let lines = file.text.lines().take_while(|line| line.starts_with("//!")).count();
    match lines {
        0 => Some(Finding::new(&file.path, 1, "begin the file with a `//!` header that says what it is".to_owned())),
        1..=LONGEST => None,
        _ => Some(Finding::new(&file.path, LONGEST + 1, format!("the header has {lines} lines; {LONGEST} are enough"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_found(text: &str) -> Vec<usize> {
        let tree = Tree::of(&[("crates/model/src/lib.rs", text)]);
        check(&tree).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_without_a_header_on_its_first_line_is_found() {
        assert_eq!(lines_found("use std::fmt;\n"), [1]);
        assert_eq!(lines_found("\n//! Late.\n"), [1]);
        assert_eq!(lines_found(""), [1]);
    }

    #[test]
    fn one_to_eight_lines_are_a_header_and_nine_are_not() {
        assert!(lines_found("//! Words.\nuse std::fmt;").is_empty());
        assert!(lines_found(&"//! Words.\n".repeat(8)).is_empty());
        assert_eq!(lines_found(&"//! Words.\n".repeat(9)), [9]);
    }
}
