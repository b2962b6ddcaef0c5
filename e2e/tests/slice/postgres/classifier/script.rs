//! A script of `psql`, taken apart as `psql` does: into statements, the rows that a COPY is given, and what is skipped,
//! namely commands of `psql` and statements with variables of it.

use super::session::Statement;

/// A script's parts.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) statements: Vec<Entry>,
    /// Commands of `psql`, and statements that need one.
    pub(super) skipped: usize,
}

/// One statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The line that it begins on, from 1.
    pub(super) line: usize,
    pub(super) text: String,
    /// What a COPY from the client is given.
    pub(super) rows: String,
}

impl Entry {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement { text: &self.text, rows: &self.rows }
    }
}

impl Script {
    pub(super) fn read(text: &str) -> Self {
        let mut reading =
            Reading { rest: text, line: 1, script: Self::default(), entry: Entry::default(), seen: Seen::default() };
        while !reading.rest.is_empty() {
            reading.step();
        }
        reading.end();
        reading.script
    }
}

struct Reading<'a> {
    rest: &'a str,
    line: usize,
    script: Script,
    /// The statement under way.
    entry: Entry,
    seen: Seen,
}

/// What was seen of the statement under way.
#[derive(Default)]
struct Seen {
    /// Its first words, in lower case.
    words: Vec<String>,
    /// Brackets and parentheses that are open.
    open: Vec<char>,
    /// BEGIN ATOMIC and CASE that are open.
    bodies: usize,
    uses_variable: bool,
}

impl Reading<'_> {
    /// The next token.
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest.chars().next().expect("there is more");
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '\'' => quoted(rest, '\'', self.escapes()),
            '"' => quoted(rest, '"', false),
            '$' => dollar_quoted(rest),
            '\\' if rest.starts_with("\\;") => return self.semicolon_inside(),
            '\\' => return self.command(),
            ';' if self.seen.open.is_empty() && self.seen.bodies == 0 => {
                self.take(1);
                return self.end();
            }
            letter if letter == '_' || letter.is_alphabetic() => self.word(),
            ':' => self.colon(),
            other => {
                self.bracket(other);
                other.len_utf8()
            }
        };
        self.take(length);
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        if !self.entry.text.is_empty() || !taken.trim().is_empty() {
            if self.entry.text.is_empty() {
                self.entry.line = self.line;
            }
            self.entry.text.push_str(taken);
        }
        self.line += taken.matches('\n').count();
        self.rest = rest;
    }

    /// Whether a quote that comes now takes backslashes.
    fn escapes(&self) -> bool {
        let mut before = self.entry.text.chars().rev();
        matches!(before.next(), Some('e' | 'E'))
            && !before.next().is_some_and(|letter| letter == '_' || letter.is_alphanumeric())
    }

    fn word(&mut self) -> usize {
        let is_part = |letter: char| letter == '_' || letter == '$' || letter.is_alphanumeric();
        let length = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let word = self.rest[..length].to_lowercase();
        let begins = |words: &[&str]| words.iter().zip(&self.seen.words).all(|(one, other)| one == other);
        let routine = (begins(&["create", "function"]) || begins(&["create", "procedure"]))
            || begins(&["create", "or", "replace", "function"])
            || begins(&["create", "or", "replace", "procedure"]);
        if routine && self.seen.words.len() > 1 {
            match word.as_str() {
                "begin" => self.seen.bodies += 1,
                "case" if self.seen.bodies > 0 => self.seen.bodies += 1,
                "end" => self.seen.bodies = self.seen.bodies.saturating_sub(1),
                _ => {}
            }
        }
        if self.seen.words.len() < 4 {
            self.seen.words.push(word);
        }
        length
    }

    /// A colon is a cast, an assignment, a slice, or stands before a variable.
    fn colon(&mut self) -> usize {
        if self.rest.starts_with("::") || self.rest.starts_with(":=") {
            return 2;
        }
        let next = self.rest[1..].chars().next().unwrap_or(' ');
        let names = next == '_' || next == '\'' || next == '"' || next.is_alphabetic();
        self.seen.uses_variable |= names && !self.seen.open.contains(&'[');
        1
    }

    fn bracket(&mut self, letter: char) {
        match letter {
            '(' | '[' => self.seen.open.push(letter),
            ')' | ']' => drop(self.seen.open.pop()),
            _ => {}
        }
    }

    /// `\;` keeps two statements in one text.
    fn semicolon_inside(&mut self) {
        self.rest = &self.rest[1..];
        self.take(1);
    }

    /// A command of `psql` is skipped up to the end of its line; some of them send what stands before them.
    fn command(&mut self) {
        let length = self.rest.find('\n').unwrap_or(self.rest.len());
        let (command, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.script.skipped += 1;
        let name = command.split_whitespace().next().unwrap_or("");
        if name.starts_with("\\g") && !name.starts_with("\\getenv") || name == "\\crosstabview" {
            self.end();
        } else if ["\\bind", "\\parse", "\\r"].iter().any(|start| name.starts_with(start)) {
            self.entry = Entry::default();
            self.seen = Seen::default();
        }
    }

    fn end(&mut self) {
        let mut entry = std::mem::take(&mut self.entry);
        let seen = std::mem::take(&mut self.seen);
        if seen.words.first().is_some_and(|word| word == "copy") && entry.text.to_lowercase().contains("from stdin") {
            entry.rows = self.rows();
        }
        if seen.uses_variable {
            self.script.skipped += 1;
        } else if !entry.text.trim_matches([' ', '\n', ';']).is_empty() {
            self.script.statements.push(entry);
        }
    }

    /// The rows behind a COPY, up to `\.`: there are some if that comes before the end of another statement.
    fn rows(&mut self) -> String {
        let Some((_, behind)) = self.rest.split_once('\n') else { return String::new() };
        let mut at = 0;
        for line in behind.split_inclusive('\n') {
            if line.trim_end() == "\\." {
                let rows = behind[..at].to_owned();
                self.line += rows.matches('\n').count() + 2;
                self.rest = &behind[at + line.len()..];
                return rows;
            }
            if line.trim_end().ends_with(';') {
                break;
            }
            at += line.len();
        }
        String::new()
    }
}

/// The length of a comment, with those inside it.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of something in quotes. A doubled quote ends it and begins another, which comes to the same.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            if escapes && text[at + 1..].starts_with(quote) {
                letters.next();
                continue;
            }
            return at + 1;
        }
        if escapes && letter == '\\' {
            letters.next();
        }
    }
    text.len()
}

/// The length of something in dollar quotes; 1 if the dollar opens none.
fn dollar_quoted(text: &str) -> usize {
    let is_part = |letter: char| letter == '_' || letter.is_alphanumeric();
    let Some(end) = text[1..].find(|letter| !is_part(letter)).map(|end| end + 1) else { return 1 };
    let tag = &text[..=end];
    if !tag.ends_with('$') || tag[1..].starts_with(|first: char| first.is_ascii_digit()) {
        return 1;
    }
    text[tag.len()..].find(tag).map_or(text.len(), |at| at + 2 * tag.len())
}

#[test]
fn a_script_is_taken_apart_as_psql_does() {
    let script = Script::read(
        "-- one\nSELECT 1; SELECT 'a;b' \\g\n\\d t\nSELECT E'\\';', $a$;$a$, $1 /* /* ; */ */;\nSELECT :x;\n\
         COPY t FROM STDIN;\n1;\n\\.\nCOPY t FROM stdin;\n7\n\\.\nSELECT 1 \\; SELECT x::int, a[1:n]\n;\n\
         CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;SELECT 2",
    );
    let texts: Vec<&str> = script.statements.iter().map(|entry| entry.text.trim()).collect();
    assert_eq!(texts[0], "-- one\nSELECT 1;");
    assert_eq!(texts[1], "SELECT 'a;b'");
    assert_eq!(texts[2], "SELECT E'\\';', $a$;$a$, $1 /* /* ; */ */;");
    assert_eq!(
        texts[5..],
        [
            "COPY t FROM stdin;",
            "SELECT 1 ; SELECT x::int, a[1:n]\n;",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;",
            "SELECT 2",
        ]
    );
    assert_eq!(script.statements[5].rows, "7\n");
    assert_eq!(script.skipped, 4, "{texts:?}");
}
