//! I09: a requirement is empty or missing, and the attacker is let through: no policy, no rule, no group, no
//! reviewers, an empty credential. Nothing grants nothing; the same with something in it is the lawful twin.

use e2e::shop::insert;
use e2e::{Gateway, Site};

use super::refusals_on_the_record;

#[tokio::test]
async fn no_policy_or_an_empty_one_permits_nothing() {
    let site = Site::new().await;
    let starter = site.read("policies/starter.cedar");
    std::fs::remove_file(site.path("policies/starter.cedar")).expect("it can be removed");
    assert!(site.check().await.exits(1).stderr.contains("nothing is permitted"));
    site.refused().await;
    site.write("policies/starter.cedar", "// nothing\n");
    let gateway = site.serve().await;
    for target in ["shop", "sandbox"] {
        gateway.shopkeeper().propose(target, "SELECT 1").await.is_problem(403, "denied");
        gateway.shopkeeper().propose(target, &insert("unpermitted")).await.is_problem(403, "denied");
    }
    let ada = gateway.person("ada");
    ada.operate("agent.add", serde_json::json!({"name": "x", "owner": "ada"})).await.is_problem(403, "denied");
    assert_eq!(refusals_on_the_record(&gateway).await.len(), 5);
    assert_eq!(gateway.site.shop.effects("unpermitted").await, 0);
    let site = gateway.stop().await;
    site.write("policies/starter.cedar", &starter);
    site.serve().await.shopkeeper().propose("shop", "SELECT 1").await.ok();
}

/// Permits alone, without whom anybody asks, are no reviewers: nobody can countersign where no rule says who may.
#[tokio::test]
async fn no_rule_on_countersigning_is_nobody_countersigns() {
    let site = Site::new().await;
    let starter = site.read("policies/starter.cedar");
    let (from, to) = ("@id(\"people-countersign\")", "@id(\"admins-run-the-gateway\")");
    let (start, end) = (starter.find(from).expect(from), starter.find(to).expect(to));
    site.write("policies/starter.cedar", &format!("{}{}", &starter[..start], &starter[end..]));
    let gateway = site.serve().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("uncountersigned")).await;
    gateway.person("grace").approve(&held).await.is_problem(409, "not-counted");
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
    assert_eq!(gateway.site.shop.effects("uncountersigned").await, 0);
}

#[tokio::test]
async fn who_is_in_no_group_may_nothing() {
    let gateway = Gateway::open().await;
    let token = gateway.add_agent("groupless", "ada", &[], "agent").await;
    let groupless = gateway.nobody().bearer(&token);
    groupless.propose("shop", "SELECT 1").await.is_problem(403, "denied");
    groupless.propose("sandbox", &insert("groupless")).await.is_problem(403, "denied");
    let held = gateway.hold(&gateway.shopkeeper(), &insert("held")).await;
    let edith = gateway.person("edith");
    edith.approve(&held).await.is_problem(404, "not-found");
    edith.review(&held).await.is_problem(404, "not-found");
    assert!(edith.reviews("all").await.is_empty());
    edith.propose("shop", "SELECT 1").await.is_problem(403, "denied");
    assert_eq!(gateway.person("grace").state(&held).await, "pending");
    assert_eq!(gateway.site.shop.number("SELECT count(*) FROM effects").await, 0);
}

#[tokio::test]
async fn an_empty_credential_is_none() {
    let gateway = Gateway::open().await;
    let nobody = gateway.nobody();
    for caller in
        [nobody.bearer(""), nobody.person("", ""), nobody.person("ada", ""), nobody.person("", "ada-countersigns")]
    {
        caller.propose("shop", "SELECT 1").await.is_problem(401, "not-authenticated");
        caller.get("/api/v1/reviews").await.is_problem(401, "not-authenticated");
    }
    for passphrase in ["", "short", "eleven char"] {
        let arguments = ["person", "add", "eve", "--as", "ada", "--passphrase-stdin"];
        let ran = gateway.cli(&arguments, &format!("ada-countersigns\n{passphrase}\n")).await.exits(1);
        assert!(ran.stderr.contains("at least 12 characters"), "{ran:?}");
    }
    gateway.person("ada").get("/api/v1/reviews").await.ok();
}
