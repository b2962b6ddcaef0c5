//! P07: a harmless statement first, a destructive one behind it. One call is one statement, judged whole; each alone
//! is the lawful twin, and straight to the file the batch works.

use e2e::Gateway;
use e2e::shop::insert;

use super::verified;

#[tokio::test]
async fn a_batch_does_not_carry_a_second_statement() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    gateway.site.shop.execute(&format!("SELECT 1; {}", insert("straight"))).await;
    assert_eq!(gateway.site.shop.effects("straight").await, 1, "a dead exploit");
    let second = insert("behind");
    for batch in [
        format!("SELECT 1; {second}"),
        format!("SELECT 1;{second};"),
        format!("SELECT 1;;;\n\n{second}"),
        format!("SELECT 1 -- harmless\n; {second}"),
        format!("SELECT 1 /* ; */ ; {second}"),
        format!("SELECT ';' ; {second}"),
        format!("SELECT 1 AS \"a;b\"; {second}"),
        format!("SELECT 1; /* {second} */ {second}"),
        format!("{second}; SELECT 1"),
        format!("{second}; {second}"),
        format!("BEGIN; {second}; COMMIT"),
        format!("; {second}; SELECT 1"),
    ] {
        for target in ["shop", "sandbox"] {
            let told = agent.propose(target, &batch).await;
            assert_ne!(told.status, 200, "{target}: {batch}: {told}");
            assert_ne!(told.status, 202, "{target}: somebody was asked for a batch: {batch}: {told}");
        }
    }
    assert_eq!(gateway.site.shop.effects("behind").await, 0);
    for statement in ["SELECT 1;", "SELECT ';'", "SELECT '; DELETE FROM orders'"] {
        agent.propose("shop", statement).await.ok();
    }
    // A comment is where two lexers may part: it is refused, whatever is in it.
    for statement in ["SELECT 1 -- ; DELETE FROM orders", "SELECT 1 /* ; DELETE FROM orders */"] {
        agent.propose("shop", statement).await.is_problem(400, "bad-statement");
    }
    agent.propose("sandbox", &format!("{second};")).await.ok();
    assert_eq!(gateway.site.shop.effects("behind").await, 1);
    verified(&gateway).await;
}
