//! What the server answers: the shape of rows, the cells of one, errors with and without the data they hold. Bytes of
//! an upstream are as hostile as those of a client: what is not of its form is told so, never guessed.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use bytes::{BufMut as _, BytesMut};

use super::message::{Report, Severity, framed};
use super::{Frame, Reader};

/// A column of a result, as a RowDescription announces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The label.
    pub name: String,
    /// The table it comes from; 0 for none.
    pub table: u32,
    /// The column's number there; 0 for none.
    pub column: i16,
    /// The type's number.
    pub kind: u32,
}

impl Field {
    /// Whether any text is a value of its type, in either format.
    #[must_use]
    pub const fn carries_text(&self) -> bool {
        carries_text(self.kind)
    }
}

/// Whether any text is a value of the type with this number, in either format.
#[must_use]
pub const fn carries_text(kind: u32) -> bool {
    matches!(kind, TEXT | VARCHAR | BPCHAR | UNKNOWN)
}

/// The columns that a RowDescription announces, if it is well formed.
#[must_use]
pub fn fields(frame: &Frame) -> Option<Vec<Field>> {
    let mut body = Reader(frame.body());
    let count = body.count()?;
    let fields = (0..count).map(|_| field(&mut body)).collect::<Option<Vec<_>>>()?;
    body.is_empty().then_some(fields)
}

fn field(body: &mut Reader<'_>) -> Option<Field> {
    let name = String::from_utf8_lossy(body.until_nul()?).into_owned();
    let (table, column, kind) = (body.u32()?, body.i16()?, body.u32()?);
    // Its type's size, modifier and format.
    body.take(8)?;
    Some(Field { name, table, column, kind })
}

/// What stands in the place of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put<'a> {
    /// The cell as it is.
    Keep,
    /// These bytes of text.
    Text(&'a [u8]),
    /// NULL.
    Null,
}

/// Appends a row of so many columns, of which `put` writes each cell that is not NULL, by [`put_cell`]. `None`: the row is
/// not of its form, or `put` gave up; nothing was appended.
pub fn rewrite_row(
    frame: &Frame,
    columns: usize,
    output: &mut BytesMut,
    mut put: impl FnMut(usize, &mut BytesMut, &[u8]) -> Option<()>,
) -> Option<()> {
    let mut body = Reader(frame.body());
    let count = body.count().filter(|count| *count == columns)?;
    let before = output.len();
    let mut whole = Some(());
    framed(output, frame.tag, |row| {
        row.put_i16(i16::try_from(count).unwrap_or(i16::MAX));
        whole = (0..count).try_for_each(|number| match body.value()? {
            None => {
                row.put_i32(-1);
                Some(())
            }
            Some(cell) => put(number, row, cell),
        });
    });
    let whole = whole.filter(|()| body.is_empty());
    if whole.is_none() {
        output.truncate(before);
    }
    whole
}

/// Shows each cell of a row that is not NULL. Returns how many there are, if it is of its form.
pub fn each_cell(frame: &Frame, mut show: impl FnMut(usize, &[u8])) -> Option<usize> {
    let mut body = Reader(frame.body());
    let count = body.count()?;
    for number in 0..count {
        if let Some(cell) = body.value()? {
            show(number, cell);
        }
    }
    body.is_empty().then_some(count)
}

/// Appends a CopyData message with these bytes.
pub fn put_copied(bytes: &[u8], output: &mut BytesMut) {
    framed(output, b'd', |body| body.put_slice(bytes));
}

/// Appends a row of a copy in the binary form, behind its head if that comes with it, of which `put` writes each cell that
/// is not NULL. `None`: it is not of its form, or `put` gave up; nothing was appended.
pub fn rewrite_copied(
    frame: &Frame,
    output: &mut BytesMut,
    mut put: impl FnMut(&mut BytesMut, &[u8]) -> Option<()>,
) -> Option<()> {
    let before = output.len();
    let mut body = Reader(frame.body());
    let mut whole = Some(());
    framed(output, frame.tag, |row| {
        whole = (|| {
            if frame.body().starts_with(COPY_SIGNATURE) {
                row.put_slice(body.take(COPY_HEAD)?);
            }
            let count = body.count()?;
            row.put_i16(i16::try_from(count).ok()?);
            (0..count).try_for_each(|_| match body.value()? {
                None => {
                    row.put_i32(-1);
                    Some(())
                }
                Some(cell) => put(row, cell),
            })
        })();
    });
    let whole = whole.filter(|()| body.is_empty());
    if whole.is_none() {
        output.truncate(before);
    }
    whole
}

/// Appends an error, a notice, a notification or a setting with the words that `write` makes of its own.
pub fn rewrite_words(frame: &Frame, output: &mut BytesMut, mut write: impl FnMut(&[u8], &mut BytesMut)) {
    let mut body = Reader(frame.body());
    framed(output, frame.tag, |to| {
        if matches!(frame.tag, b'A' | b'S') {
            // Who notifies: the number of its process.
            to.put_slice(body.take(if frame.tag == b'A' { 4 } else { 0 }).unwrap_or_default());
            while let Some(words) = body.until_nul() {
                write(words, to);
                to.put_u8(0);
            }
            return;
        }
        while let Some(field) = body.u8().filter(|field| *field != 0) {
            let Some(words) = body.until_nul() else { break };
            to.put_u8(field);
            // Severity, code and place are the server's own.
            if matches!(field, b'S' | b'V' | b'C' | b'P' | b'p' | b'F' | b'L' | b'R') {
                to.put_slice(words);
            } else {
                write(words, to);
            }
            to.put_u8(0);
        }
        to.put_u8(0);
    });
}

/// Appends what stands in the place of `cell`.
pub fn put_cell(put: Put<'_>, cell: &[u8], row: &mut BytesMut) {
    let bytes = match put {
        Put::Keep => cell,
        Put::Text(text) => text,
        Put::Null => return row.put_i32(-1),
    };
    row.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    row.put_slice(bytes);
}

/// The cells of a row of text, for the gateway's own questions.
#[must_use]
pub fn cells(frame: &Frame) -> Option<Vec<Option<&str>>> {
    let mut body = Reader(frame.body());
    let count = body.count()?;
    (0..count)
        .map(|_| match body.value()? {
            None => Some(None),
            Some(bytes) => std::str::from_utf8(bytes).ok().map(Some),
        })
        .collect()
}

/// The tag of a CommandComplete, such as `INSERT 0 1`.
#[must_use]
pub fn tag(frame: &Frame) -> Option<&str> {
    std::str::from_utf8(Reader(frame.body()).until_nul()?).ok()
}

/// The rows that a tag counts.
#[must_use]
pub fn rows_of(tag: &str) -> u64 {
    tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The state of the transaction in a ReadyForQuery.
#[must_use]
pub fn status(frame: &Frame) -> Option<Status> {
    match frame.body() {
        b"I" => Some(Status::Idle),
        b"T" => Some(Status::Open),
        b"E" => Some(Status::Failed),
        _ => None,
    }
}

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// None is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and has failed: only its end is taken.
    Failed,
}

impl Status {
    /// As a ReadyForQuery says it.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Open => b'T',
            Self::Failed => b'E',
        }
    }

    /// The word of the digest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "none",
            Self::Open => "open",
            Self::Failed => "failed",
        }
    }
}

/// A setting that the server reports: its name and value.
#[must_use]
pub fn setting(frame: &Frame) -> Option<(&str, &str)> {
    let mut body = Reader(frame.body());
    let name = std::str::from_utf8(body.until_nul()?).ok()?;
    let value = std::str::from_utf8(body.until_nul()?).ok()?;
    Some((name, value))
}

/// What went wrong, as the server says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether the connection is over.
    pub is_fatal: bool,
    /// SQLSTATE.
    pub code: String,
    /// The server's words, which may hold data.
    pub message: String,
    /// Where in the statement, in characters.
    pub position: String,
}

impl Fault {
    /// Reads an ErrorResponse or NoticeResponse.
    #[must_use]
    pub fn read(frame: &Frame) -> Self {
        let mut body = Reader(frame.body());
        let mut fault = Self { is_fatal: false, code: String::new(), message: String::new(), position: String::new() };
        while let Some(field) = body.u8().filter(|field| *field != 0) {
            let Some(value) = body.until_nul() else { break };
            let value = String::from_utf8_lossy(value).into_owned();
            match field {
                b'V' => fault.is_fatal = matches!(value.as_str(), "FATAL" | "PANIC"),
                b'C' => fault.code = value,
                b'M' => fault.message = value,
                b'P' if value.bytes().all(|byte| byte.is_ascii_digit()) => fault.position = value,
                _ => {}
            }
        }
        fault
    }

    /// The condition, if it is one that the server itself raises: code that runs there may choose any five characters.
    #[must_use]
    pub fn condition(&self) -> Option<(&'static str, &'static str)> {
        CONDITIONS.iter().find(|(code, _)| *code == self.code).copied()
    }

    /// The same fault without anything that data could have got into.
    #[must_use]
    pub fn without_data(&self) -> Report {
        let (code, words) = self.condition().unwrap_or(("XX000", "an error"));
        let severity = if self.is_fatal { Severity::Fatal } else { Severity::Error };
        let report = Report::new(severity, code, format!("the server reports {words}"));
        Report { position: self.position.clone(), ..report }
            .detail("the server's own words are withheld: they may hold classified values")
    }
}

/// Conditions of PostgreSQL's appendix A that a statement meets in everyday use, in our words.
const CONDITIONS: &[(&str, &str)] = &[
    ("08P01", "a violation of the protocol"),
    ("0A000", "a feature that is not supported"),
    ("21000", "more rows than one"),
    ("22001", "a value too long for its type"),
    ("22003", "a number out of range"),
    ("22004", "a NULL that is not allowed"),
    ("22007", "a date or time of invalid form"),
    ("22008", "a date or time out of range"),
    ("2200G", "a mismatch of types"),
    ("22012", "a division by zero"),
    ("22021", "a character outside the encoding"),
    ("22023", "an invalid parameter"),
    ("22P02", "a value of invalid form"),
    ("22P03", "a binary value of invalid form"),
    ("23502", "a NULL in a column that takes none"),
    ("23503", "a violation of a foreign key"),
    ("23505", "a violation of a unique key"),
    ("23514", "a violation of a check"),
    ("23P01", "a violation of an exclusion"),
    ("25001", "a transaction that is open"),
    ("25006", "a transaction that only reads"),
    ("25P01", "that no transaction is open"),
    ("25P02", "a transaction that has failed: commands are ignored until its end"),
    ("26000", "a prepared statement that does not exist"),
    ("34000", "a cursor that does not exist"),
    ("3D000", "a database that does not exist"),
    ("3F000", "a schema that does not exist"),
    ("40001", "a failure to serialise: try the transaction again"),
    ("40P01", "a deadlock: try the transaction again"),
    ("42501", "insufficient privilege of the gateway's role"),
    ("42601", "a syntax error"),
    ("42702", "an ambiguous column"),
    ("42703", "a column that does not exist"),
    ("42704", "an object that does not exist"),
    ("42710", "an object that exists already"),
    ("42725", "an ambiguous function"),
    ("42803", "an error of grouping"),
    ("42804", "a mismatch of types"),
    ("42846", "a cast that is not possible"),
    ("42883", "a function or operator that does not exist"),
    ("42P01", "a table that does not exist"),
    ("42P02", "a parameter that does not exist"),
    ("42P05", "a prepared statement that exists already"),
    ("42P07", "a table that exists already"),
    ("42P08", "an ambiguous parameter"),
    ("42P10", "an invalid reference to a column"),
    ("42P18", "a type that cannot be determined"),
    ("53100", "a full disk"),
    ("53200", "that memory is short"),
    ("53300", "too many connections"),
    ("54001", "a statement that is too complex"),
    ("55000", "an object that is not in the state for it"),
    ("55P03", "a lock that is not to be had"),
    ("57014", "that the statement was cancelled"),
    ("57P01", "that it is shutting down"),
    ("57P02", "a crash of another session"),
    ("57P03", "that it is not ready for connections"),
    ("58030", "an error of its disk"),
];

/// The first number that a server gives to types of others' making (`FirstNormalObjectId`).
pub const FIRST_OF_OTHERS: u32 = 16_384;
const COPY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Bytes of a copy's head: signature, flags, and the length of an extension that no server sends.
const COPY_HEAD: usize = 19;
const TEXT: u32 = 25;
const UNKNOWN: u32 = 705;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn frame(tag: u8, body: &[u8]) -> Frame {
        let mut output = BytesMut::new();
        framed(&mut output, tag, |to| to.put_slice(body));
        Frame { tag, raw: output.freeze() }
    }

    fn row(values: &[Option<&[u8]>]) -> Frame {
        let mut body = BytesMut::new();
        body.put_i16(i16::try_from(values.len()).unwrap());
        for value in values {
            match value {
                None => body.put_i32(-1),
                Some(bytes) => put_cell(Put::Keep, bytes, &mut body),
            }
        }
        frame(b'D', &body)
    }

    #[test]
    fn a_row_is_rewritten_with_new_lengths_and_null_stays_null() {
        let before = row(&[Some(b"1"), Some(b"a@b.example"), None, Some(&[0, 0, 0, 7])]);
        let mut output = BytesMut::new();
        let puts = [Put::Keep, Put::Text(b"[email]"), Put::Text(b"[ssn]"), Put::Null];
        rewrite_row(&before, 4, &mut output, |number, row, cell| {
            put_cell(puts[number], cell, row);
            Some(())
        })
        .unwrap();
        assert_eq!(output.freeze(), row(&[Some(b"1"), Some(b"[email]"), None, None]).raw);
    }

    #[test]
    fn a_row_that_is_cut_or_goes_on_is_not_passed() {
        let whole = row(&[Some(b"1"), Some(b"22")]);
        for cut in 7..whole.raw.len() {
            let mut output = BytesMut::from(&b"before"[..]);
            let cut = frame(b'D', &whole.raw[5..cut]);
            assert_eq!(rewrite_row(&cut, 2, &mut output, |_, _, _| Some(())), None);
            assert_eq!(&output[..], b"before");
        }
        let long = frame(b'D', &[&whole.raw[5..], b"x"].concat());
        assert_eq!(rewrite_row(&long, 2, &mut BytesMut::new(), |_, _, _| Some(())), None);
        assert_eq!(rewrite_row(&whole, 2, &mut BytesMut::new(), |number, _, _| (number < 1).then_some(())), None);
    }

    #[test]
    fn a_row_of_more_or_fewer_columns_than_were_described_is_not_passed() {
        let two = row(&[Some(b"1"), Some(b"987-65-4321")]);
        for (columns, passes) in [(0, false), (1, false), (2, true), (3, false)] {
            let mut output = BytesMut::new();
            let written = rewrite_row(&two, columns, &mut output, |_, row, cell| {
                put_cell(Put::Keep, cell, row);
                Some(())
            });
            assert_eq!((written.is_some(), output.is_empty()), (passes, !passes), "{columns}");
        }
    }

    #[test]
    fn a_description_tells_where_columns_come_from() {
        let mut body = BytesMut::new();
        body.put_i16(1);
        body.put_slice(b"mail\0");
        body.put_u32(16_402);
        body.put_i16(3);
        body.put_u32(25);
        body.put_slice(&[0; 8]);
        let field = Field { name: "mail".to_owned(), table: 16_402, column: 3, kind: 25 };
        assert_eq!(fields(&frame(b'T', &body)), Some(vec![field]));
        assert_eq!(fields(&frame(b'T', &body[..body.len() - 1])), None);
    }

    #[test]
    fn an_error_without_data_keeps_code_and_place_and_no_words_of_the_server() {
        let text = b"SERROR\0VERROR\0C23505\0Mduplicate 987-65-4321\0DKey (ssn)=(987-65-4321)\0P12\0t987-65-4321\0\0";
        let fault = Fault::read(&frame(b'E', text));
        let report = fault.without_data();
        assert_eq!((report.code, report.position.as_str()), ("23505", "12"));
        let mut output = BytesMut::new();
        super::super::message::Said::Report(&report).write(&mut output);
        assert!(!String::from_utf8_lossy(&output).contains("987"));
        let chosen = Fault::read(&frame(b'E', b"CAB987\0P9a\0\0")).without_data();
        assert_eq!((chosen.code, chosen.position.as_str()), ("XX000", ""));
    }

    #[test]
    fn hostile_bytes_are_read_to_an_end() {
        for body in [&b""[..], b"\0", b"V", b"VFATAL", b"C\0\0\0", &[0xff; 9]] {
            let frame = Frame { tag: b'E', raw: Bytes::copy_from_slice(&[&[b'E', 0, 0, 0, 0], body].concat()) };
            assert!(Fault::read(&frame).condition().is_none());
            let read = [fields(&frame).is_some(), cells(&frame).is_some(), tag(&frame).is_some()];
            assert!(read.iter().filter(|read| **read).count() <= 2, "{body:?}");
        }
        assert_eq!(rows_of("INSERT 0 12"), 12);
        assert_eq!(rows_of("CREATE TABLE"), 0);
    }
}
