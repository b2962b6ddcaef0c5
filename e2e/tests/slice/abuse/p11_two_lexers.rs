//! P11: the gateway's lexer is made to disagree with the server's. What the server would run as a write never runs
//! unasked; what it reads as a string or a comment runs as the read it is, or is refused; settings that move the lexer
//! cannot be set.

use e2e::postgres::{Bank, frame};

use super::verified;
use crate::postgres::{open, session};

/// Texts with an INSERT that may be code, string or comment: the server says which.
const TEXTS: [&str; 26] = [
    "SELECT 'it''s'; INSERT INTO effects VALUES ('x') --'",
    "SELECT 'it\\'; INSERT INTO effects VALUES ('x') --'",
    "SELECT E'it\\'; INSERT INTO effects VALUES (1) --'",
    "SELECT E'it\\\\'; INSERT INTO effects VALUES ('x') --'",
    "SELECT $$; INSERT INTO effects VALUES ('x'); $$",
    "SELECT $a$ $b$ $a$; INSERT INTO effects VALUES ('x'); --$b$",
    "SELECT $a$ $A$; INSERT INTO effects VALUES ('x'); $a$",
    "SELECT 1 $1$; INSERT INTO effects VALUES ('x'); $1$",
    "SELECT 1; /* /* */ INSERT INTO effects VALUES ('x'); */",
    "SELECT 1; /* -- */ INSERT INTO effects VALUES ('x'); --*/",
    "SELECT 1; -- /*\nINSERT INTO effects VALUES ('x'); --*/",
    "SELECT 1; --\rINSERT INTO effects VALUES ('x')",
    "SELECT 1; --\u{b}INSERT INTO effects VALUES ('x')",
    "SELECT 1; --\u{2028}INSERT INTO effects VALUES ('x')",
    "SELECT 1; --\u{85}INSERT INTO effects VALUES ('x')",
    "SELECT 1;\u{a0}INSERT INTO effects VALUES ('x')",
    "SELECT 1;\u{feff}INSERT INTO effects VALUES ('x')",
    "SELECT \"a\"\"; INSERT INTO effects VALUES ('x'); --\" FROM (SELECT 1 AS \"a\"\"; INSERT INTO effects VALUES ('x'); --\") s",
    "SELECT U&'d\\0061'';INSERT INTO effects VALUES (1);--'",
    "SELECT U&'d!0061' UESCAPE '!'; INSERT INTO effects VALUES ('x')",
    "SELECT U&\"\\0078\" FROM (SELECT 1 AS x) s; INSERT INTO effects VALUES ('x')",
    "SELECT 'a'\n'b; INSERT INTO effects VALUES (1); --'",
    "SELECT 'a' -- c\n'; INSERT INTO effects VALUES (1); --'",
    "SELECT B'1'; INSERT INTO effects VALUES ('x')",
    "INSERT INTO effects SELECT 'x' WHERE 'a' = 'a' --'",
    "SELECT 1 /*! ; INSERT INTO effects VALUES ('x') */",
];

/// How many rows a text writes when nobody stands in between.
async fn writes(bank: &Bank, text: &str) -> i64 {
    bank.execute("DELETE FROM effects").await;
    bank.direct().await.query(text).await;
    let written = bank.number("SELECT count(*) FROM effects").await;
    bank.execute("DELETE FROM effects").await;
    written
}

#[tokio::test]
async fn what_the_server_would_write_never_runs_unasked() {
    let (bank, gateway) = open().await;
    let (mut writing, mut reading) = (0, 0);
    for text in TEXTS {
        let really = writes(&bank, text).await;
        let mut wire = session(&gateway, "bank").await;
        wire.send(&frame::query(text)).await;
        let mut kinds = String::new();
        while let Some(message) = wire.receive().await {
            kinds.push(char::from(message.kind));
            if message.kind == b'N' || message.kind == b'Z' {
                break;
            }
        }
        assert_eq!(bank.number("SELECT count(*) FROM effects").await, 0, "it ran: {text}");
        if really > 0 {
            writing += 1;
            assert!(kinds.ends_with('N') || kinds.contains('E'), "taken for a read: {text}: {kinds}");
        } else {
            reading += 1;
            assert!(!kinds.ends_with('N'), "somebody was asked for a read: {text}");
        }
    }
    assert!(writing >= 8 && reading >= 8, "{writing} write, {reading} do not");
    verified(&gateway).await;
}

#[tokio::test]
async fn settings_that_move_the_lexer_stay() {
    let (bank, gateway) = open().await;
    let hides = "SELECT 'a\\''; INSERT INTO effects VALUES ('x') --'";
    let mut direct = bank.direct().await;
    direct.query(hides).await.refused();
    direct.query("SET standard_conforming_strings = off").await.ok();
    direct.query(hides).await.ok();
    assert_eq!(bank.effects("x").await, 1, "a dead exploit");
    let mut wire = session(&gateway, "bank").await;
    for setting in [
        "SET standard_conforming_strings = off",
        "SET LOCAL standard_conforming_strings TO 'off'",
        "SET \"standard_conforming_strings\" = off",
        "SET backslash_quote = on",
        "SET client_encoding = 'SJIS'",
        "SET NAMES 'GBK'",
        "SELECT set_config('standard_conforming_strings', 'off', false)",
        "BEGIN; SET standard_conforming_strings = off; COMMIT",
    ] {
        wire.query(setting).await.refused();
    }
    assert_eq!(wire.query("SHOW standard_conforming_strings").await.ok().texts(), ["on"]);
    assert_eq!(wire.query("SHOW client_encoding").await.ok().texts(), ["UTF8"]);
    wire.query(hides).await.refused();
    assert_eq!(bank.effects("x").await, 1);
    verified(&gateway).await;
}
