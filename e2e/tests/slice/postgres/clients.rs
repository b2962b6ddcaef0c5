//! Real client programs and drivers through the door. What they see of a server through a gateway that allows
//! everything, and asks for SCRAM as the server does, is what they see of it directly; at one that denies and holds they are told so in their own ways, wait, are
//! cancelled and go on. The scripts of those that are not written in Rust stand in `e2e/clients`.

mod sqlx;
mod tokio_postgres;

use std::path::{Path, PathBuf};

use e2e::binary::{self, Ran};
use e2e::postgres::{Bank, Login};
use e2e::{Gateway, Held, Site, until};
use tokio::process::Command;

use super::{open, peers::with_password, serve};

#[tokio::test]
async fn psycopg_sees_the_server() {
    sees_the_server(psycopg).await;
}

#[tokio::test]
async fn psycopg_is_denied_waits_and_goes_on() {
    is_denied_waits_and_goes_on(psycopg).await;
}

#[tokio::test]
async fn asyncpg_sees_the_server() {
    sees_the_server(asyncpg).await;
}

#[tokio::test]
async fn asyncpg_is_denied_waits_and_goes_on() {
    is_denied_waits_and_goes_on(asyncpg).await;
}

#[tokio::test]
async fn node_sees_the_server() {
    sees_the_server(node).await;
}

#[tokio::test]
async fn node_is_denied_waits_and_goes_on() {
    is_denied_waits_and_goes_on(node).await;
}

#[tokio::test]
async fn jdbc_sees_the_server() {
    sees_the_server(jdbc).await;
}

#[tokio::test]
async fn jdbc_is_denied_waits_and_goes_on() {
    is_denied_waits_and_goes_on(jdbc).await;
}

#[tokio::test]
async fn tokio_postgres_sees_the_server() {
    let (bank, gateway) = wide().await;
    let seen = tokio_postgres::work(&with_password(&bank)).await;
    bank.execute(AFRESH).await;
    assert_eq!(tokio_postgres::work(&gateway.login("shopkeeper", "bank")).await, seen);
}

#[tokio::test]
async fn tokio_postgres_is_denied_waits_and_goes_on() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let (told, ()) = tokio::join!(tokio_postgres::gated(&login), approve_the_first(&gateway));
    settled(&bank, &told).await;
}

#[tokio::test]
async fn sqlx_sees_the_server() {
    let (bank, gateway) = wide().await;
    let seen = sqlx::work(&with_password(&bank)).await;
    bank.execute(AFRESH).await;
    assert_eq!(sqlx::work(&gateway.login("shopkeeper", "bank")).await, seen);
}

#[tokio::test]
async fn sqlx_is_denied_waits_and_goes_on() {
    let (bank, gateway) = open().await;
    let login = gateway.login("shopkeeper", "bank");
    let (told, ()) = tokio::join!(sqlx::gated(&login), approve_the_first(&gateway));
    settled(&bank, &told).await;
}

#[tokio::test]
async fn psql_sees_the_server() {
    let (bank, gateway) = wide().await;
    let script = std::fs::read_to_string(scripts().join("psql.sql")).expect("the script is there");
    let mut seen = Vec::new();
    for login in [with_password(&bank), gateway.login("shopkeeper", "bank")] {
        bank.execute(AFRESH).await;
        let mut command = login.client("psql");
        command.args(["-X", "-f", "-"]);
        let Ran { code, stdout, stderr } = binary::run(command, &script).await;
        assert!(code == 0 && stdout.ends_with("done\n"), "{stdout}{stderr}");
        seen.push((stdout, stderr));
    }
    assert_eq!(seen[1], seen[0]);
}

#[tokio::test]
async fn pg_dump_tells_what_a_table_is() {
    let (bank, gateway) = wide().await;
    let mut seen = Vec::new();
    for login in [with_password(&bank), gateway.login("shopkeeper", "bank")] {
        let mut command = login.client("pg_dump");
        command.args(["--schema-only", "-t", "orders", "-t", "things"]);
        let dump = binary::run(command, "").await.ok().stdout;
        assert!(dump.contains("CREATE TABLE public.orders") && dump.contains("orders_customer_fkey"), "{dump}");
        // The words that psql must not obey are enclosed in are made up anew each time.
        seen.push(dump.lines().filter(|line| !line.contains("restrict ")).map(str::to_owned).collect::<Vec<_>>());
    }
    assert_eq!(seen[1], seen[0]);
}

/// A client's script, to be run with one more argument: what it shall do.
type Client = fn(&Login) -> Command;

fn psycopg(login: &Login) -> Command {
    python(login, "psycopg_client.py")
}

fn asyncpg(login: &Login) -> Command {
    python(login, "asyncpg_client.py")
}

/// The system's own, for which Debian packages the drivers.
fn python(login: &Login, script: &str) -> Command {
    let mut command = login.command(Path::new("/usr/bin/python3"));
    command.arg("-I").arg(scripts().join(script));
    command
}

fn node(login: &Login) -> Command {
    let mut command = login.command(Path::new("node"));
    command.arg(scripts().join("node_pg.js"));
    command
}

fn jdbc(login: &Login) -> Command {
    let mut command = login.command(Path::new("java"));
    command.args(["-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Duser.timezone=UTC"]);
    command.args(["-cp", "/usr/share/java/postgresql.jar"]).arg(scripts().join("Jdbc.java"));
    command
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

async fn sees_the_server(client: Client) {
    let (bank, gateway) = wide().await;
    let mut seen = Vec::new();
    for login in [with_password(&bank), gateway.login("shopkeeper", "bank")] {
        bank.execute(AFRESH).await;
        let mut command = client(&login);
        command.arg("work");
        let ran = binary::run(command, "").await.ok();
        assert_eq!(ran.stdout.lines().last().map(str::trim), Some("done"), "{ran:?}");
        seen.push(ran.stdout);
    }
    assert_eq!(seen[1], seen[0]);
}

async fn is_denied_waits_and_goes_on(client: Client) {
    let (bank, gateway) = open().await;
    let mut command = client(&gateway.login("shopkeeper", "bank"));
    command.arg("gated");
    let (ran, ()) = tokio::join!(binary::run(command, ""), approve_the_first(&gateway));
    let told: Vec<String> = ran.ok().stdout.lines().map(|line| line.trim().to_owned()).collect();
    settled(&bank, &told).await;
}

/// A gateway that lets agents do everything and see everything, and a table to do it with.
async fn wide() -> (Bank, Gateway) {
    let bank = Bank::open().await;
    bank.execute(THINGS).await;
    serve(bank, |site: Site| site.with_only_rules(EVERYTHING).with_scram_doors()).await
}

/// Waits for the first review and approves it.
async fn approve_the_first(gateway: &Gateway) {
    let grace = gateway.person("grace");
    let review = until("something is held", async || grace.reviews("open").await.into_iter().next()).await;
    let text = |key: &str| review[key].as_str().expect("a review has it").to_owned();
    let held = Held { action: String::new(), review: text("id"), code: text("code") };
    grace.approve(&held).await.ok();
}

/// The client was told the right things, and nothing else ran.
async fn settled(bank: &Bank, told: &[String]) {
    assert_eq!(told, TOLD);
    let effects = bank.texts("SELECT key FROM effects").await;
    assert_eq!(effects, ["approved"]);
}

const TOLD: [&str; 6] = ["denied ZC001", "held 1", "cancelled 57014", "still first", "inside ZC007", "again second"];

const EVERYTHING: &str = r#"
@id("agents-do-everything") permit (principal in Group::"agents", action, resource);
@id("agents-see-everything") permit (principal in Group::"agents", action == Action::"reveal", resource);
"#;

/// A column of every type that drivers have a way of their own with.
const THINGS: &str = "
    CREATE TABLE things (id int PRIMARY KEY, big bigint, exact numeric, words text, truth bool, bytes bytea,
                         at timestamptz, day date, uid uuid, doc json, docb jsonb, ints int[], texts text[]);
";

const AFRESH: &str = "TRUNCATE things";
