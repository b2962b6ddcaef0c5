//! W23: a review is settled by a link or a page: a GET that changes state, a form of another site, a replayed
//! idempotency key. Changes are POSTs of JSON with a proof in the call itself; nothing is ambient, and no other site
//! may read or send.

use e2e::shop::insert;
use e2e::{Answer, Gateway};
use reqwest::Method;
use serde_json::json;

use super::on_the_record;

#[tokio::test]
async fn no_link_and_no_page_settles_a_review() {
    let gateway = Gateway::open().await;
    let held = gateway.hold(&gateway.shopkeeper(), &insert("by a page")).await;
    let (grace, nobody) = (gateway.person("grace"), gateway.nobody());
    let path = format!("/api/v1/reviews/{}/verdicts", held.review);
    let query = format!("{path}?verdict=approve&code={}", held.code);
    let body = json!({"verdict": "approve", "code": held.code});
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE] {
        for caller in [&grace, &nobody] {
            for path in [&path, &query] {
                let told = Answer::of(caller.request(method.clone(), path).json(&body)).await.expect("an answer");
                assert!([401, 404, 405].contains(&told.status), "{method} {path}: {told}");
            }
        }
    }
    let override_headers = grace.request(Method::GET, &query).header("x-http-method-override", "POST");
    assert_eq!(Answer::of(override_headers).await.expect("an answer").status, 405);
    // What a page of another site can send without asking first: these types, without a credential of ours.
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""] {
        for caller in [&grace, &nobody] {
            let form = caller.request(Method::POST, &path).header("content-type", kind).body(body.to_string());
            let told = Answer::of(form.header("origin", "https://evil.example")).await.expect("an answer");
            assert!([400, 401, 403, 415].contains(&told.status), "{kind}: {told}");
        }
    }
    nobody.post(&path, &body).await.is_problem(401, "not-authenticated");
    // And asking first is answered with nothing.
    let asked = nobody.request(Method::OPTIONS, &path).header("origin", "https://evil.example");
    let asked = asked.header("access-control-request-method", "POST").send().await.expect("an answer");
    assert!(!asked.headers().keys().any(|name| name.as_str().starts_with("access-control-")), "{asked:?}");
    let read = grace.request(Method::GET, "/api/v1/reviews").header("origin", "https://evil.example");
    let read = read.send().await.expect("an answer");
    assert!(!read.headers().contains_key("access-control-allow-origin") && !read.headers().contains_key("set-cookie"));
    assert_eq!(grace.state(&held).await, "pending");
    assert_eq!(gateway.site.shop.effects("by a page").await, 0);
    grace.approve(&held).await.ok();
    on_the_record(&gateway, "verdict", &held.review).await;
}

#[tokio::test]
async fn a_key_of_one_call_answers_no_other() {
    let gateway = Gateway::open().await;
    let agent = gateway.shopkeeper();
    let (first, second) = (gateway.hold(&agent, &insert("first")).await, gateway.hold(&agent, &insert("second")).await);
    let settle = async |person: &str, held: &e2e::Held, verdict: &str| {
        let path = format!("/api/v1/reviews/{}/verdicts", held.review);
        let body = json!({"verdict": verdict, "code": held.code});
        let request = gateway.person(person).request(Method::POST, &path).header("idempotency-key", "the-same");
        Answer::of(request.json(&body)).await.expect("an answer")
    };
    settle("grace", &first, "approve").await.ok();
    let other_person = settle("joan", &second, "reject").await;
    assert!(other_person.status == 200 || other_person.status >= 400, "{other_person}");
    if other_person.status == 200 {
        assert_eq!(gateway.person("grace").state(&second).await, "rejected", "another's answer was replayed");
    }
    // The same person with the same key and another body.
    let third = gateway.hold(&agent, &insert("third")).await;
    let other_body = settle("grace", &third, "approve").await;
    if other_body.status == 200 {
        assert_eq!(gateway.person("grace").state(&third).await, "approved", "an answer to another body was replayed");
    }
    settle("mary", &third, "approve").await.is_problem(404, "not-found");
}
