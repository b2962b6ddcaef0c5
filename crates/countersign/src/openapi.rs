//! The OpenAPI document, generated from the code and kept as `docs/reference/openapi.json`.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi as _;
use utoipa::openapi::{InfoBuilder, OpenApi};

/// The whole document.
pub(crate) fn document() -> OpenApi {
    let mut document = proxy::door::native::NativeApi::openapi();
    document.merge(console::ConsoleApi::openapi());
    document.info = InfoBuilder::new()
        .title("Countersign")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Agents propose. People countersign."))
        .build();
    document
}

/// Serves it.
pub(crate) fn router() -> Router {
    Router::new().route("/api/v1/openapi.json", get(|| async { Json(document()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_the_golden_one() {
        let text = document().to_pretty_json().unwrap() + "\n";
        crate::golden::hold("openapi.json", &text);
    }
}
