//! W07: one approval is spent twice: by two connections at once, by a replay after success, by the same proposal
//! again. It is claimed once; whoever comes second does not run.

use std::sync::Arc;

use e2e::Gateway;
use e2e::shop::insert;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::on_the_record;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_approval_is_one_run() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..8 {
        let key = format!("spent {round}");
        let held = gateway.hold(&agent, &insert(&key)).await;
        gateway.person("grace").approve(&held).await.ok();
        let barrier = Arc::new(Barrier::new(4));
        let mut calls = JoinSet::new();
        for number in 0..4 {
            let (barrier, held, key) = (Arc::clone(&barrier), held.clone(), key.clone());
            // Connections of their own; half of them present the same action anew.
            let agent = e2e::Caller::nobody(&gateway.url).bearer(gateway.site.token("shopkeeper"));
            calls.spawn(async move {
                barrier.wait().await;
                if number % 2 == 0 {
                    agent.resume(&held, "0s").await
                } else {
                    agent.propose("shop", &insert(&key)).await
                }
            });
        }
        let told = calls.join_all().await;
        let ran = told.iter().filter(|answer| answer.body["status"] == "succeeded").count();
        assert!(ran >= 1, "round {round}: nobody ran it: {told:?}");
        for _ in 0..2 {
            agent.resume(&held, "0s").await;
        }
        assert_eq!(gateway.site.shop.effects(&key).await, 1, "round {round}: {told:?}");
        let released = gateway.site.log().of_kind("released");
        assert_eq!(released.iter().filter(|record| record.text("review") == held.review).count(), 1);
    }
    let last = gateway.site.log().of_kind("released").pop().expect("a release");
    on_the_record(&gateway, "released", last.text("review")).await;
}
