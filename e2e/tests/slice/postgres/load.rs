//! `pgbench -S` through the gateway in every mode of its protocol: no transaction fails, and every one is on record.

use e2e::postgres::pgbench;

use super::open;

async fn runs(mode: &str) {
    let (bank, gateway) = open().await;
    bank.make_accounts().await;
    let login = gateway.login("shopkeeper", "bank");
    let arguments = ["-n", "-S", "-M", mode, "-c", "4", "-j", "2", "-t", "50"];
    let ran = pgbench::run(&login, &arguments).await.ok();
    assert_eq!(pgbench::transactions(&ran), (200, 0), "{ran:?}");
    assert!(gateway.site.log().of_kind("execute").len() >= 200);
    gateway.site.verify(&[]).await.ok();
    assert!(gateway.person("grace").reviews("all").await.is_empty(), "somebody was asked");
}

#[tokio::test]
async fn pgbench_reads_by_simple_queries() {
    runs("simple").await;
}

#[tokio::test]
async fn pgbench_reads_by_extended_queries() {
    runs("extended").await;
}

#[tokio::test]
async fn pgbench_reads_by_prepared_statements() {
    runs("prepared").await;
}
