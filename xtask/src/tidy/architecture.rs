//! The documents keep their word: each invariant names a test that exists, each path named is there.
//!
//! Reads `ARCHITECTURE.md` and `README.md`; a document that does not exist yet is not judged. A name in
//! backticks is a path if it has a folder; a bare file name may be any file's.

use super::Finding;
use super::tree::{File, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const README: &str = "README.md";
const INVARIANTS: usize = 10;
const CHECKED_ENDINGS: [&str; 4] = [".rs", ".md", ".txt", ".toml"];

/// Files that users have and the repository has not.
const USERS_FILES: [&str; 1] = ["countersign.toml"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [ARCHITECTURE, README]
        .iter()
        .filter_map(|path| tree.file(path))
        .flat_map(|file| broken_paths(file, tree))
        .collect();
    if let Some(file) = tree.file(ARCHITECTURE) {
        findings.extend(untested_invariants(file, tree));
    }
    findings
}

fn broken_paths(file: &File, tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in prose(&file.text) {
        for named in quoted(line).filter_map(named_path) {
            if !exists(named, tree) {
                let message = format!("`{named}` does not exist");
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

/// Each number from 1 to 10 under the heading "Invariants" must name a test that exists.
fn untested_invariants(file: &File, tree: &Tree) -> Vec<Finding> {
    let items = invariants(&file.text);
    let mut findings = Vec::new();
    for number in 1..=INVARIANTS {
        let place = items.iter().find(|item| item.number == number);
        let message = match place {
            None => format!("invariant {number} is not listed under a heading `Invariants`"),
            Some(item) if item.names_a_test(tree) => continue,
            Some(_) => format!("invariant {number} names no test that exists (`path/to/file.rs`)"),
        };
        let line = place.map_or(1, |item| item.line);
        findings.push(Finding::new(&file.path, line, message));
    }
    findings
}

/// One numbered invariant: its lines, to the next one.
struct Invariant<'a> {
    number: usize,
    line: usize,
    text: Vec<&'a str>,
}

impl Invariant<'_> {
    fn names_a_test(&self, tree: &Tree) -> bool {
        self.text.iter().flat_map(|line| quoted(line)).any(|words| is_test(words, tree))
    }
}

/// `path.rs`, or `path.rs::name` if the file holds that function.
fn is_test(words: &str, tree: &Tree) -> bool {
    let (path, name) = words.split_once("::").unwrap_or((words, ""));
    let function = name.rsplit("::").next().unwrap_or_default();
    path.ends_with(".rs")
        && tree.file(path).is_some_and(|file| function.is_empty() || file.text.contains(&format!("fn {function}(")))
}

fn invariants(text: &str) -> Vec<Invariant<'_>> {
    let mut items: Vec<Invariant<'_>> = Vec::new();
    let mut inside = false;
    for (index, line) in prose(text) {
        if line.starts_with('#') {
            inside = line.to_lowercase().contains("invariant");
        } else if !inside {
            continue;
        } else if let Some(number) = item_number(line) {
            items.push(Invariant { number, line: index + 1, text: vec![line] });
        } else if let Some(item) = items.last_mut() {
            item.text.push(line);
        }
    }
    items
}

/// `3` of `3. Nobody …` and of `| 3 | Nobody … |`.
fn item_number(line: &str) -> Option<usize> {
    let row = line.trim_start_matches(['|', ' ', '*']);
    let end = row.find(|c: char| !c.is_ascii_digit())?;
    let after = row[end..].trim_start_matches('*');
    let ends = after.starts_with('.') || after.trim_start().starts_with('|');
    ends.then(|| row[..end].parse().ok())?
}

/// The lines with their index, without fenced code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What stands between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The path in a quotation that names one of ours; patterns and paths of a user's machine are not.
fn named_path(words: &str) -> Option<&str> {
    let path = words.split("::").next()?;
    let path = path.split('#').next()?;
    let is_path = CHECKED_ENDINGS.iter().any(|ending| path.ends_with(ending));
    let is_pattern = path.contains(|c: char| c.is_whitespace() || "*<>{}…$:".contains(c));
    let is_users = path.starts_with(['/', '~']) || USERS_FILES.contains(&path);
    (is_path && !is_pattern && !is_users).then_some(path)
}

fn exists(path: &str, tree: &Tree) -> bool {
    let path = path.trim_start_matches("./");
    if path.contains('/') {
        return tree.file(path).is_some();
    }
    path.starts_with('.') || tree.files.iter().any(|file| file.name() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: (&str, &str) = ("crates/gate/tests/gate/main.rs", "#[test]\nfn it_holds() {}");

    fn messages(documents: &[(&str, &str)]) -> Vec<String> {
        let mut files = vec![TEST];
        files.extend(documents);
        let findings = check(&Tree::of(&files));
        findings.into_iter().map(|finding| finding.message).collect()
    }

    fn architecture(last: &str) -> String {
        let mut text = String::from("# Architecture\n## Invariants\n");
        for number in 1..10 {
            text.push_str(&format!("{number}. It holds.\n   Kept by `{}`.\n", TEST.0));
        }
        text + last
    }

    #[test]
    fn ten_invariants_with_tests_are_silent_in_a_list_or_a_table() {
        let list = architecture(&format!("10. **It** holds: `{}::it_holds`", TEST.0));
        assert!(messages(&[(ARCHITECTURE, &list)]).is_empty());
        let table = architecture(&format!("| 10 | holds | `{}` |", TEST.0));
        assert!(messages(&[(ARCHITECTURE, &table)]).is_empty());
    }

    #[test]
    fn an_invariant_without_a_test_is_found() {
        let wishes = architecture("10. It holds, we hope.");
        assert!(messages(&[(ARCHITECTURE, &wishes)])[0].starts_with("invariant 10 names no test"));
        let absent = architecture("");
        assert!(messages(&[(ARCHITECTURE, &absent)])[0].starts_with("invariant 10 is not listed"));
        let elsewhere = architecture(&format!("## Other\n10. `{}`", TEST.0));
        assert_eq!(messages(&[(ARCHITECTURE, &elsewhere)]).len(), 1);
    }

    #[test]
    fn a_test_that_does_not_exist_keeps_nothing() {
        let renamed = architecture(&format!("10. Holds: `{}::it_held`", TEST.0));
        assert_eq!(messages(&[(ARCHITECTURE, &renamed)]).len(), 1);
        let moved = architecture("10. Holds: `crates/gate/tests/gone.rs`");
        assert_eq!(messages(&[(ARCHITECTURE, &moved)]).len(), 2);
    }

    #[test]
    fn a_path_in_backticks_must_exist() {
        assert!(messages(&[(README, &format!("see `{}`", TEST.0))]).is_empty());
        assert_eq!(messages(&[(README, "see `docs/gone.md`")]), ["`docs/gone.md` does not exist"]);
        assert_eq!(messages(&[(README, "the files `main.rs` and `gone.rs`")]).len(), 1);
        assert_eq!(messages(&[(README, "see `docs/gone.md#part`")]).len(), 1);
    }

    #[test]
    fn patterns_code_and_users_files_are_no_paths_of_ours() {
        let text = "`countersign.toml`, `docs/*.md`, `NNNN-<title>.md`, `/etc/a.toml`, `a.pdf`";
        assert!(messages(&[(README, text)]).is_empty());
        assert!(messages(&[(README, "```\ncat `docs/gone.md`\n```\n")]).is_empty());
    }

    #[test]
    fn documents_not_written_yet_are_not_judged() {
        assert!(messages(&[]).is_empty());
    }
}
