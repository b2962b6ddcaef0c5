//! What of a Rust file is code: comments and the insides of literals become spaces, line by line.
//!
//! A lexer of the few things that can hide text (comments, strings, characters), not a parser. Knows nothing
//! of the checks.

/// The text with comments and the insides of string and character literals blanked out.
pub(super) fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (length, hidden) = match hidden_length(rest) {
            Some(length) => (length, true),
            None => (visible_length(rest), false),
        };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        if hidden {
            out.extend(piece.chars().map(blank));
        } else {
            out.push_str(piece);
        }
        rest = after;
    }
    out
}

/// The code without its `#[cfg(test)] mod … { … }`, which is not part of the product.
pub(super) fn without_test_modules(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(TEST_MARK) {
        let (before, marked) = rest.split_at(start);
        let length = test_module_length(marked);
        let (module, after) = marked.split_at(length.unwrap_or(TEST_MARK.len()));
        out.push_str(before);
        if length.is_some() {
            out.extend(module.chars().map(blank));
        } else {
            out.push_str(module);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The identifiers and keywords of a line of code; `r#type` is one of them.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !is_word(c) && c != '#').filter(|word| !word.is_empty())
}

const TEST_MARK: &str = "#[cfg(test)]";

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment or literal that starts here, if one does.
fn hidden_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('\'') {
        return character_length(rest);
    }
    string_length(rest)
}

/// A whole word (so that the `r` of `for` starts no raw string), or one other character.
fn visible_length(rest: &str) -> usize {
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(1, char::len_utf8);
    word.max(first)
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// `'x'` or `'\n'`; nothing for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        let (escaped, _) = characters.next()?;
        let after = escaped + 1;
        return Some(after + rest[after..].find('\'')? + 1);
    }
    let (end, second) = characters.next()?;
    (second == '\'').then_some(end + 1)
}

/// A string literal of any kind: `"…"`, `b"…"`, `c"…"`, `r"…"`, `r#"…"#`, `br#"…"#`.
fn string_length(rest: &str) -> Option<usize> {
    let mut start = rest.bytes().take(3);
    let prefix = start.position(|byte| byte == b'"' || byte == b'#')?;
    let (kind, body) = rest.split_at(prefix);
    if !["", "b", "c", "r", "br", "cr"].contains(&kind) {
        return None;
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body[hashes..].strip_prefix('"')?;
    let opening = prefix + hashes + 1;
    if kind.ends_with('r') {
        let closing = format!("\"{}", "#".repeat(hashes));
        let end = text.find(&closing).map_or(text.len(), |at| at + closing.len());
        return Some(opening + end);
    }
    (hashes == 0).then(|| opening + quoted_length(text))
}

fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == '"' && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The length of mark and module, if the mark is on a module with a body.
fn test_module_length(marked: &str) -> Option<usize> {
    let open = marked.find('{')?;
    let mut head = words(&marked[TEST_MARK.len()..open]).filter(|word| !word.contains('#'));
    head.find(|word| *word == "mod" || *word == "fn" || *word == "use").filter(|word| *word == "mod")?;
    if marked[..open].contains(';') {
        return None;
    }
    let mut depth = 0;
    for (at, c) in marked.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hides(text: &str) {
        let code = code_only(text);
        assert!(!code.contains("secret"), "{code}");
        assert!(code.contains("visible"), "{code}");
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn comments_are_not_code() {
        hides("// secret\nvisible // secret");
        hides("/* secret\n /* secret */ secret */ visible");
    }

    #[test]
    fn strings_are_not_code() {
        hides(r#"visible("secret \" secret", visible)"#);
        hides("visible(b\"secret\", c\"secret\")");
        hides("visible(r\"secret\\\", visible)");
        hides("visible(r#\"secret \" secret\"#, br##\"\"# secret\"##)");
    }

    #[test]
    fn a_character_is_no_lifetime_and_a_quote_in_one_opens_nothing() {
        hides("('\"', \"secret\", '\\'', '\\u{41}', '\\\\', visible)");
        assert_eq!(code_only("fn f<'a>(x: &'a str)"), "fn f<'a>(x: &'a str)");
    }

    #[test]
    fn words_that_end_like_a_prefix_open_nothing() {
        assert_eq!(code_only("for x in r#type {}"), "for x in r#type {}");
    }

    #[test]
    fn a_test_module_is_not_part_of_the_product() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}";
        let product = without_test_modules(code);
        assert!(product.contains("fn a()") && product.contains("fn c()"));
        assert!(!product.contains("fn b()"));
        assert_eq!(product.lines().count(), code.lines().count());
    }

    #[test]
    fn a_test_only_import_hides_nothing_after_it() {
        let code = "#[cfg(test)]\nuse a::b;\nmod product { fn c() {} }";
        assert_eq!(without_test_modules(code), code);
        let code = "#[cfg(test)]\nmod tests;\nmod product { fn c() {} }";
        assert_eq!(without_test_modules(code), code);
    }

    #[test]
    fn raw_identifiers_are_one_word() {
        let all: Vec<&str> = words("let r#type: Kind = a_b(c);").collect();
        assert_eq!(all, ["let", "r#type", "Kind", "a_b", "c"]);
    }
}
