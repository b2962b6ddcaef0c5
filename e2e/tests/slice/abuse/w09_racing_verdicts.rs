//! W09: approve races reject, approve races withdraw, a double click. One verdict a person, one outcome a review, and
//! later ones are told; whatever wins is what happens.

use e2e::Gateway;
use e2e::shop::insert;

use super::on_the_record;

#[tokio::test]
async fn approve_and_reject_at_once_have_one_outcome() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..10 {
        let key = format!("race {round}");
        let held = gateway.hold(&agent, &insert(&key)).await;
        let (grace, joan) = (gateway.person("grace"), gateway.person("joan"));
        let (approved, rejected) = tokio::join!(grace.approve(&held), joan.reject(&held));
        let state = grace.state(&held).await;
        match (approved.status, rejected.status, state.as_str()) {
            (200, 409, "approved") | (409, 200, "rejected") => {}
            other => panic!("{other:?} in round {round}: {approved} / {rejected}"),
        }
        let told = agent.resume(&held, "30s").await;
        let ran = gateway.site.shop.effects(&key).await;
        let expected = if state == "approved" { (200, 1) } else { (403, 0) };
        assert_eq!((told.status, ran), expected, "{told}");
        // The outcome stays what it is, whoever says what afterwards.
        for (who, verdict) in [(&grace, "approve"), (&grace, "reject"), (&joan, "reject"), (&joan, "approve")] {
            assert_eq!(who.settle(&held, verdict).await.status, 409);
        }
        let last = if state == "approved" { "released" } else { "rejected" };
        assert_eq!(grace.state(&held).await, last);
    }
}

#[tokio::test]
async fn a_double_click_is_one_verdict() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    for round in 0..5 {
        let held = gateway.hold(&agent, &insert(&format!("click {round}"))).await;
        let grace = gateway.person("grace");
        let (one, two) = tokio::join!(grace.approve(&held), grace.approve(&held));
        let mut told = [one.status, two.status];
        told.sort_unstable();
        assert_eq!(told, [200, 409], "{one} / {two}");
        let verdicts = grace.review(&held).await.ok()["verdicts"].as_array().expect("verdicts").len();
        assert_eq!(verdicts, 1);
        if round == 4 {
            assert_eq!(on_the_record(&gateway, "verdict", &held.review).await.len(), 1);
            assert_eq!(on_the_record(&gateway, "verdict-refused", &held.review).await.len(), 1);
        }
    }
}

#[tokio::test]
async fn approve_and_withdraw_at_once_have_one_outcome() {
    let gateway = Gateway::open().await;
    let (agent, ada, grace) = (gateway.shopkeeper(), gateway.person("ada"), gateway.person("grace"));
    for round in 0..10 {
        let key = format!("withdrawn {round}");
        let held = gateway.hold(&agent, &insert(&key)).await;
        let (approved, withdrawn) = tokio::join!(grace.approve(&held), ada.withdraw(&held));
        assert_eq!(withdrawn.status, 200, "what is not released can be taken back: {withdrawn}");
        assert!([200, 409].contains(&approved.status), "{approved}");
        assert_eq!(grace.state(&held).await, "withdrawn");
        let told = agent.resume(&held, "0s").await;
        assert_eq!((told.problem(), gateway.site.shop.effects(&key).await), ("withdrawn", 0), "{told}");
        let ended = gateway.site.log().of_kind("review-ended");
        assert_eq!(ended.iter().filter(|record| record.text("review") == held.review).count(), 1);
    }
}
