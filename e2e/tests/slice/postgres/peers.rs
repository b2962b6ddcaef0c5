//! The real peers without a gateway: what the other tests here lean on holds by itself.

use e2e::postgres::{Bank, Login, Psql, Wire, frame, pgbench, psql};
use e2e::shop::insert;
use e2e::until;

/// The gateway's own login, as the gateway would make it: over TCP, with a password.
pub(super) fn with_password(bank: &Bank) -> Login {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], bank.server.port));
    Login::tcp(address, "gateway", &bank.server.password, &bank.name)
}

#[tokio::test]
async fn psql_comes_in_with_the_right_password_and_trusts_the_right_authority() {
    let bank = Bank::open().await;
    let login = with_password(&bank);
    assert_eq!(psql::run(&login, "SELECT 1").await.ok().stdout, "1\n");
    assert!(bank.was_told("statement: SELECT 1") && !bank.was_told("SELECT 2"));
    psql::run(&login.clone().password("wrong"), "SELECT 2").await.exits(2);
    let verified = login.verified_by(&bank.server.file("ca.pem"));
    let ssl = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert!(psql::run(&verified, ssl).await.ok().stdout.starts_with("t|TLSv1."));
    let other = tempfile::tempdir().expect("a folder");
    e2e::postgres::Authority::new().write(other.path());
    let ran = psql::run(&verified.verified_by(&other.path().join("ca.pem")), ssl).await.exits(2);
    assert!(ran.stderr.contains("certificate verify failed"), "{ran:?}");
}

#[tokio::test]
async fn an_open_psql_tells_as_it_goes_and_is_interrupted() {
    let bank = Bank::open().await;
    let mut psql = Psql::open(&bank.direct_login());
    psql.say("DO $$ BEGIN RAISE NOTICE 'it waits'; PERFORM pg_sleep(60); END $$;").await;
    let told = psql.until_told("it waits").await;
    assert!(told.starts_with("psql:<stdin>:1: NOTICE:  it waits"), "{told}");
    psql.interrupt().await;
    let ran = psql.ended().await;
    assert!(ran.stderr.contains("canceling statement due to user request"), "{ran:?}");
    let mut psql = Psql::open(&bank.direct_login());
    psql.say(&format!("{};", insert("said"))).await;
    psql.until_shown("INSERT 0 1").await;
    psql.say("SELECT nothing;\n\\echo :LAST_ERROR_SQLSTATE").await;
    psql.until_shown("42703").await;
    assert_eq!(psql.ended().await.code, 0);
    assert_eq!(bank.effects("said").await, 1);
}

#[tokio::test]
async fn the_wire_speaks_both_protocols() {
    let bank = Bank::open().await;
    let mut wire = bank.direct().await;
    let answer = wire.query("SELECT id, note FROM orders ORDER BY id").await.ok();
    assert_eq!(answer.rows()[2], [Some("3".to_owned()), None]);
    assert_eq!((answer.kinds().as_str(), answer.status()), ("TDDDCZ", Some('I')));
    let frames = [frame::statement("INSERT INTO effects VALUES ($1)", &[Some("bound")]), frame::sync()].concat();
    let answer = wire.exchange(&frames).await.ok();
    assert_eq!((answer.kinds().as_str(), answer.tags()), ("12nCZ", vec!["INSERT 0 1".to_owned()]));
    let values = frame::Values { formats: &[1], values: &[Some(&2_i32.to_be_bytes())], results: &[1] };
    let binary = frame::bind_as("", "", &values);
    let parse = frame::parse("", "SELECT id FROM orders WHERE id = $1");
    let answer = wire.exchange(&[parse, binary, frame::execute("", 0), frame::sync()].concat()).await.ok();
    assert_eq!(answer.cells(), [[Some(2_i32.to_be_bytes().to_vec())]]);
    let refused = wire.query("SELECT nothing").await.refused_with("42703");
    assert_eq!(refused.severity(), "ERROR");
    assert!(wire.parameters.contains_key("server_version") && wire.key.len() == 8, "{wire:?}");
    wire.send(&frame::terminate()).await;
    assert_eq!(wire.closed().await, []);
}

#[tokio::test]
async fn pgbench_runs_in_every_mode() {
    let bank = Bank::open().await;
    bank.make_accounts().await;
    for mode in ["simple", "extended", "prepared"] {
        let ran = pgbench::run(&bank.direct_login(), &["-n", "-S", "-M", mode, "-c", "2", "-t", "5"]).await.ok();
        assert_eq!(pgbench::transactions(&ran), (10, 0), "{ran:?}");
    }
}

#[tokio::test]
async fn the_gateways_role_may_enough_to_make_exploits_work() {
    let bank = Bank::open().await;
    assert_eq!(bank.texts("SELECT rolsuper FROM pg_roles WHERE rolname = 'gateway'").await, ["f"]);
    let hosts = bank.execute("SELECT pg_read_file('pg_hba.conf')").await.texts();
    assert!(hosts[0].contains("scram-sha-256"), "{hosts:?}");
    assert!(bank.execute("SELECT * FROM locked_away").await.texts().is_empty());
    let unlocked = bank.direct().await.query("SET ROLE vault; SELECT * FROM locked_away").await.ok();
    assert_eq!(unlocked.texts(), ["for the vault only"]);
    assert!(bank.canaries.heard(bank.gives("SELECT * FROM customers").await.as_bytes()).is_some());
}

#[tokio::test]
async fn a_server_of_ones_own_dies_comes_back_and_leaves_nothing() {
    let bank = Bank::alone().await;
    let mut wire = bank.direct().await;
    bank.server.kill().await;
    assert!(wire.query("SELECT 1").await.closed);
    bank.server.restart().await;
    bank.execute(&insert("after the crash")).await;
    assert_eq!(bank.effects("after the crash").await, 1);
    let (folder, login) = (bank.server.file(""), bank.direct_login());
    drop(bank);
    until("its folder is gone", async || (!folder.exists()).then_some(())).await;
    assert!(Wire::connect(&login).await.is_err());
}
