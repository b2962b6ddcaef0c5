//! A statement as people read it with ease: words of the grammar, literals and comments told apart, a line for each clause.
//! Nothing is changed but white space between words, and only where the statement has no lines of its own.

use serde::Serialize;
use utoipa::ToSchema;

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Span {
    /// What it is.
    kind: Kind,
    /// Its text; white space may be broken into lines.
    pub(crate) text: String,
}

/// What a part of a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A word of the grammar.
    Keyword,
    /// A string or a number.
    Literal,
    Comment,
    /// White space.
    Space,
    /// A name, a sign, anything else.
    Other,
}

/// The parts of `text`, in order. A text that is very long, or in which a backslash may move the end of a string, is one part.
pub(crate) fn layout(text: &str) -> Vec<Span> {
    if text.len() > LONGEST || text.contains('\\') {
        return vec![Span { kind: Kind::Other, text: text.to_owned() }];
    }
    let breaks = !text.trim().contains('\n');
    let mut spans: Vec<Span> = Vec::new();
    let (mut rest, mut depth, mut before) = (text, 0_usize, "");
    while !rest.is_empty() {
        let (kind, length) = next(rest);
        let (token, behind) = rest.split_at(length);
        rest = behind;
        let mut shown = token.to_owned();
        match token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if kind == Kind::Space && breaks && !spans.is_empty() => {
                if let Some(deeper) = begins_line(rest, before) {
                    shown = format!("\n{}", "  ".repeat(depth.min(DEEPEST) + usize::from(deeper)));
                }
            }
            _ => {}
        }
        if kind != Kind::Space {
            before = token;
        }
        match spans.last_mut() {
            Some(last) if last.kind == kind && kind == Kind::Other => last.text.push_str(&shown),
            _ => spans.push(Span { kind, text: shown }),
        }
    }
    spans
}

/// The next part: what it is, and its length, which is at least that of one character.
fn next(text: &str) -> (Kind, usize) {
    let first = text.chars().next().unwrap_or(' ');
    let up_to = |end: &str, begin: usize| {
        let found = text.get(begin..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| begin + at + end.len())
    };
    let while_of = |test: fn(char) -> bool| text.find(|letter| !test(letter)).unwrap_or(text.len());
    match first {
        '\'' => (Kind::Literal, up_to("'", 1)),
        '"' => (Kind::Other, up_to("\"", 1)),
        '-' if text.starts_with("--") => (Kind::Comment, text.find('\n').unwrap_or(text.len())),
        '/' if text.starts_with("/*") => (Kind::Comment, comment(text)),
        '$' => match dollar_quote(text) {
            Some(quote) => (Kind::Literal, up_to(quote, quote.len())),
            None => (Kind::Other, 1),
        },
        '0'..='9' => (Kind::Literal, while_of(|letter| is_of_word(letter) || letter == '.')),
        letter if is_space(letter) => (Kind::Space, while_of(is_space)),
        letter if letter.is_ascii_alphabetic() || letter == '_' || !letter.is_ascii() => {
            let length = while_of(|letter| is_of_word(letter) || letter == '$');
            let word = text.get(..length).unwrap_or_default();
            let is_keyword = KEYWORDS.iter().chain(CLAUSES).any(|keyword| keyword.eq_ignore_ascii_case(word));
            (if is_keyword { Kind::Keyword } else { Kind::Other }, length)
        }
        letter => (Kind::Other, letter.len_utf8()),
    }
}

/// What PostgreSQL takes for a part of a name: everything beyond ASCII, too.
fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || !letter.is_ascii()
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// What begins and ends a string in dollars.
fn dollar_quote(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find('$')? + 1;
    let tag = text.get(1..end)?;
    let is_tag = tag.chars().all(is_of_word);
    (is_tag && !tag.starts_with(|letter: char| letter.is_ascii_digit())).then(|| text.get(..=end))?
}

/// Whether a line begins with what comes behind `before`, and whether that stands deeper than the clause it belongs to.
fn begins_line(text: &str, before: &str) -> Option<bool> {
    let end = text.find(|letter: char| !is_of_word(letter)).unwrap_or(text.len());
    let is_one_of = |word: &str, words: &[&str]| words.iter().any(|one| one.eq_ignore_ascii_case(word));
    let word = text.get(..end).filter(|word| is_one_of(word, CLAUSES) && !is_one_of(before, LEADING))?;
    Some(is_one_of(word, &["AND", "OR", "WHEN"]))
}

/// Words that begin a line.
const CLAUSES: &[&str] = &[
    "FROM",
    "WHERE",
    "SET",
    "VALUES",
    "RETURNING",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "CROSS",
    "FULL",
    "USING",
    "AND",
    "OR",
    "WHEN",
    "WINDOW",
    "SELECT",
];

/// Words that a clause is not parted from.
const LEADING: &[&str] = &["DELETE", "DISTINCT", "LEFT", "RIGHT", "INNER", "CROSS", "FULL", "OUTER", "NATURAL"];

/// Other words of the grammar.
const KEYWORDS: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "ANALYZE",
    "ANY",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CALL",
    "CASCADE",
    "CASE",
    "CAST",
    "CHECK",
    "COLUMN",
    "COMMIT",
    "CONFLICT",
    "CONSTRAINT",
    "COPY",
    "CREATE",
    "CURSOR",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DROP",
    "ELSE",
    "END",
    "EXECUTE",
    "EXISTS",
    "EXPLAIN",
    "FETCH",
    "FOR",
    "FOREIGN",
    "FUNCTION",
    "GRANT",
    "IF",
    "ILIKE",
    "IN",
    "INDEX",
    "INSERT",
    "INTO",
    "IS",
    "KEY",
    "LATERAL",
    "LIKE",
    "LOCK",
    "MATERIALIZED",
    "MERGE",
    "NOT",
    "NOTHING",
    "NULL",
    "ON",
    "ONLY",
    "OWNER",
    "PREPARE",
    "PRIMARY",
    "REFERENCES",
    "REPLACE",
    "RESET",
    "REVOKE",
    "ROLE",
    "ROLLBACK",
    "SCHEMA",
    "SHOW",
    "TABLE",
    "THEN",
    "TO",
    "TRUNCATE",
    "UNIQUE",
    "UPDATE",
    "VACUUM",
    "VIEW",
    "WITH",
];

/// Bytes of a text that is laid out.
const LONGEST: usize = 64 << 10;
/// How deep lines are set in.
const DEEPEST: usize = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        layout(text).into_iter().map(|span| span.text).collect()
    }

    #[test]
    fn each_clause_has_a_line() {
        let text = "UPDATE orders SET note = 'from where' WHERE id IN (SELECT id FROM old) AND total > 5 RETURNING id";
        let lines = "UPDATE orders\nSET note = 'from where'\nWHERE id IN (SELECT id\n  FROM old)\n  AND total > 5\nRETURNING id";
        assert_eq!(shown(text), lines);
        let own = "DELETE FROM orders\n  WHERE id = 1 AND true";
        assert_eq!(shown(own), own);
    }

    #[test]
    fn parts_are_told_apart() {
        let kinds = |text: &str| -> Vec<(Kind, String)> {
            layout(text)
                .into_iter()
                .filter(|span| span.kind != Kind::Space)
                .map(|span| (span.kind, span.text))
                .collect()
        };
        let of = |kind, text: &str| (kind, text.to_owned());
        assert_eq!(
            kinds("SELECT x1, 'it''s' /* a /* b */ */ FROM \"from\" -- end"),
            [
                of(Kind::Keyword, "SELECT"),
                of(Kind::Other, "x1,"),
                of(Kind::Literal, "'it'"),
                of(Kind::Literal, "'s'"),
                of(Kind::Comment, "/* a /* b */ */"),
                of(Kind::Keyword, "FROM"),
                of(Kind::Other, "\"from\""),
                of(Kind::Comment, "-- end"),
            ]
        );
        assert_eq!(kinds("$a$ where $a$ $1 $$x$$")[0], of(Kind::Literal, "$a$ where $a$"));
        assert_eq!(layout("SELECT E'\\' FROM '").len(), 1);
        let literal = "$€$ and id = 1 $€$";
        assert!(kinds(&format!("x = {literal} or true")).contains(&of(Kind::Literal, literal)));
        assert!(!kinds("SELECT 1 AS o€$x$ WHERE $x$").contains(&of(Kind::Literal, "$x$ WHERE $x$")));
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_changes(text in "[a-zA-Z0-9 '\"$/*()\\-\\n;,ö€SELCTFROMWH]{0,80}") {
            let bare = |text: &str| text.split(is_space).collect::<String>();
            prop_assert_eq!(bare(&shown(&text)), bare(&text));
        }
    }
}
