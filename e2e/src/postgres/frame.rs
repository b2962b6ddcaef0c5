//! The messages of a PostgreSQL client as bytes: right ones, and the pieces to make wrong ones of.

/// A message: its type, its length, its body.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a message is short");
    with_length(kind, length, body)
}

/// A message that says this of its length, whatever its body.
pub fn with_length(kind: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

/// What comes before the first message: a length and a body that begins with a code, without a type.
pub fn untyped(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a packet is short");
    [length.to_be_bytes().as_slice(), body].concat()
}

/// The start of a session under version 3.0 of the protocol.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    startup_of(3 << 16, parameters)
}

/// The start of a session under any version.
pub fn startup_of(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend(text(name));
        body.extend(text(value));
    }
    body.push(0);
    untyped(&body)
}

/// Asks for TLS.
pub fn ssl_request() -> Vec<u8> {
    untyped(&80_877_103_u32.to_be_bytes())
}

/// Asks for encryption by GSS.
pub fn gss_request() -> Vec<u8> {
    untyped(&80_877_104_u32.to_be_bytes())
}

/// Asks to cancel what a session runs: its process and its secret, as it was told them.
pub fn cancel_request(process_and_secret: &[u8]) -> Vec<u8> {
    untyped(&[&80_877_102_u32.to_be_bytes(), process_and_secret].concat())
}

pub fn password(password: &str) -> Vec<u8> {
    message(b'p', &text(password))
}

/// A simple query.
pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &text(sql))
}

/// Prepares a statement; the server infers the types.
pub fn parse(statement: &str, sql: &str) -> Vec<u8> {
    parse_typed(statement, sql, &[])
}

/// A Parse that says of which types its parameters are, by their numbers.
pub fn parse_typed(statement: &str, sql: &str, types: &[u32]) -> Vec<u8> {
    let types: Vec<u8> = types.iter().flat_map(|kind| kind.to_be_bytes()).collect();
    message(b'P', &[text(statement), text(sql), count(types.len() / 4), types].concat())
}

/// Binds text values, and asks for text results.
pub fn bind(portal: &str, statement: &str, values: &[Option<&str>]) -> Vec<u8> {
    let values: Vec<Option<&[u8]>> = values.iter().map(|value| value.map(str::as_bytes)).collect();
    bind_as(portal, statement, &Values { formats: &[], values: &values, results: &[] })
}

/// What a Bind carries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// Format codes of the values: none, one for all, or one each.
    pub formats: &'a [u16],
    pub values: &'a [Option<&'a [u8]>],
    /// Format codes of the results.
    pub results: &'a [u16],
}

/// Binds values of any format.
pub fn bind_as(portal: &str, statement: &str, values: &Values<'_>) -> Vec<u8> {
    let mut body = [text(portal), text(statement), codes(values.formats), count(values.values.len())].concat();
    for value in values.values {
        let length = value.map_or(-1, |value| i32::try_from(value.len()).expect("a value is short"));
        body.extend(length.to_be_bytes());
        body.extend_from_slice(value.unwrap_or_default());
    }
    body.extend(codes(values.results));
    message(b'B', &body)
}

/// Describes a statement (`S`) or portal (`P`).
pub fn describe(what: u8, name: &str) -> Vec<u8> {
    message(b'D', &[vec![what], text(name)].concat())
}

/// Runs a portal for at most so many rows; 0 for all.
pub fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[text(portal), rows.to_be_bytes().to_vec()].concat())
}

/// Closes a statement (`S`) or portal (`P`).
pub fn close(what: u8, name: &str) -> Vec<u8> {
    message(b'C', &[vec![what], text(name)].concat())
}

pub fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub fn flush() -> Vec<u8> {
    message(b'H', &[])
}

pub fn terminate() -> Vec<u8> {
    message(b'X', &[])
}

/// Calls a function by its number, with text arguments.
pub fn function_call(oid: u32, arguments: &[&str]) -> Vec<u8> {
    let mut body = [oid.to_be_bytes().to_vec(), codes(&[]), count(arguments.len())].concat();
    for argument in arguments {
        body.extend(u32::try_from(argument.len()).expect("short").to_be_bytes());
        body.extend_from_slice(argument.as_bytes());
    }
    body.extend(0_u16.to_be_bytes());
    message(b'F', &body)
}

/// Unnamed Parse, Bind, Describe, Execute of one statement, without Sync.
pub fn statement(sql: &str, values: &[Option<&str>]) -> Vec<u8> {
    [parse("", sql), bind("", "", values), describe(b'P', ""), execute("", 0)].concat()
}

/// A text with its NUL.
pub fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

fn codes(codes: &[u16]) -> Vec<u8> {
    let each = codes.iter().flat_map(|code| code.to_be_bytes());
    count(codes.len()).into_iter().chain(each).collect()
}

fn count(count: usize) -> Vec<u8> {
    u16::try_from(count).expect("a few").to_be_bytes().to_vec()
}
