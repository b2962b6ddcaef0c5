//! P14: files, programs and the server itself: COPY to a program or file, functions that read and write files,
//! extensions, settings of the server. A read-only transaction is no guard; the gateway refuses them all.

use e2e::postgres::frame;

use super::refusals_on_the_record;
use crate::postgres::{open, refused, session};

#[tokio::test]
async fn no_statement_reaches_the_servers_files_or_programs() {
    let (bank, gateway) = open().await;
    let written = |name: &str| bank.server.file(&format!("{}-{name}", bank.name));
    let all = |name: &str| {
        let file = written(name);
        let file = file.display();
        [
            format!("COPY orders TO PROGRAM 'cat > {file}'"),
            format!("BEGIN READ ONLY; COPY orders TO PROGRAM 'cat > {file}'; COMMIT"),
            format!("COPY orders TO '{file}'"),
            format!("COPY (SELECT 1) TO '{file}' (FORMAT csv)"),
            format!("SELECT lo_create(4711); SELECT lo_export(4711, '{file}')"),
        ]
    };
    for statement in all("straight") {
        std::fs::remove_file(written("straight")).unwrap_or_default();
        bank.direct().await.query(&statement).await.ok();
        assert!(written("straight").exists(), "a dead exploit: {statement}");
    }
    let reads = [
        "SELECT pg_read_file('pg_hba.conf')",
        "CREATE TEMP TABLE t (line text); COPY t FROM '/etc/passwd'; SELECT line FROM t",
        "CREATE TEMP TABLE t (line text); COPY t FROM PROGRAM 'cat /etc/passwd'; SELECT line FROM t",
        "SELECT pg_ls_dir('.')",
    ];
    for statement in reads {
        assert!(!bank.direct().await.query(statement).await.ok().texts().is_empty(), "a dead exploit: {statement}");
    }
    let more = [
        "COPY effects FROM '/etc/passwd'",
        "COPY effects FROM PROGRAM 'cat /etc/passwd'",
        "SELECT pg_read_binary_file('pg_hba.conf')",
        "SELECT pg_stat_file('pg_hba.conf')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
        "SELECT pg_reload_conf()",
        "SELECT pg_switch_wal()",
        "SELECT pg_rotate_logfile()",
        "ALTER SYSTEM SET archive_command = 'true'",
        "LOAD 'auto_explain'",
        "CREATE EXTENSION file_fdw",
        "CREATE LANGUAGE plperlu",
        "SELECT * FROM pg_logical_slot_get_changes('s', NULL, NULL)",
        "SELECT * FROM pg_hba_file_rules()",
        "SELECT * FROM pg_ls_logdir()",
    ];
    let all: Vec<String> = all("through").into_iter().chain(reads.into_iter().chain(more).map(str::to_owned)).collect();
    for target in ["bank", "training"] {
        let mut wire = session(&gateway, target).await;
        for statement in &all {
            refused(&mut wire, statement, &frame::query(statement)).await;
            refused(&mut wire, statement, &[frame::statement(statement, &[]), frame::sync()].concat()).await;
            assert!(!bank.was_told(statement), "it went upstream: {statement}");
        }
        wire.query("SELECT note FROM orders WHERE id = 1").await.ok();
    }
    assert!(!written("through").exists(), "a statement wrote a file");
    assert!(refusals_on_the_record(&gateway).await.len() >= 2 * all.len());
}
