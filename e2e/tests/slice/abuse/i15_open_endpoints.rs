//! I15: an endpoint was left open, or names an object of somebody else. Every route of the OpenAPI document by every
//! role; a route that this matrix does not know fails the test. The object's own scope is checked.

use std::collections::BTreeSet;

use e2e::shop::insert;
use e2e::{Caller, Gateway, Held};
use reqwest::Method;
use serde_json::{Value, json};

/// Routes with what they answer to: nobody, an agent, a pipeline, a person in no group, an owner, an administrator.
const MATRIX: &[(&str, &str, [u16; 6])] = &[
    ("get", "/api/v1/actions/{id}", [401, 404, 404, 404, 404, 404]),
    ("post", "/api/v1/actions", [401, 400, 400, 400, 400, 400]),
    ("get", "/api/v1/checkpoints/latest", [200, 200, 200, 200, 200, 200]),
    ("get", "/api/v1/events", [401, 403, 403, 0, 0, 0]),
    ("get", "/api/v1/principals", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/records", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/records/{index}", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/grants", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/targets", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/reviews", [401, 403, 403, 200, 200, 200]),
    ("get", "/api/v1/reviews/{id}", [401, 403, 403, 404, 200, 404]),
    ("post", "/api/v1/reviews/{id}/verdicts", [401, 403, 403, 404, 409, 404]),
    ("post", "/api/v1/reviews/{id}/withdraw", [401, 403, 403, 403, 403, 403]),
];

/// Routes outside the document, open to everybody: they tell nothing of anybody.
const OPEN: [&str; 5] = ["/health", "/ready", "/metrics", "/log/checkpoint", "/api/v1/openapi.json"];

#[tokio::test]
async fn every_route_by_every_role_is_as_the_matrix_says() {
    let gateway = Gateway::open().await;
    // Nobody of the roles stands behind it.
    let token = gateway.add_agent("puppet", "grace", &["agents"], "agent").await;
    let held = gateway.hold(&gateway.nobody().bearer(&token), &insert("another's")).await;
    gateway.until_signed().await;
    let document = gateway.nobody().get("/api/v1/openapi.json").await.ok();
    let paths = document["paths"].as_object().expect("paths");
    let routes: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().expect("methods").keys().map(move |method| (method.clone(), path.clone()))
        })
        .collect();
    let known = MATRIX.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(routes, known, "the routes of the document against this matrix");
    let roles = ["nobody", "shopkeeper", "nightly", "edith", "joan", "vera"];
    for (method, path, expected) in MATRIX {
        for (role, status) in roles.iter().zip(expected) {
            let caller = match *role {
                "nobody" => gateway.nobody(),
                "shopkeeper" | "nightly" => gateway.agent(role),
                person => gateway.person(person),
            };
            // An open stream has no end to wait for.
            if *status > 0 {
                let told = knock(&caller, method, path, &held).await;
                assert_eq!(told, *status, "{method} {path} as {role}");
            }
        }
    }
    for path in OPEN {
        let answer = gateway.nobody().get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer}");
        assert!(!answer.text().contains("shopkeeper") && !answer.text().contains(&held.review), "{path}: {answer}");
    }
    assert_eq!(gateway.person("joan").state(&held).await, "pending");
}

async fn knock(caller: &Caller, method: &str, path: &str, held: &Held) -> u16 {
    let id = if path.contains("actions") { &held.action } else { &held.review };
    let path = path.replace("{id}", id).replace("{index}", "0");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
    // Lawful in form and with nothing in it that could count.
    let body = match path.rsplit('/').next() {
        Some("verdicts") => json!({"verdict": "approve", "code": "AAAA-AAAA"}),
        Some("actions") => json!({"target": "shop", "statement": ""}),
        _ => json!({}),
    };
    let body: Option<&Value> = (method == Method::POST).then_some(&body);
    caller.call(method.clone(), &path, body).await.status
}
