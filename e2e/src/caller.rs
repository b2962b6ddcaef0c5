//! Callers of a gateway over HTTP: agents with their token, people with their passphrase, nobody. An answer keeps its
//! bytes, so that a test can search everything that came out.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    url: String,
    authorization: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub bytes: Vec<u8>,
    /// The body as JSON, else null.
    pub body: Value,
}

/// An action that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub action: String,
    pub review: String,
    pub code: String,
}

impl Caller {
    /// Nobody in particular.
    pub fn nobody(url: &str) -> Self {
        // A connection a call: a gateway that hangs up on one call must not be felt by the next.
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(Duration::from_secs(60));
        Self { http: http.build().expect("an HTTP client"), url: url.to_owned(), authorization: None }
    }

    /// The same with another `Authorization` header.
    pub fn with(&self, authorization: &str) -> Self {
        Self { authorization: Some(authorization.to_owned()), ..self.clone() }
    }

    /// A person, who proves it with every call.
    pub fn person(&self, name: &str, passphrase: &str) -> Self {
        self.with(&format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{passphrase}"))))
    }

    /// Whoever bears this token.
    pub fn bearer(&self, token: &str) -> Self {
        self.with(&format!("Bearer {token}"))
    }

    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Calls, and fails if there is no answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let what = format!("{method} {path}");
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request).await.unwrap_or_else(|error| panic!("no answer to {what}: {error:?}"))
    }

    /// A request with the caller's credential, to be changed and sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.authorization {
            Some(header) => request.header("authorization", header),
            None => request,
        }
    }

    /// Proposes a statement on a target, without waiting for a review.
    pub async fn propose(&self, target: &str, statement: &str) -> Answer {
        self.post("/api/v1/actions", &json!({"target": target, "statement": statement})).await
    }

    /// Proposes a statement on the shop that is held.
    pub async fn held(&self, statement: &str) -> Held {
        self.propose("shop", statement).await.held()
    }

    /// Waits for an action and fetches how it ended; `None` if the gateway went away in the meantime.
    pub async fn try_resume(&self, action: &str, wait: &str) -> Option<Answer> {
        Answer::of(self.request(Method::GET, &format!("/api/v1/actions/{action}?wait={wait}"))).await.ok()
    }

    /// Waits for an action, and fetches how it ended.
    pub async fn resume(&self, held: &Held, wait: &str) -> Answer {
        self.get(&format!("/api/v1/actions/{}?wait={wait}", held.action)).await
    }

    /// Fetches an action without waiting.
    pub async fn fetch(&self, held: &Held) -> Answer {
        self.get(&format!("/api/v1/actions/{}", held.action)).await
    }

    pub async fn approve(&self, held: &Held) -> Answer {
        self.settle(held, "approve").await
    }

    /// Approves, and grants as many runs altogether within a time.
    pub async fn grant(&self, held: &Held, uses: u32, minutes: u64) -> Answer {
        self.say(held, json!({"verdict": "approve", "grant": {"uses": uses, "minutes": minutes}})).await
    }

    pub async fn reject(&self, held: &Held) -> Answer {
        self.settle(held, "reject").await
    }

    /// Gives a verdict.
    pub async fn settle(&self, held: &Held, verdict: &str) -> Answer {
        self.say(held, json!({"verdict": verdict})).await
    }

    async fn say(&self, held: &Held, mut body: Value) -> Answer {
        body["code"] = json!(held.code);
        body["reason"] = json!("an end-to-end test");
        self.post(&format!("/api/v1/reviews/{}/verdicts", held.review), &body).await
    }

    pub async fn withdraw(&self, held: &Held) -> Answer {
        self.post(&format!("/api/v1/reviews/{}/withdraw", held.review), &json!({})).await
    }

    /// Shows a review whole.
    pub async fn review(&self, held: &Held) -> Answer {
        self.get(&format!("/api/v1/reviews/{}", held.review)).await
    }

    /// Where a review stands, such as `pending`.
    pub async fn state(&self, held: &Held) -> String {
        self.review(held).await.ok()["state"].as_str().expect("a review has a state").to_owned()
    }

    /// The reviews that the caller sees: `open` or `all`.
    pub async fn reviews(&self, state: &str) -> Vec<Value> {
        let page = self.get(&format!("/api/v1/reviews?state={state}")).await.ok();
        page["items"].as_array().expect("a page has items").clone()
    }

    /// An operation on the gateway itself.
    pub async fn operate(&self, operation: &str, arguments: Value) -> Answer {
        let body = json!({"target": "countersign", "operation": operation, "arguments": arguments});
        self.post("/api/v1/actions", &body).await
    }
}

impl Answer {
    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// If the gateway went away before it answered.
    pub async fn of(request: reqwest::RequestBuilder) -> reqwest::Result<Self> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let content_type = kind.unwrap_or("").to_owned();
        let bytes = response.bytes().await?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Self { status, content_type, bytes, body })
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn with_status(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self}");
        self.body
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.with_status(200)
    }

    /// What a held action is told.
    #[track_caller]
    pub fn held(self) -> Held {
        let body = self.with_status(202);
        assert_eq!(body["status"], "pending", "{body}");
        let at = |path: &str| {
            let text = body.pointer(path).and_then(Value::as_str);
            text.unwrap_or_else(|| panic!("no `{path}` in {body}")).to_owned()
        };
        Held { action: at("/id"), review: at("/review/id"), code: at("/review/code") }
    }

    /// The rows of an action that ran.
    #[track_caller]
    pub fn rows(self) -> Vec<Value> {
        let body = self.ok();
        assert_eq!(body["status"], "succeeded", "{body}");
        body["result"]["rows"].as_array().expect("a result has rows").clone()
    }

    /// The last word of a problem's type; empty if it is none.
    pub fn problem(&self) -> &str {
        let kind = self.body.get("type").and_then(Value::as_str).unwrap_or("");
        kind.strip_prefix("urn:countersign:problem:").unwrap_or("")
    }

    /// Fails unless it is a problem of this status and kind, in RFC 9457's form.
    #[track_caller]
    pub fn is_problem(self, status: u16, kind: &str) -> Self {
        assert_eq!((self.status, self.problem()), (status, kind), "{self}");
        assert_eq!(self.content_type, "application/problem+json", "{self}");
        assert!(self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self}");
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status, self.text())
    }
}
