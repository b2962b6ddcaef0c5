//! The CLI's way to the gateway: one HTTP client, problems turned into errors that say what to do.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::failure::Problem;

/// A caller of the gateway with its credential.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    authorization: Option<SecretString>,
}

impl Client {
    /// As nobody in particular.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), authorization: None })
    }

    /// As a person, who proves it with every call.
    pub(crate) fn person(url: &str, name: &str, passphrase: &SecretString) -> anyhow::Result<Self> {
        let pair = format!("{name}:{}", passphrase.expose_secret());
        let header = format!("Basic {}", BASE64_STANDARD.encode(pair));
        Ok(Self { authorization: Some(SecretString::from(header)), ..Self::new(url)? })
    }

    /// As an agent or pipeline.
    pub(crate) fn bearer(url: &str, token: &SecretString) -> anyhow::Result<Self> {
        let header = format!("Bearer {}", token.expose_secret());
        Ok(Self { authorization: Some(SecretString::from(header)), ..Self::new(url)? })
    }

    /// The same caller once more, for a call beside this one.
    pub(crate) fn again(&self) -> Self {
        let authorization = self.authorization.as_ref().map(|header| SecretString::from(header.expose_secret()));
        Self { http: self.http.clone(), url: self.url.clone(), authorization }
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let response = self.send(method, path, body).await?;
        let success = response.status().is_success();
        let status = response.status();
        let text = response.text().await.context("the gateway's answer broke off")?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if success {
            return Ok(body);
        }
        if body.get("detail").is_none() {
            anyhow::bail!("the gateway answered {status}: {}", crate::terminal::shown(Some(&body)));
        }
        Err(Problem::of(body).into())
    }

    /// Sends a call and gives the answer as it comes.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(header) = &self.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, header.expose_secret());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.with_context(|| {
            format!(
                "cannot reach the gateway at {}: is `countersign serve` running? give its address with `--url`",
                self.url
            )
        })
    }
}
