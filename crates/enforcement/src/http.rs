//! What the HTTP doors share: who calls, and that everything refused is a problem, whoever refuses it. A [`Caller`] stands
//! first among a route's arguments: who is not known learns nothing of form, method or path.

use axum::Router;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use model::Standing;

use crate::{Enforcement, Problem};

/// Whoever calls, as the call's `Authorization` proves it.
#[derive(Debug)]
pub struct Caller(pub Standing);

impl<S: Sync> FromRequestParts<S> for Caller
where
    Enforcement: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        authenticate(&Enforcement::from_ref(state), &parts.headers).await.map(Self)
    }
}

async fn authenticate(enforcement: &Enforcement, headers: &HeaderMap) -> Result<Standing, Problem> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    Ok(enforcement.authenticate_header(header).await?)
}

/// One of axum's extractors, whose refusal is a problem.
#[derive(Debug)]
pub struct OrProblem<E>(pub E);

impl<S: Sync, E: FromRequestParts<S>> FromRequestParts<S> for OrProblem<E>
where
    Problem: From<E::Rejection>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self(E::from_request_parts(parts, state).await?))
    }
}

impl<S: Sync, E: FromRequest<S>> FromRequest<S> for OrProblem<E>
where
    Problem: From<E::Rejection>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Ok(Self(E::from_request(request, state).await?))
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        bad_request(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        bad_request(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        bad_request(rejection.status(), rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        bad_request(rejection.status(), rejection.body_text())
    }
}

fn bad_request(status: StatusCode, detail: String) -> Problem {
    let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { "too-large" } else { "bad-request" };
    Problem::new(status.as_u16(), kind, detail, SEE)
}

/// Makes a problem of what no route answers. Under `/api/` only a known caller is told which paths and methods there are.
pub fn refuse_the_rest(routes: Router, enforcement: Enforcement) -> Router {
    let other = enforcement.clone();
    let no_method = move |uri: Uri, headers: HeaderMap| {
        let problem = Problem::new(405, "no-such-method", "this path has other methods", SEE);
        refuse(other.clone(), (uri, headers), problem)
    };
    let no_path = move |uri: Uri, headers: HeaderMap| {
        let problem = Problem::new(404, "not-found", "there is no such path", SEE);
        refuse(enforcement.clone(), (uri, headers), problem)
    };
    routes.method_not_allowed_fallback(no_method).fallback(no_path)
}

async fn refuse(enforcement: Enforcement, (uri, headers): (Uri, HeaderMap), problem: Problem) -> Problem {
    if uri.path().starts_with("/api/")
        && let Err(unknown) = authenticate(&enforcement, &headers).await
    {
        return unknown;
    }
    problem
}

const SEE: &str = "see `/api/v1/openapi.json` for the paths and the form of a call";
