//! A result far larger than any buffer passes through the gateway, masked or as it is, and the gateway keeps none of it: also
//! while its client does not read.

use e2e::postgres::{Bank, Skim, Wire, frame};
use e2e::{Gateway, Memory, until};

use super::{serve, session};

/// A bank with two large tables, one of which has a class in every row.
async fn open_large() -> (Bank, Gateway) {
    let bank = Bank::open().await;
    for table in ["letters", "sealed_letters"] {
        bank.execute(&format!(
            "CREATE TABLE {table} AS SELECT 1 AS part, i AS id, md5(i::text) AS sender, repeat(md5(i::text), {}) AS body
             FROM generate_series(1, {ROWS}) AS i",
            BODY / 32
        ))
        .await;
    }
    serve(bank, |site| {
        let phone = "\"public.customers.phone\" = \"phone\"";
        site.replace("countersign.toml", phone, &format!("{phone}\n\"public.sealed_letters.sender\" = \"sender\""));
        site
    })
    .await
}

/// Reads a whole table through the gateway, and stops reading for a while on the way.
async fn read_slowly((bank, gateway): (&Bank, &Gateway), table: &str) -> Skim {
    let mut wire: Wire = session(gateway, "bank").await;
    // What a session asks once is no part of the result.
    wire.query(&format!("SELECT id, sender FROM {table} WHERE id = 1")).await.ok();
    let before = Memory::of_now(gateway.pid());
    let grown = |now: u64, when: &str| {
        let grown = now.saturating_sub(before.resident);
        assert!(grown <= MOST_KIB, "{table}, {when}: the gateway has {grown} KiB more than before");
    };
    let mut skim = Skim::new();
    wire.send(&frame::query(&format!("SELECT id, sender, body FROM {table} WHERE part = 1"))).await;
    while skim.bytes < 1 << 20 && wire.skim(&mut skim).await {}
    until_stalled(bank).await;
    grown(Memory::of(gateway.pid()).resident, "while nobody reads");
    while wire.skim(&mut skim).await {}
    grown(Memory::of(gateway.pid()).peak, "at most");
    assert_eq!((skim.rows, skim.rest.tags()), (ROWS, vec![format!("SELECT {ROWS}")]), "{}", skim.rest);
    skim
}

/// Waits until the server has not got rid of anything for a while: nobody takes more from it.
async fn until_stalled(bank: &Bank) {
    let mut superuser = Wire::open(&bank.server.superuser(&bank.name)).await;
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND client_addr IS NOT NULL AND state = 'active'
         AND wait_event = 'ClientWrite'",
        bank.name
    );
    let mut in_a_row = 0;
    until("the server waits for its client", async || {
        in_a_row = if superuser.query(&waiting).await.texts() == ["1"] { in_a_row + 1 } else { 0 };
        (in_a_row == 30).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_large_result_passes_without_being_kept_and_at_its_readers_pace() {
    let (bank, gateway) = open_large().await;
    let open = read_slowly((&bank, &gateway), "letters").await;
    assert!(open.bytes > ROWS * BODY, "{} bytes came", open.bytes);
    let masked = read_slowly((&bank, &gateway), "sealed_letters").await;
    // `[sender]` in the place of 32 letters.
    assert_eq!(open.bytes - masked.bytes, ROWS * (32 - 8));
    // Of so many random digits some may look like something.
    let is_masked = |end: &e2e::log::Record| end.leaf.get("masked").is_some() && end.opened("masked")["sender"] == ROWS;
    let masks = || gateway.site.log().of_kind("run-ended").iter().any(is_masked);
    until("what was masked is on the record", async || masks().then_some(())).await;
}

/// Rows of a table: 256 MiB in all.
const ROWS: u64 = 32 << 10;
/// Bytes of the long text in a row; the server keeps them compressed.
const BODY: u64 = 8 << 10;
/// The most that the gateway may have beside what it had before, in KiB.
const MOST_KIB: u64 = 16 << 10;
