//! Bytes that are no message, or hostile ones: each ends in an error in PostgreSQL's own form, takes no memory on credit,
//! and is felt by nobody else.

use e2e::Gateway;
use e2e::postgres::{Answer, Message, Wire, frame};

use super::{open, session, still_serves};

/// A connection on which nothing was said yet.
async fn knock(gateway: &Gateway) -> Wire {
    Wire::connect(&gateway.login("shopkeeper", "bank")).await.expect("it listens")
}

/// The last word before the connection ended: PostgreSQL's own for a violation of its protocol, and nothing else.
#[track_caller]
fn violated(what: &str, messages: Vec<Message>) {
    let answer = Answer { messages, closed: true };
    assert_eq!(answer.kinds(), "E", "{what}: {answer}");
    let error = answer.refused_with("08P01");
    assert_eq!(error.severity(), "FATAL", "{what}: {error}");
}

/// First packets that are none.
fn first_packets() -> Vec<(&'static str, Vec<u8>)> {
    let lawful = [("user", "shopkeeper"), ("database", "bank")];
    let announced = |length: u32| [length.to_be_bytes(), (3_u32 << 16).to_be_bytes()].concat();
    let huge = "x".repeat(1 << 20);
    let many: Vec<(String, String)> = (0..5_000).map(|number| (format!("key{number}"), "v".to_owned())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let unterminated = frame::untyped(&[&(3_u32 << 16).to_be_bytes(), &b"user\0shopkeeper\0"[..]].concat());
    let invalid = frame::untyped(&[&(3_u32 << 16).to_be_bytes(), &b"user\0\xff\xfe\0\0"[..]].concat());
    vec![
        ("a length of 4 GiB", announced(u32::MAX)),
        ("a length of 2 GiB", announced(i32::MAX.unsigned_abs())),
        ("a length of 0", announced(0)),
        ("a length of 3", announced(3)),
        ("a length of 4", 4_u32.to_be_bytes().to_vec()),
        ("a length of 7", announced(7)),
        ("a huge user", frame::startup(&[("user", &huge), ("database", "bank")])),
        ("thousands of parameters", frame::startup(&many)),
        ("version 2", frame::startup_of(2 << 16, &lawful)),
        ("version 4", frame::startup_of(4 << 16, &lawful)),
        ("an unknown request code", frame::untyped(&80_877_199_u32.to_be_bytes())),
        ("a request for TLS with a tail", frame::untyped(&[&80_877_103_u32.to_be_bytes(), &b"tail"[..]].concat())),
        ("no terminator", unterminated),
        ("invalid UTF-8", invalid),
        ("a name without a value", frame::untyped(&[&(3_u32 << 16).to_be_bytes(), &b"user\0"[..]].concat())),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: bank\r\n\r\n".to_vec()),
        ("TLS at once", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("zeros", vec![0; 64]),
        ("a query before the login", frame::query("SELECT 1")),
    ]
}

#[tokio::test]
async fn a_first_packet_that_is_none_ends_the_connection() {
    let (_bank, mut gateway) = open().await;
    let mut bystander = session(&gateway, "bank").await;
    for (what, bytes) in first_packets() {
        let mut wire = knock(&gateway).await;
        wire.send(&bytes).await;
        violated(what, wire.closed().await);
        assert_eq!(bystander.query("SELECT 1").await.ok().texts(), ["1"], "{what}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux tells");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kilobytes: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 500_000, "{kilobytes} kB are in use");
    still_serves(&mut gateway, "first packets that are none").await;
}

#[tokio::test]
async fn a_first_packet_that_breaks_off_ends_with_its_connection() {
    let (_bank, mut gateway) = open().await;
    let whole = frame::startup(&[("user", "shopkeeper"), ("database", "bank")]);
    for cut in 0..whole.len() {
        let mut wire = knock(&gateway).await;
        wire.send(&whole[..cut]).await;
        wire.hang_up().await;
        assert_eq!(wire.closed().await, [], "cut at {cut}: who hung up is told nothing");
    }
    still_serves(&mut gateway, "first packets that break off").await;
}

#[tokio::test]
async fn encryption_is_negotiated_once_and_a_session_follows() {
    let (_bank, mut gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let start = frame::startup(&[("user", "shopkeeper"), ("database", "bank")]);
    // This door has no certificate: both are declined, and plain text on loopback goes on.
    for requests in
        [vec![frame::gss_request()], vec![frame::ssl_request()], vec![frame::gss_request(), frame::ssl_request()]]
    {
        let mut wire = knock(&gateway).await;
        for request in requests {
            wire.send(&request).await;
            assert_eq!(wire.byte().await, Some(b'N'));
        }
        wire.send(&start).await;
        wire.authenticate(&login.password).await.expect("a session");
        assert_eq!(wire.query("SELECT 1").await.ok().texts(), ["1"]);
    }
    for request in [frame::ssl_request(), frame::gss_request()] {
        let mut wire = knock(&gateway).await;
        wire.send(&request).await;
        assert_eq!(wire.byte().await, Some(b'N'));
        wire.send(&request).await;
        violated("encryption is asked for twice", wire.closed().await);
    }
    still_serves(&mut gateway, "negotiations").await;
}

/// An unknown minor version, or an option of the protocol, is answered with what there is instead.
#[tokio::test]
async fn a_newer_protocol_is_negotiated_down() {
    let (_bank, mut gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let lawful = [("user", "shopkeeper"), ("database", "bank")];
    for start in
        [frame::startup_of((3 << 16) + 99, &lawful), frame::startup(&[lawful[0], lawful[1], ("_pq_.unheard_of", "1")])]
    {
        let mut wire = knock(&gateway).await;
        wire.send(&start).await;
        let first = wire.receive().await.expect("an answer");
        assert_eq!(first.kind, b'v', "it is not negotiated: {first:?}");
        wire.authenticate(&login.password).await.expect("a session");
        assert_eq!(wire.query("SELECT 1").await.ok().texts(), ["1"]);
    }
    still_serves(&mut gateway, "a newer protocol").await;
}

#[tokio::test]
async fn what_is_no_password_ends_the_connection() {
    let (_bank, mut gateway) = open().await;
    let token = gateway.site.token("shopkeeper").to_owned();
    for (what, bytes) in [
        ("4 GiB announced", frame::with_length(b'p', u32::MAX, b"x")),
        ("1 GiB announced", frame::with_length(b'p', 1 << 30, b"x")),
        ("a length of 3", frame::with_length(b'p', 3, b"")),
        ("no terminator", frame::message(b'p', token.as_bytes())),
        ("empty", frame::message(b'p', b"")),
        ("NUL inside", frame::message(b'p', &[&frame::text(&token)[..], b"x\0"].concat())),
        ("a megabyte", frame::password(&"x".repeat(1 << 20))),
        ("a query in its place", frame::query("SELECT 1")),
        ("another start", frame::startup(&[("user", "shopkeeper")])),
        ("a termination", frame::terminate()),
    ] {
        let mut wire = knock(&gateway).await;
        wire.send(&frame::startup(&[("user", "shopkeeper"), ("database", "bank")])).await;
        assert_eq!(wire.receive().await.expect("it is asked").kind, b'R');
        wire.send(&bytes).await;
        violated(what, wire.closed().await);
    }
    // This one is well formed, and wrong.
    let mut wire = knock(&gateway).await;
    wire.send(&frame::startup(&[("user", "shopkeeper"), ("database", "bank")])).await;
    assert_eq!(wire.receive().await.expect("it is asked").kind, b'R');
    wire.exchange(&frame::message(b'p', b"\xff\xfe\0")).await.refused_with("28P01");
    still_serves(&mut gateway, "passwords that are none").await;
}

#[tokio::test]
async fn bytes_out_of_step_end_their_session_and_no_other() {
    let (bank, mut gateway) = open().await;
    let mut bystander = session(&gateway, "bank").await;
    let before = bank.everything().await;
    let text = frame::text("SELECT 1");
    for (what, bytes) in [
        ("a length of 0", frame::with_length(b'Q', 0, &text)),
        ("a length of 3", frame::with_length(b'Q', 3, &text)),
        ("a length of 4 GiB", frame::with_length(b'Q', u32::MAX, &text)),
        ("a length of 2 GiB", frame::with_length(b'Q', i32::MAX.unsigned_abs(), &text)),
        ("a length of 1 GiB", frame::with_length(b'P', 1 << 30, &text)),
        ("a sync of 1 MiB", frame::with_length(b'S', 1 << 20, &text)),
        ("an unknown type", frame::message(b'z', &text)),
        ("type 0", frame::message(0, &text)),
        ("type 255", frame::message(255, &text)),
        ("a server's message", frame::message(b'T', &[0, 0])),
        ("a second start", frame::startup(&[("user", "shopkeeper")])),
        ("a request for TLS", frame::ssl_request()),
        ("a second password", frame::password("x")),
    ] {
        let mut wire = session(&gateway, "bank").await;
        wire.send(&[bytes, frame::sync(), frame::query("SELECT 7")].concat()).await;
        violated(what, wire.closed().await);
        assert_eq!(bystander.query("SELECT 1").await.ok().texts(), ["1"], "{what}");
    }
    assert_eq!(bank.everything().await, before);
    still_serves(&mut gateway, "bytes out of step").await;
}

#[tokio::test]
async fn a_message_that_breaks_off_ends_with_its_session() {
    let (bank, mut gateway) = open().await;
    let write = e2e::shop::insert("broken off");
    let frames =
        [frame::statement("INSERT INTO effects VALUES ($1)", &[Some("broken off")]), frame::query(&write)].concat();
    for cut in (0..frames.len()).step_by(7) {
        let mut wire = session(&gateway, "training").await;
        wire.send(&frames[..cut]).await;
        wire.hang_up().await;
        let messages = wire.closed().await;
        assert_eq!(messages, [], "cut at {cut}");
    }
    assert_eq!(bank.effects("broken off").await, 0);
    let mut wire = session(&gateway, "bank").await;
    wire.send(&frame::terminate()).await;
    assert_eq!(wire.closed().await, []);
    still_serves(&mut gateway, "messages that break off").await;
}

/// Messages that are whole and wrong inside, each with its SQLSTATE: refused, and the session goes on.
fn wrong_inside() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let empty = frame::text("");
    let bind = |rest: &[u8]| frame::message(b'B', &[&empty[..], &empty[..], rest].concat());
    vec![
        ("a query without its NUL", "08P01", frame::message(b'Q', b"SELECT 1")),
        ("an empty query body", "08P01", frame::message(b'Q', b"")),
        ("a NUL inside", "08P01", frame::message(b'Q', b"SELECT 1\0; DELETE FROM orders\0")),
        ("two NULs", "08P01", frame::message(b'Q', b"SELECT 1\0\0")),
        ("invalid UTF-8", "22021", frame::message(b'Q', b"SELECT '\xff'\0")),
        ("half a letter", "22021", frame::message(b'Q', b"SELECT '\xc3'\0")),
        ("an overlong NUL", "22021", frame::message(b'Q', b"SELECT '\xc0\x80'\0")),
        ("a surrogate", "22021", frame::message(b'Q', b"SELECT '\xed\xa0\x80'\0")),
        ("invalid UTF-8 in a Parse", "22021", frame::message(b'P', b"\0SELECT '\xff'\0\0\0")),
        ("a Parse without a text", "08P01", frame::message(b'P', b"name\0")),
        ("a Parse that promises types", "08P01", frame::message(b'P', b"\0SELECT 1\0\xff\xff")),
        ("a Parse with a tail", "08P01", frame::message(b'P', b"\0SELECT 1\0\0\0tail")),
        ("a Bind that promises values", "08P01", bind(&[0, 0, 0xff, 0xff])),
        ("a Bind with a negative length", "08P01", bind(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 0])),
        ("a Bind with a huge length", "08P01", bind(&[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, b'x'])),
        ("a Bind with a negative count", "08P01", bind(&[0x80, 0, 0, 0, 0, 0])),
        ("a Bind with a tail", "08P01", bind(&[0, 0, 0, 0, 0, 0, 1])),
        ("a Bind of nothing", "08P01", frame::message(b'B', b"")),
        ("a Describe of a third thing", "08P01", frame::message(b'D', b"X\0")),
        ("a Describe of nothing", "08P01", frame::message(b'D', b"")),
        ("a Close of a third thing", "08P01", frame::message(b'C', b"X\0")),
        ("an Execute without rows", "08P01", frame::message(b'E', b"\0")),
        ("a Sync with a body", "08P01", frame::message(b'S', b"x")),
        ("a function call of nothing", "0A000", frame::message(b'F', b"")),
    ]
}

#[tokio::test]
async fn messages_that_are_wrong_inside_are_refused() {
    let (bank, mut gateway) = open().await;
    let mut bystander = session(&gateway, "bank").await;
    let before = bank.everything().await;
    for (what, sqlstate, bytes) in wrong_inside() {
        let answers_itself = matches!(bytes.first(), Some(b'Q' | b'F'));
        let mut wire = session(&gateway, "training").await;
        let answer = wire.exchange(&[bytes, frame::sync()].concat()).await;
        assert_eq!(answer.kinds(), "EZ", "{what}: {answer}");
        let error = answer.refused_with(sqlstate);
        assert_eq!(error.severity(), "ERROR", "{what}: {error}");
        if answers_itself {
            assert_eq!(wire.answer().await.kinds(), "Z", "{what}: the Sync behind it is not answered");
        }
        assert_eq!(wire.query("SELECT 'in step'").await.ok().texts(), ["in step"], "{what}");
        assert_eq!(bystander.query("SELECT 1").await.ok().texts(), ["1"], "{what}");
    }
    assert_eq!(bank.everything().await, before);
    still_serves(&mut gateway, "messages that are wrong inside").await;
}

#[tokio::test]
async fn texts_that_are_too_much_are_refused_and_the_session_goes_on() {
    let (bank, mut gateway) = open().await;
    let nested =
        |open: &str, close: &str, depth: usize| format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
    let mut wire = session(&gateway, "bank").await;
    let mut bystander = session(&gateway, "bank").await;
    for (what, text) in [
        ("10,000 statements", "SELECT 1;".repeat(10_000)),
        ("10,000 writes", format!("{};", e2e::shop::insert("many")).repeat(10_000)),
        ("50,000 parentheses", nested("(", ")", 50_000)),
        ("50,000 open parentheses", nested("(", "", 50_000)),
        ("20,000 subqueries", nested("(SELECT ", ")", 20_000)),
        ("50,000 NOT", nested("NOT ", "", 50_000)),
        ("50,000 casts", nested("", "::int", 50_000)),
        ("50,000 brackets", nested("ARRAY[", "]", 50_000)),
        ("20,000 UNION", format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000))),
        ("20,000 nested comments", format!("{}{} SELECT 1", "/*".repeat(20_000), "*/".repeat(20_000))),
        ("2 MiB of text", format!("SELECT '{}'", "x".repeat(2 << 20))),
        ("2 MiB of spaces", format!("SELECT 1{}", " ".repeat(2 << 20))),
    ] {
        for frames in [frame::query(&text), [frame::statement(&text, &[]), frame::sync()].concat()] {
            let answer = wire.exchange(&frames).await;
            assert!(answer.cells().is_empty() || what.contains("comments"), "{what} ran: {}", answer.kinds());
            assert!(!answer.closed, "{what}: {answer}");
            assert!(answer.error().is_some() || what.contains("comments"), "{what}");
            assert_eq!(wire.query("SELECT 2").await.ok().texts(), ["2"], "{what}");
            assert_eq!(bystander.query("SELECT 3").await.ok().texts(), ["3"], "{what}");
        }
    }
    assert_eq!(bank.effects("many").await, 0);
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
    still_serves(&mut gateway, "texts that are too much").await;
}

#[tokio::test]
async fn a_pipeline_without_end_is_bounded() {
    let (bank, mut gateway) = open().await;
    let mut wire = session(&gateway, "training").await;
    let one = frame::statement("INSERT INTO effects VALUES ($1)", &[Some(&"x".repeat(100_000))]);
    for _ in 0..1_000 {
        wire.send(&one).await;
    }
    let answer = wire.exchange(&frame::sync()).await;
    assert_eq!(answer.kinds(), "EZ", "a pipeline of 100 MB: {answer}");
    answer.refused_with("54001");
    assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0);
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("Linux tells");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 500_000, "{kilobytes} kB were in use");
    still_serves(&mut gateway, "a pipeline without end").await;
}

#[tokio::test]
async fn a_cancel_request_that_names_no_session_is_not_answered_and_one_that_is_none_is_refused() {
    let (_bank, mut gateway) = open().await;
    let wire = session(&gateway, "bank").await;
    for key in [vec![0; 8], vec![0xff; 8]] {
        let mut other = knock(&gateway).await;
        other.send(&frame::cancel_request(&key)).await;
        assert_eq!(other.closed().await, [], "{key:?}");
    }
    for key in [vec![], vec![0; 4], vec![0; 300], wire.key[..4].to_vec(), vec![0; 20_000]] {
        let mut other = knock(&gateway).await;
        other.send(&frame::cancel_request(&key)).await;
        violated("a cancel request without number and key", other.closed().await);
    }
    still_serves(&mut gateway, "cancel requests").await;
}
