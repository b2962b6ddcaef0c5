//! W21: a grant is stretched: to more uses, another target, other resources or values, another actor, beyond its end. Each
//! action is checked against the digest that people saw, and each use is opened once.

use e2e::Gateway;
use e2e::shop::insert;
use serde_json::{Value, json};

use super::{on_the_record, verified};

async fn grants(gateway: &Gateway) -> Vec<Value> {
    let page = gateway.person("joan").get("/api/v1/grants").await.ok();
    page["items"].as_array().expect("a page has items").clone()
}

#[tokio::test]
async fn a_grant_covers_what_people_saw_and_no_more() {
    let gateway = Gateway::open().await;
    let (agent, joan) = (gateway.shopkeeper(), gateway.person("joan"));
    let write = insert("granted");
    let held = gateway.hold(&agent, &write).await;
    for (uses, minutes) in [(1, 60), (101, 60)] {
        joan.grant(&held, uses, minutes).await.is_problem(409, "not-counted");
    }
    joan.grant(&held, 4, 60).await.ok();
    assert!(grants(&gateway).await.is_empty(), "the run that was asked for comes first");
    agent.resume(&held, "30s").await.ok();
    agent.propose("shop", &write).await.ok();
    assert_eq!(gateway.site.shop.effects("granted").await, 2);
    let [granted] = grants(&gateway).await.try_into().expect("one grant");
    let said = (&granted["id"], &granted["grant"]["used"], &granted["grant"]["uses"]);
    assert_eq!(said, (&json!(held.review), &json!(2), &json!(4)), "{granted}");

    // Near misses ask anew: another text, other values, another actor.
    agent.held(&insert("granted ")).await;
    let values = json!({"target": "shop", "statement": &write, "parameters": [1]});
    assert_ne!(agent.post("/api/v1/actions", &values).await.status, 200);
    gateway.hold(&gateway.agent("clerk"), &write).await;
    assert_eq!(gateway.site.shop.effects("granted").await, 2);

    // It outlives the gateway, and is used up all the same; of many at once, no more run than are left.
    let gateway = gateway.killed_and_restarted().await;
    let agent = gateway.shopkeeper();
    let propose = || agent.propose("shop", &write);
    let (a, b, c, d) = tokio::join!(propose(), propose(), propose(), propose());
    let ran = [a, b, c, d].iter().filter(|answer| answer.status == 200).count();
    assert_eq!((ran, gateway.site.shop.effects("granted").await), (2, 4));
    assert!(grants(&gateway).await.is_empty());
    on_the_record(&gateway, "released", &held.review).await;
    verified(&gateway).await;
}

#[tokio::test]
async fn a_grant_ends_when_somebody_who_was_asked_rejects_it() {
    let gateway = Gateway::open().await;
    let (agent, joan) = (gateway.shopkeeper(), gateway.person("joan"));
    let write = insert("granted");
    let held = gateway.hold(&agent, &write).await;
    joan.grant(&held, 9, 60).await.ok();
    agent.resume(&held, "30s").await.ok();
    agent.propose("shop", &write).await.ok();
    assert_ne!(gateway.person("ada").reject(&held).await.status, 200, "the agent's owner has no say in it");
    joan.reject(&held).await.ok();
    assert!(grants(&gateway).await.is_empty());
    agent.held(&write).await;
    assert_eq!(gateway.site.shop.effects("granted").await, 2);
    verified(&gateway).await;
}
