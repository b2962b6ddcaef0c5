//! Paths of somebody's machine in files that everybody gets: they mean nothing elsewhere.

use super::Finding;
use super::tree::Tree;

const FOLDERS: [&str; 3] = ["work", "root", "home"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let needles = FOLDERS.map(|folder| format!("/{folder}/"));
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.name() != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(needle) = needles.iter().find(|needle| line.contains(*needle)) {
                let message = format!("a path of one machine (`{needle}`): make it relative");
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_path_of_a_machine_is_found_in_any_text() {
        for path in [concat!("/wo", "rk/x"), concat!("/ro", "ot/x"), concat!("/ho", "me/x")] {
            let text = format!("first\nsee {path}\n");
            assert_eq!(found("docs/notes.md", &text), 1, "{path}");
            assert_eq!(found(".ci/run", &text), 1, "{path}");
        }
        assert_eq!(found("docs/notes.md", "see docs/work.md and ~/.cargo"), 0);
    }

    #[test]
    fn the_lock_file_is_cargos_own() {
        assert_eq!(found("Cargo.lock", &format!("/{}/x", FOLDERS[0])), 0);
    }
}
