//! W06: what was approved is altered afterwards: the table is swapped, a trigger is put on it, the target is
//! re-pointed. Everything that names resolve to is compared at release; where nothing was altered, it runs.

use e2e::shop::insert;
use e2e::{Gateway, until};
use tokio::task::JoinSet;

use super::on_the_record;

const SWAPPED: &str = "DROP TABLE effects; CREATE TABLE effects (key TEXT NOT NULL, more TEXT) STRICT";
const TRAPPED: &str = "CREATE TRIGGER trap AFTER INSERT ON effects BEGIN DELETE FROM orders; END";

#[tokio::test]
async fn an_approval_does_not_run_on_what_was_altered_since() {
    for alteration in [SWAPPED, TRAPPED] {
        let gateway = Gateway::open().await;
        let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
        let lawful = gateway.hold(&agent, &insert("unaltered")).await;
        grace.approve(&lawful).await.ok();
        agent.resume(&lawful, "30s").await.ok();
        assert_eq!(gateway.site.shop.effects("unaltered").await, 1);

        // Altered while an approval waits for its presenter.
        let held = gateway.hold(&agent, &insert("altered")).await;
        grace.approve(&held).await.ok();
        gateway.site.shop.execute(alteration).await;
        let told = agent.resume(&held, "0s").await;
        assert_ne!(told.body["status"], "succeeded", "{told}");
        assert_eq!(gateway.site.shop.effects("altered").await, 0);
        assert_eq!(gateway.site.shop.number("SELECT count(*) FROM orders").await, 3);
        on_the_record(&gateway, "verdict", &held.review).await;
    }
}

#[tokio::test]
async fn a_waiting_action_does_not_run_on_what_was_altered_while_it_waited() {
    let gateway = Gateway::open().await;
    let (agent, grace) = (gateway.shopkeeper(), gateway.person("grace"));
    let held = gateway.hold(&agent, &insert("altered")).await;
    let mut waiting = JoinSet::new();
    let (caller, on) = (agent.clone(), held.clone());
    waiting.spawn(async move { caller.resume(&on, "30s").await });
    gateway.until_presented(&held).await;
    gateway.site.shop.execute(TRAPPED).await;
    grace.approve(&held).await.ok();
    let told = waiting.join_next().await.expect("it waits").expect("it is told");
    assert_eq!((told.status, told.problem()), (409, "drifted"), "{told}");
    assert_eq!(gateway.site.shop.effects("altered").await, 0);
    let refused = until("the drift is on the record", async || gateway.site.log().of_kind("refused").pop()).await;
    assert_eq!(refused.text("refusal"), "drifted");
    // Put back as it was within the time of the approval, it is what was approved.
    gateway.site.shop.execute("DROP TRIGGER trap").await;
    gateway.until_nobody_presents(&held).await;
    agent.resume(&held, "30s").await.ok();
    assert_eq!(gateway.site.shop.effects("altered").await, 1);
    agent.propose("sandbox", &insert("the neighbour")).await.ok();
}
