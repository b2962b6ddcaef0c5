//! Names that say nothing: banned as a type's last word, a module's name and a function's prefix.
//!
//! The field's own terms are exempt, one row each with whose term it is.

use super::Finding;
use super::code::words;
use super::tree::{File, Tree};

const EMPTY_WORDS: [&str; 9] = ["Manager", "Helper", "Util", "Common", "Misc", "Info", "Data", "Handler", "Processor"];
const EMPTY_PREFIXES: [&str; 3] = ["get_", "do_", "process_"];
const TYPE_KEYWORDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

/// Names of types and functions that are the field's, and whose.
const EXEMPT: &[(&str, &str)] = &[
    ("AuthenticatorData", "WebAuthn"),
    ("BackendKeyData", "PostgreSQL's protocol"),
    ("ClientData", "WebAuthn"),
    ("ClientInfo", "MCP"),
    ("CopyData", "PostgreSQL's protocol"),
    ("ServerInfo", "MCP"),
    ("UserInfo", "OpenID Connect"),
    ("process_id", "PostgreSQL's protocol and operating systems"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(|file| file_name(file).into_iter().chain(declarations(file))).collect()
}

/// The file is a module: its name, or its folder's if it is a `mod.rs`.
fn file_name(file: &File) -> Option<Finding> {
    let path = file.path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let module = path.rsplit('/').next()?;
    let message = judge_module(module)?;
    Some(Finding::new(&file.path, 1, message))
}

fn declarations(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.code().lines().enumerate() {
        let all: Vec<&str> = words(line).collect();
        for pair in all.windows(2) {
            if let Some(message) = judge(pair[0], pair[1], line) {
                findings.push(Finding::new(&file.path, index + 1, message));
            }
        }
    }
    findings
}

fn judge(keyword: &str, name: &str, line: &str) -> Option<String> {
    if EXEMPT.iter().any(|(exempt, _)| *exempt == name) {
        return None;
    }
    if TYPE_KEYWORDS.contains(&keyword) {
        return judge_type(name);
    }
    // `mod name;` is judged where its file is.
    if keyword == "mod" && line.contains('{') {
        return judge_module(name);
    }
    if keyword == "fn" {
        return judge_function(name);
    }
    None
}

fn judge_type(name: &str) -> Option<String> {
    let last = last_word(name);
    is_empty_word(last).then(|| format!("type `{name}` ends in `{last}`, which says nothing: name what it is"))
}

fn judge_module(name: &str) -> Option<String> {
    let last = name.rsplit('_').next()?;
    let first = last.chars().next()?.to_ascii_uppercase();
    let capital = format!("{first}{}", &last[1..]);
    is_empty_word(&capital).then(|| format!("module `{name}` says nothing of what it holds: name what is in it"))
}

fn judge_function(name: &str) -> Option<String> {
    let prefix = EMPTY_PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
    Some(format!("function `{name}` begins with `{prefix}`: say what it does"))
}

fn is_empty_word(word: &str) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    EMPTY_WORDS.contains(&word) || EMPTY_WORDS.contains(&singular)
}

/// `Row` of `DataRow`, `Data` of `HTTPData`, `Metadata` of `Metadata`.
fn last_word(name: &str) -> &str {
    let start = name.rfind(|c: char| c.is_ascii_uppercase()).unwrap_or(0);
    &name[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        check(&Tree::of(&[("crates/model/src/lib.rs", text)])).len()
    }

    fn found_in(path: &str) -> usize {
        check(&Tree::of(&[(path, "")])).len()
    }

    #[test]
    fn a_type_may_not_end_in_an_empty_word() {
        assert_eq!(found("pub(crate) struct SessionManager;"), 1);
        assert_eq!(found("enum TLSInfo {}"), 1);
        assert_eq!(found("trait EventHandlers {}"), 1);
        assert_eq!(found("type RowData<'a> = &'a [u8];"), 1);
    }

    #[test]
    fn an_empty_word_elsewhere_in_a_name_is_no_matter() {
        assert_eq!(found("struct DataRow; struct Metadata; enum Misconduct {}"), 0);
        assert_eq!(found("let handler: Handler = make();"), 0);
    }

    #[test]
    fn the_fields_own_terms_are_exempt() {
        assert_eq!(found("struct CopyData; struct BackendKeyData;"), 0);
        assert_eq!(found("fn process_id() {}"), 0);
    }

    #[test]
    fn a_function_may_not_begin_with_an_empty_verb() {
        assert_eq!(found("pub async fn get_review() {}"), 1);
        assert_eq!(found("fn do_it() {} fn process_all() {}"), 2);
        assert_eq!(found("fn getaway() {} fn document() {}"), 0);
    }

    #[test]
    fn a_module_may_not_be_called_by_an_empty_word() {
        assert_eq!(found_in("crates/model/src/utils.rs"), 1);
        assert_eq!(found_in("crates/model/src/http_helper.rs"), 1);
        assert_eq!(found_in("e2e/tests/common/mod.rs"), 1);
        assert_eq!(found("mod misc { fn a() {} }"), 1);
        assert_eq!(found_in("crates/model/src/digest.rs"), 0);
    }

    #[test]
    fn words_in_comments_and_strings_are_no_names() {
        assert_eq!(found("// struct RowManager\nlet a = \"fn get_it()\";"), 0);
    }
}
